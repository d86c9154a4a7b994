import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { Json, JsonObject } from '../../tools/render/engine.ts';
import { newFolder, writeFiles } from '../../tools/render/files.ts';
import { render } from '../../tools/render/manifests.ts';
import { documented } from '../support/documentation.ts';
import { folderOf } from '../support/kubeconfig.ts';
import { stackFile } from '../support/program.ts';

const project = join(import.meta.dirname, '../..');
const local = join(project, 'Pulumi.local.yaml');

/** Runs the command with neither a kubeconfig nor a log-in. */
async function run(...args: string[]) {
  const { HOME: _, KUBECONFIG: __, ...env } = process.env;
  return await execa(process.execPath, [join(project, 'tools/render.ts'), ...args], {
    env: { ...env, HOME: '/nonexistent' },
    extendEnv: false,
    reject: false,
  });
}

const kindsOf = (documents: readonly { kind: string }[]): string[] => documents.map(({ kind }) => kind);

describe('npm run render', () => {
  let folder: ReturnType<typeof folderOf>;
  beforeEach(() => (folder = folderOf({})));
  afterEach(() => folder.remove());

  it('writes a file for each object, in the order in which kubectl takes them', async () => {
    const { manifests } = await render(stackFile(local), { stack: 'local', secrets: true });
    const out = folder.path('manifests');
    newFolder(out);
    writeFiles(out, manifests);
    const files = globSync('*', { cwd: out }).sort();
    expect(files).to.have.lengthOf(manifests.length);
    expect(files[0]).to.equal('0-namespace-mlflow-namespace.yaml');
    const objects = files.map(
      (file) => parse(readFileSync(join(out, file), 'utf8')) as { kind: string; metadata: { name: string } },
    );
    expect(kindsOf(objects)).to.include.members(['Namespace', 'Deployment', 'StatefulSet', 'Ingress', 'Job']);
    for (const { metadata } of objects) expect(metadata.name).to.match(/^[a-z0-9-]+$/);
    // Nobody else may read what is secret.
    for (const [index, file] of files.entries())
      expect(statSync(join(out, file)).mode & 0o777).to.equal(
        objects[index]?.kind === 'Secret' ? 0o600 : 0o644,
      );
    expect(() => newFolder(out)).to.throw(
      `${out} is not empty; nothing was written. Name a new folder with --out, or empty it.`,
    );
    const below = join(out, files[0] ?? '', 'below');
    expect(() => newFolder(below)).to.throw(/cannot be written to \(.*\); name another folder with --out\.$/);
  });

  it('leaves Secrets out, and says so on standard error', async () => {
    const { stdout, stderr, exitCode } = await run('--stack', 'local');
    expect(exitCode, stderr).to.equal(0);
    expect(stderr).to.match(/^Left out, unless --secrets is given: .*Secret\/mlflow-keys-secret, .*\.$/);
    const documents = parseAllDocuments(stdout).map((each) => each.toJS() as { kind: string });
    expect(kindsOf(documents)).to.include('Deployment').and.not.to.include('Secret');
    expect(stdout).to.include('database-ca.crt: (known after apply)');
  });

  it('writes Secrets when it is asked to, all to standard output', async () => {
    const settings = stringify({
      config: { ...stackFile(local), 'mlflow-stack:backendStore': { password: 'correct horse battery' } },
    });
    writeFileSync(folder.path('settings'), settings);
    const { stdout, stderr, exitCode } = await run('--secrets', '--config-file', folder.path('settings'));
    expect(exitCode, stderr).to.equal(0);
    expect(stderr).to.equal('');
    const documents = parseAllDocuments(stdout).map((each) => each.toJS() as { kind: string });
    expect(kindsOf(documents)).to.include.members(['Namespace', 'Secret']);
    expect(stdout)
      .to.include('password: correct horse battery')
      .and.not.to.match(/\(secret\)|database-ca.crt: \(/);
    // What belongs together does.
    const ca = /^ {2}ca\.crt: \|\n((?: {4}.*\n)+)/m.exec(stdout)?.[1];
    expect(ca).to.be.a('string');
    expect(stdout).to.include(`  database-ca.crt: |\n${ca}`);
  });

  it('needs no log-in to the cloud of a stack', async () => {
    const argsOf = (command: string) => command.replace(/^.* -- /, '').split(' ');
    const shown = await run(...argsOf(documented('npm run -s render -- --stack prod-aws')));
    expect(shown.exitCode, shown.stderr).to.equal(0);
    expect(shown.stderr).to.match(/^Not among them: \d+ resources of the cloud/m);
    const manifests = folder.path('manifests');
    const written = await run(
      ...argsOf(documented('npm run render -- --stack prod-aws --out manifests', { manifests })),
    );
    expect(written.exitCode, written.stderr).to.equal(0);
    const documents = parseAllDocuments(shown.stdout);
    expect(globSync('*', { cwd: manifests })).to.have.lengthOf(documents.length);
  });

  it('refuses in a sentence, before it writes anything', async () => {
    const out = folder.path('out');
    const { stdout, stderr, exitCode } = await run('--stack', 'nowhere', '--out', out);
    expect({ stdout, stderr, exitCode }).to.deep.equal({
      stdout: '',
      stderr: 'There is no Pulumi.nowhere.yaml; name a stack with --stack.',
      exitCode: 1,
    });
    const config = { ...stackFile(local), 'mlflow-stack:clod': 'local' };
    const refused = await render(config, { stack: 'local' }).catch(String);
    expect(refused).to.include('mlflow-stack:clod is not known (did you mean cloud?)');
    expect(globSync('*', { cwd: folder.path('') })).to.deep.equal([]);
  });

  describe('of a stack on what is there already', () => {
    const named = (secretName: string) => ({ secretName, key: 'key' });
    const stacks: Record<string, Record<string, object>> = {
      local: {
        namespace: { name: 'team-a', create: false },
        backendStore: { kind: 'external', uriFrom: named('db') },
        artifactStore: {
          kind: 's3Compatible',
          endpointUrl: 'https://s3.example',
          credentialsFrom: { secretName: 's3' },
        },
        auth: { kind: 'basic', adminPasswordFrom: named('admin') },
        metrics: { enabled: true, discovery: 'serviceMonitor' },
        httpRoute: { enabled: true, parentRefs: [{ name: 'edge' }], hosts: ['route.example'] },
      },
      'prod-aws': {
        artifactStore: { existingBucket: 'old-files', accessLogging: false },
        backendStore: { existingInstance: 'old-instance', auth: 'iam' },
        networkPolicy: { clients: [{ cidr: '10.0.0.0/8' }] },
      },
      'dev-gcp': {
        gcp: { network: undefined },
        artifactStore: { existingBucket: 'old-files' },
        backendStore: { existingInstance: 'my-team-dev:europe-west1:old', tier: undefined },
      },
    };

    for (const [stack, changes] of Object.entries(stacks)) {
      it(`is the same each time and has no secret, with stack ${stack}`, async () => {
        const config = stackFile(join(project, `Pulumi.${stack}.yaml`));
        for (const [key, value] of Object.entries(changes)) {
          const before = config[`mlflow-stack:${key}`] as object | undefined;
          config[`mlflow-stack:${key}`] = { ...before, ...value };
        }
        const { manifests, others } = await render(config, { stack });
        expect(manifests).to.deep.equal((await render(config, { stack })).manifests);
        expect(others > 0).to.equal(stack !== 'local');
        const deployment = manifests.find(({ id }) => id === 'Deployment/mlflow-deployment')?.object;
        expect(deployment?.spec).to.be.an('object');
        for (const { id, object } of manifests) {
          expect(JSON.stringify(object), id).not.to.match(/PRIVATE KEY|04da6b54|undefined/);
          if (object.kind === 'Secret')
            expect(valuesOf(object.stringData ?? null), id).to.deep.equal(['(secret)']);
        }
      });
    }
  });
});

const valuesOf = (value: Json): Json[] =>
  typeof value === 'object' && value !== null
    ? Object.values(value as JsonObject).flatMap(valuesOf)
    : [value];
