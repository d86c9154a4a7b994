// A stack in the hands of its operators: the commands for every day, changes by hand, and faults that the doctor must name.
import { expect } from 'chai';
import { apply, eventually, inMlflow, kubectl, sql, tryKubectl } from './support/cluster.ts';
import { Operator } from './support/operator.ts';

const operator = new Operator('operate');
const secret = (name: string, stringData: Record<string, string>) =>
  apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'mlflow' }, stringData });

const password = 'a password of 2 words & more';
const settings = {
  namespace: { name: 'mlflow', create: false },
  artifactStore: { kind: 's3Compatible', size: '1Gi' },
  backendStore: { size: '1Gi', passwordFrom: { secretName: 'database', key: 'password' } },
  server: {
    resources: { requests: { cpu: '100m', memory: '512Mi' } },
    envFrom: [{ secretRef: { name: 'gateway' } }],
  },
};

interface Finding {
  readonly id: string;
  readonly what: string;
  readonly cause: string;
  readonly next: string;
}

/** What the doctor finds; it must end accordingly. */
async function findings(...args: string[]): Promise<Finding[]> {
  const { exitCode, stdout, all } = await operator.run('doctor', ['--json', ...args]);
  const { findings } = JSON.parse(stdout || '{}') as { findings?: Finding[] };
  if (findings === undefined) throw new Error(`the doctor said nothing to read:\n${all}`);
  expect(exitCode).to.equal(findings.length === 0 ? 0 : 1);
  for (const { what, cause, next } of findings) expect([what, cause, next]).not.to.include('');
  return findings;
}

/** Waits until the doctor names a cause, and gives it back. */
async function named(id: string, ...args: string[]): Promise<Finding> {
  let found: Finding[] = [];
  await eventually(`the doctor finds ${id}`, async () => {
    found = await findings(...args);
    return found.some((each) => each.id === id);
  }).catch((error: unknown) => {
    throw new Error(`${(error as Error).message}; found: ${JSON.stringify(found, null, 2)}`);
  });
  return found.find((each) => each.id === id) as Finding;
}

const isReady = async () => (await operator.run('status')).exitCode === 0;

const newPods = () =>
  kubectl(...inMlflow, 'delete', 'pods', '--selector', 'app.kubernetes.io/component=tracking-server');

describe('An operator', function () {
  this.timeout('10m');
  this.bail(true);

  before(async () => {
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await kubectl('create', 'namespace', 'mlflow');
    await operator.begin({ ...settings });
  });

  after(async () => {
    await operator.end();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await tryKubectl('delete', 'storageclass', 'nowhere', '--ignore-not-found');
  });

  describe('of a stack that is not up', () => {
    for (const script of ['status', 'logs', 'restart', 'db:shell', 'db:size']) {
      it(`is told so by ${script}`, async () => {
        const { exitCode, all } = await operator.run(script);
        expect(all).to.equal('Stack operate is not up: npm run pulumi -- up --stack operate');
        expect(exitCode).to.equal(1);
      });
    }

    it('is told by the doctor which Secrets are missing', async () => {
      const found = await findings();
      expect(found.map(({ id }) => id)).to.deep.equal(['secret-missing', 'secret-missing']);
      expect(found[0]?.cause).to.include(
        'Secret "database", which mlflow-stack:backendStore.passwordFrom names',
      );
    });

    it('learns from up and doctor why its database has no volume', async () => {
      await secret('database', { password });
      await secret('gateway', { OPENAI_API_KEY: 'key' });
      await apply({
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'nowhere' },
        provisioner: 'example.com/nowhere',
      });
      operator.settings({
        ...settings,
        artifactStore: {},
        backendStore: { ...settings.backendStore, storageClassName: 'nowhere', timeoutSeconds: 30 },
      });
      const { exitCode, all } = await operator.pulumi('up', '--yes', '--skip-preview');
      expect(exitCode).not.to.equal(0);
      expect(all).to.match(
        /Diagnostics:[^]*Pod mlflow-postgres-0 waits: no node takes the pod: .*unbound immediate PersistentVolumeClaims/,
      );
      expect(await named('claim-pending')).to.include({ what: 'claim mlflow-postgres has no volume' });
      await operator.pulumi('destroy', '--yes', '--skip-preview');
      operator.settings(settings);
    });
  });
});
void sql;
void isReady;
void newPods;
