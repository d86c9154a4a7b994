// What each stack file makes of the cluster, as text to read and to review: tests/golden/<stack>.yaml. After a change that is
// meant: UPDATE_GOLDEN=1 npm run test:unit golden
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { stringify } from 'yaml';
import { isKubernetesObject, manifest } from './support/manifests.ts';
import { type Json, type Registered, isObject, isSecret } from './support/mocks.ts';
import { list, readyCluster } from './support/api-server.ts';
import { runProgram, stackFile } from './support/program.ts';

const project = join(import.meta.dirname, '..');
const folder = join(import.meta.dirname, 'golden');

/** The labels that all objects have say nothing here. */
const said = /^app\.kubernetes\.io\/(name|instance|part-of|managed-by)$/;

/** Without what is secret, long, or different in each run. */
function readable(value: Json, key = ''): Json {
  if (isSecret(value)) return '(secret)';
  if (Array.isArray(value)) return value.map((item) => readable(item));
  if (isObject(value)) {
    const fields = Object.entries(value).filter(([field]) => key !== 'labels' || !said.test(field));
    return Object.fromEntries(fields.map(([field, item]) => [field, readable(item, field)]));
  }
  if (key.startsWith('mlflow-stack/') && /^[0-9a-f]{8}$/.test(String(value))) return '(hash)';
  if (typeof value !== 'string') return value;
  return value.includes('\n') ? '(text)' : value.replace(/^(mlflow-migration-[0-9a-f]{8})-\w+$/, '$1-(time)');
}

/** Objects in the order of their kinds and names, so that a diff shows what changed and nothing else. */
function rendered(resources: readonly Registered[]): string {
  const order = (one: Registered) => `${manifest(one).kind}/${one.name}`;
  const documents = resources
    .filter(isKubernetesObject)
    .sort((a, b) => (order(a) < order(b) ? -1 : 1))
    .map(
      ({ id, inputs }) => `# ${id}\n${stringify(readable(inputs), { lineWidth: 0, sortMapEntries: true })}`,
    );
  return documents.join('---\n');
}

/** A cluster that has what any stack file asks for. */
const cluster = {
  ...readyCluster(),
  '/apis/networking.k8s.io/v1/ingressclasses': list(
    ...['traefik', 'nginx', 'gce', 'alb'].map((name) => ({ name })),
  ),
};

describe('golden files', () => {
  const stacks = globSync('Pulumi.*.yaml', { cwd: project })
    .map((file) => file.split('.')[1] ?? '')
    .sort();

  for (const stack of stacks) {
    it(`tell what stack ${stack} makes`, async () => {
      const settings = stackFile(join(project, `Pulumi.${stack}.yaml`));
      const { resources } = await runProgram(settings, { stack, cluster });
      const path = join(folder, `${stack}.yaml`);
      const text = rendered(resources);
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
