import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseSettings } from '../config.ts';

const required = { cloud: 'local', kubernetes: { context: 'kind-kind' } };
const reference = readFileSync(join(import.meta.dirname, '../docs/configuration.md'), 'utf8');

/** Key and default of each row in the tables. */
const documented = new Map(
  [...reference.matchAll(/^\| `([\w.]+)` +\| (.+?) +\|/gm)].map(([, key = '', value = '']) => [key, value]),
);

function flatten(value: unknown, path = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  const entries = Object.entries(value);
  return entries.length === 0
    ? [[path, value]]
    : entries.flatMap(([key, item]) => flatten(item, path === '' ? key : `${path}.${key}`));
}

/** How the reference writes a default. */
function written(value: unknown): string {
  const empty = value === '' || (typeof value === 'object' && Object.keys(value ?? {}).length === 0);
  return empty ? 'none' : `\`${String(value)}\``;
}

describe('the configuration reference', () => {
  const defaults = flatten(parseSettings(required)).filter(([key]) => !/^(cloud|kubernetes)/.test(key));

  for (const [key, value] of defaults) {
    it(`tells the default of ${key}`, () => expect(documented.get(key)).to.equal(written(value)));
  }

  for (const key of documented.keys()) {
    it(`names ${key} as the program knows it`, () => {
      const wrong = key
        .split('.')
        .reduceRight<unknown>((inner, name) => ({ [name]: inner }), Symbol.iterator);
      expect(() => parseSettings({ ...required, ...(wrong as object) })).to.throw(
        new RegExp(`mlflow-stack:${key.replaceAll('.', '\\.')} is (?!not known)`),
      );
    });
  }
});
