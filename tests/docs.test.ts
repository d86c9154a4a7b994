import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { allowedValues, settingPaths } from './support/schema.ts';
import { settingsWith } from './support/settings.ts';

const reference = readFileSync(join(import.meta.dirname, '../docs/configuration.md'), 'utf8');

/** Default and meaning of each row in the tables, by key. */
const documented = new Map(
  [...reference.matchAll(/^\| `([\w.]+)` +\| (.+?) +\| (.*?) +\|$/gm)].map(
    ([, key = '', value = '', meaning = '']) => [key, { value, meaning }],
  ),
);

/** How the reference writes a default. */
function written(value: unknown): string {
  const empty = value === '' || (typeof value === 'object' && Object.keys(value ?? {}).length === 0);
  return empty ? 'none' : `\`${String(value)}\``;
}

function valueAt(settings: unknown, path: string): unknown {
  return path.split('.').reduce((at, key) => (at as Record<string, unknown> | undefined)?.[key], settings);
}

describe('the configuration reference', () => {
  const keys = settingPaths();
  const defaults = settingsWith();

  it('names every key, each once, and no other', () => {
    expect(keys).to.have.length.above(150);
    expect([...documented.keys()]).to.have.members(keys);
    for (const key of keys) expect(reference.split(`| \`${key}\` `), key).to.have.lengthOf(2);
  });

  for (const key of keys.filter((each) => !/^(cloud|kubernetes\.)/.test(each))) {
    const value = valueAt(defaults, key);
    if (value !== undefined) {
      it(`tells the default of ${key}`, () => expect(documented.get(key)?.value).to.equal(written(value)));
    }
  }

  for (const key of keys) {
    const values = allowedValues(key.split('.'));
    if (values.length > 0) {
      it(`names what ${key} may be`, () => {
        const { value = '', meaning = '' } = documented.get(key) ?? {};
        for (const each of values) expect(value + meaning).to.include(`\`${each}\``);
      });
    }
  }
});
