// What each stack file makes of the cluster, as text to read and to review: tests/golden/<stack>.yaml. It is what `npm run render`
// writes, with Secrets and without what is long. After a change that is meant: UPDATE_GOLDEN=1 npm run test:unit golden
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Json, isObject } from '../tools/render/engine.ts';
import { render, yamlOf } from '../tools/render/manifests.ts';
import { stackFile } from './support/program.ts';

const project = join(import.meta.dirname, '..');
const folder = join(import.meta.dirname, 'golden');

/** The labels that all objects have say nothing here. */
const said = /^app\.kubernetes\.io\/(name|instance|part-of|managed-by)$/;

/** Without what is long, or changes with the version of this stack. */
function readable(value: Json, key = ''): Json {
  if (Array.isArray(value)) return value.map((item) => readable(item));
  if (isObject(value)) {
    const fields = Object.entries(value).filter(([field]) => key !== 'labels' || !said.test(field));
    return Object.fromEntries(fields.map(([field, item]) => [field, readable(item, field)]));
  }
  return typeof value === 'string' && value.includes('\n') ? '(text)' : value;
}

describe('golden files', () => {
  const stacks = globSync('Pulumi.*.yaml', { cwd: project })
    .map((file) => file.split('.')[1] ?? '')
    .sort();

  for (const stack of stacks) {
    it(`tell what stack ${stack} makes`, async () => {
      const { manifests } = await render(stackFile(join(project, `Pulumi.${stack}.yaml`)), { stack });
      const path = join(folder, `${stack}.yaml`);
      const text = manifests
        .map(({ id, object }) => yamlOf({ id, object: readable(object) as typeof object }))
        .join('---\n');
      // A stack file that is new gets its own; in CI it must be there.
      if (process.env.UPDATE_GOLDEN || (!existsSync(path) && !process.env.CI)) {
        mkdirSync(folder, { recursive: true });
        writeFileSync(path, text);
      }
      expect(existsSync(path) && readFileSync(path, 'utf8'), path).to.equal(text);
    });
  }

  it('are of stacks that there are', () => {
    expect(globSync('*.yaml', { cwd: folder }).map((file) => file.replace('.yaml', ''))).to.have.members(
      stacks,
    );
  });
});
