import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';

const project = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(project, path), 'utf8');
const page = read('docs/security.md');

describe('docs/security.md', () => {
  it('names settings that there are', () => {
    const known = read('docs/configuration.md');
    const keys = [...page.matchAll(/`([a-zA-Z]+\.[a-zA-Z.]+)`/g)].map(([, key = '']) => key);
    expect(keys).to.have.length.above(15);
    // A section is known by its keys.
    for (const key of keys)
      expect(known.includes(`\`${key}\``) || known.includes(`\`${key}.`), key).to.equal(true);
  });

  it('names tests that there are', () => {
    const tests = globSync('tests/**/*.ts', { cwd: project }).map(read).join('\n');
    const titles = [...page.matchAll(/"([^"]+)"/g)].map(([, title = '']) => title);
    expect(titles).to.have.length.above(15);
    for (const title of titles) expect(tests.includes(title), title).to.equal(true);
  });
});
