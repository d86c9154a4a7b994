import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import type { Settings } from '../config.ts';
import { sizeNames } from '../settings/sizes.ts';
import { settingsPages, withTables } from '../tools/docs/pages.ts';
import { settingsReference, written } from '../tools/docs/reference.ts';
import { settingsWith } from './support/settings.ts';

const reference = settingsReference();
const pages = Object.entries(settingsPages());

function valueAt(settings: Settings, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], settings);
}

/** Every path of a stack file that leads to a value or to an empty key. */
function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return pathsOf(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return [path];
  return Object.entries(value).flatMap(([key, below]) =>
    pathsOf(below, path === '' ? key : `${path}.${key}`),
  );
}

describe('the reference of the settings', () => {
  for (const [file, content] of pages) {
    it(`${basename(file)} is current (else: npm run docs)`, () =>
      expect(readFileSync(file, 'utf8') === content, 'differs from what the settings say').to.equal(true));
  }

  it('says of every key what it may be and what it does', () => {
    expect(reference).to.have.length.above(200);
    for (const { path, allowed, effect } of reference) {
      expect(allowed, path).to.match(/^\S.{2,}/);
      expect(effect, path).to.match(/^[A-Z`].{4,}/);
    }
  });

  // Comments tell the defaults that depend on others; this is what a stack without them gets.
  for (const size of sizeNames) {
    it(`tells the defaults with size ${size}`, () => {
      const defaults = settingsWith({ server: { size } });
      for (const { path, otherwise } of reference) {
        if (/^(cloud|kubernetes)\b|\[\]|^server.size/.test(path)) continue;
        const value = written(valueAt(defaults, path));
        const prose = `\`${otherwise}\``.includes('twice as many') || path === 'autoscaling.min';
        if (value !== undefined && !prose) expect(otherwise, path).to.include(value);
      }
    });
  }

  it('has every key in the template', () => {
    const template = pages.find(([file]) => file.endsWith('.yaml'))?.[1] ?? '';
    const { config } = parse(template.replace(/^ {2}# /gm, '  ')) as { config: Record<string, unknown> };
    const topics = Object.entries(config).map(([key, value]) => [key.replace('mlflow-stack:', ''), value]);
    const lists = reference
      .map(({ path }) => path)
      .filter((path) => reference.some((other) => other.path.startsWith(`${path}[]`)));
    const expected = reference.map(({ path }) => path).filter((path) => !lists.includes(path));
    // An empty list or section stands for what users choose.
    expect(pathsOf(Object.fromEntries(topics)).map((path) => path.replace(/\[\]$/, ''))).to.have.members(
      expected,
    );
  });

  it('refuses a key that no table has', () =>
    expect(() => withTables('<!-- settings: server -->\n\n<!-- end -->', reference)).to.throw(
      /^No table of docs\/configuration.md has cloud, kubernetes.context,.*<!-- settings: NAME -->/,
    ));
});
