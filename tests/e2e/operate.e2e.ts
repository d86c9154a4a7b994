// A stack in the hands of its operators: the commands for every day, changes by hand, and faults that the doctor must name.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { apply, eventually, inMlflow, kubectl, servingPods, sql, tryKubectl } from './support/cluster.ts';
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

  describe('of a stack that is up', () => {
    before(async () => {
      await secret('database', { password });
      await secret('gateway', { OPENAI_API_KEY: 'key' });
      operator.settings(settings);
      await operator.up();
    });

    it('sees all of it at a glance, and as data', async () => {
      const { exitCode, all } = await operator.run('status');
      expect(exitCode, all).to.equal(0);
      for (const line of [
        /^Deployment mlflow +1\/1 +ready$/m,
        /^StatefulSet mlflow-postgres +1\/1 +ready$/m,
        /^mlflow-\S+ +tracking-server +1\/1 +Running +0 /m,
        /^mlflow +ClusterIP +\S+ +5000 +1$/m,
        /^mlflow-postgres +Bound +1Gi /m,
        /^migration +mlflow-migration-\S+ +succeeded /m,
        /^gc .* 0 2 \* \* 0$/m,
        /^MLflow 3\.17\.2 is ready \(schema [0-9a-f]{12}\)\.$/m,
      ])
        expect(all).to.match(line);
      // Colours are for terminals.
      expect(all).not.to.include('\x1b[');
      const { stdout } = await operator.run('status', ['--json']);
      expect(JSON.parse(stdout)).to.deep.include({
        stack: 'operate',
        namespace: 'mlflow',
        ready: true,
        notReady: [],
      });
    });

    it('has manifests that the cluster would take, with encrypted settings where they are asked for', async () => {
      operator.settings({ ...settings, backendStore: { size: '1Gi' } });
      const key = 'mlflow-stack:backendStore.password';
      const set = await operator.pulumi('config', 'set', '--secret', '--path', key, password);
      expect(set.exitCode, set.all).to.equal(0);
      const out = mkdtempSync(join(tmpdir(), 'mlflow-stack-render-'));
      try {
        const { exitCode, all } = await operator.run('render', ['--secrets', '--out', out]);
        expect(exitCode, all).to.equal(0);
        const credentials = join(out, 'secret-mlflow-postgres-credentials.yaml');
        expect(readFileSync(credentials, 'utf8')).to.include(password);
        expect(statSync(credentials).mode & 0o777).to.equal(0o600);
        expect(await kubectl('apply', '--dry-run=server', '--filename', out)).to.match(
          /^deployment\.apps\/mlflow configured \(server dry run\)$/m,
        );
      } finally {
        rmSync(out, { recursive: true });
        operator.settings(settings);
      }
    });

    it('reads the logs of components', async () => {
      const server = await operator.run('logs', ['server', '--tail', '500']);
      expect(server.exitCode).to.equal(0);
      expect(server.all).to.match(/^\[pod\/mlflow-\S+\/mlflow\] .*Uvicorn running/m);
      expect(server.all).to.match(/^\[pod\/mlflow-\S+\/wait-for-database\] .*is ready$/m);
      const both = await operator.run('logs', ['database', 'migration', '--since', '1h']);
      expect(both.all).to.match(/^\[pod\/mlflow-postgres-0\/postgres\] /m);
      expect(both.all).to.match(/^\[pod\/mlflow-migration-\S+\/migration\] .*went from revision/m);
      const { exitCode, all } = await operator.run('logs', ['servr']);
      expect(exitCode).to.equal(1);
      expect(all).to.match(
        /^The stack has no component servr; did you mean server\? There are: .*database.*, all$/,
      );
      const previous = await operator.run('logs', ['gc', 'server', '--previous']);
      expect(previous.all).to.equal(
        'gc, server: no container was restarted, so there is nothing from before; leave --previous out',
      );
    });

    it('asks the database, without a password in sight', async () => {
      const version = ['--command', 'SELECT current_user, version_num FROM alembic_version'];
      const { exitCode, all } = await operator.run('db:shell', version);
      expect(exitCode, all).to.equal(0);
      expect(all).to.match(/mlflow +\| [0-9a-f]{12}/);
      expect(all).not.to.include(password);
      const piped = await operator.run('db:shell', [], { input: 'SELECT 6 * 7 AS answer;\nSHOW ssl;\n' });
      expect(piped.all).to.match(/42\n/);
      const wrong = await operator.run('db:shell', ['--command', 'SELECT nothing']);
      expect(wrong.exitCode).to.equal(1);
      expect(wrong.all).to.include('column "nothing" does not exist');
      expect((await operator.run('db:size')).all).to.match(
        /^database mlflow at mlflow-postgres\.mlflow\.svc:5432: /,
      );
    });

    it('hears from the doctor that nothing is wrong, and who writes the artifacts', async () => {
      const { exitCode, stdout, all } = await operator.run('doctor', ['--json']);
      expect(exitCode, all).to.equal(0);
      const { checks } = JSON.parse(stdout) as { checks: { store: string; check: string; detail: string }[] };
      expect(checks.map(({ check }) => check)).to.deep.equal([
        ...['port', 'log-in', 'schema'],
        ...['port', 'identity', 'write', 'list', 'delete'],
      ]);
      expect(checks.find(({ check }) => check === 'identity')?.detail).to.equal('access key mlflow');
      expect((await operator.run('doctor', ['--outside'])).all).to.equal('Nothing is wrong.');
    });

    it('restarts the server, which later updates leave at that', async () => {
      const before = await serverPod();
      expect((await operator.run('restart')).exitCode).to.equal(0);
      expect(await serverPod()).not.to.equal(before);
      const { exitCode, all } = await operator.pulumi('preview', '--refresh', '--expect-no-changes');
      expect(exitCode, all).to.equal(0);
    });

    it('sees in a preview what was changed by hand, and has an update put it right', async () => {
      const image = await imageOfServer();
      await kubectl(...inMlflow, 'scale', 'deployment/mlflow', '--replicas=2');
      await kubectl(...inMlflow, 'set', 'image', 'deployment/mlflow', 'mlflow=ghcr.io/mlflow/mlflow:v0.0.1');
      // As `kubectl edit` does.
      await kubectl(
        ...[...inMlflow, 'patch', 'service/mlflow', '--field-manager=kubectl-edit', '--patch'],
        '{"spec": {"ports": [{"port": 5000, "targetPort": 5001, "name": "http"}]}}',
      );
      expect((await named('image-pull', '--outside')).next).to.include('mlflow-stack:server.image');

      const { all } = await operator.pulumi('preview', '--refresh', '--diff');
      for (const change of [
        /replicas *: 2 => 1/,
        /mlflow:v0\.0\.1" => "\S*v3\.17\.2/,
        /targetPort *: 5001 => "http"/,
      ])
        expect(all).to.match(change);
      await operator.up('--refresh');
      expect(await imageOfServer()).to.equal(image);
      await eventually('all is as before', isReady);
      const again = await operator.pulumi('preview', '--refresh', '--expect-no-changes');
      expect(again.exitCode, again.all).to.equal(0);
    });

    describe('is told by the doctor', () => {
      it('that a Secret of the server is gone', async () => {
        await kubectl(...inMlflow, 'delete', 'secret', 'gateway');
        await newPods();
        const found = await named('secret-missing', '--outside');
        expect(found.cause).to.include('secret "gateway" not found');
        expect(found.next)
          .to.include('server.envFrom')
          .and.include('npm run verify-secret -- --stack operate');
        await secret('gateway', { OPENAI_API_KEY: 'key' });
        await eventually('the server is ready', isReady);
      });

      it('that the password is wrong', async () => {
        await secret('database', { password: 'another password altogether' });
        const found = await named('database-login');
        expect(found.cause).to.include('password authentication failed for user "mlflow"');
        expect(found.next).to.include('Secret "database"');
        expect(JSON.stringify(found)).not.to.include('another password');
        const shell = await operator.run('db:shell', ['--command', 'SELECT 1']);
        expect(shell.exitCode).to.equal(1);
        await secret('database', { password });
      });

      it('that the database is down', async () => {
        await kubectl(...inMlflow, 'scale', 'statefulset/mlflow-postgres', '--replicas=0');
        await kubectl(...inMlflow, 'wait', 'pod/mlflow-postgres-0', '--for=delete', '--timeout=60s');
        const found = await named('database-unreachable');
        expect(found.what).to.include('mlflow-postgres.mlflow.svc:5432 cannot be reached');
        const { exitCode, all } = await operator.run('status');
        expect(exitCode).to.equal(1);
        expect(all).to.include('✗ StatefulSet mlflow-postgres is stopped');
        await kubectl(...inMlflow, 'scale', 'statefulset/mlflow-postgres', '--replicas=1');
        await eventually('the stack is ready', isReady);
      });

      it('that the bucket refuses the key', async () => {
        const name = await kubectl(
          ...[...inMlflow, 'get', 'secrets', '--selector', 'app.kubernetes.io/component=s3'],
          ...['--output', 'jsonpath={.items[0].metadata.name}'],
        );
        const data = await kubectl(
          ...[...inMlflow, 'get', 'secret', name, '--output', 'jsonpath={.data.AWS_SECRET_ACCESS_KEY}'],
        );
        const patch = (value: string) =>
          kubectl(
            ...inMlflow,
            'patch',
            'secret',
            name,
            '--patch',
            `{"data": {"AWS_SECRET_ACCESS_KEY": "${value}"}}`,
          );
        await patch(Buffer.from('not the key').toString('base64'));
        const found = await named('artifacts-denied');
        expect(found.what).to.equal('artifact store s3://mlflow/mlflow-artifacts: write fails');
        await patch(data);
      });

      it('that the server has too little memory', async () => {
        await kubectl(
          ...[...inMlflow, 'set', 'resources', 'deployment/mlflow', '--containers=mlflow'],
          ...['--requests=memory=64Mi', '--limits=memory=64Mi'],
        );
        const found = await named('out-of-memory', '--outside');
        expect(found.next).to.include('mlflow-stack:server.resources.limits.memory');
      });

      it('why a migration failed, and what else there is to put right', async () => {
        const [revision] = await sql('SELECT version_num FROM alembic_version');
        await sql("UPDATE alembic_version SET version_num = 'ffffffffffff'");
        operator.settings({ ...settings, migrations: { runId: 'again' } });
        expect((await operator.pulumi('up', '--yes', '--skip-preview')).exitCode).not.to.equal(0);
        const found = await named('migration-failed', '--outside');
        expect(found.cause).to.include('is at revision ffffffffffff, which this MLflow does not know');
        await sql(`UPDATE alembic_version SET version_num = '${revision}'`);
        await operator.up('--refresh');
        await eventually('the stack is ready', isReady);
        expect(await findings()).to.deep.equal([]);
      });
    });
  });

  describe('of a stack that nobody can see', () => {
    it('is told so in one sentence, be it the cluster that is gone, or the stack unknown', async () => {
      const scripts = ['status', 'logs', 'restart', 'db:shell', 'db:size', 'doctor', 'verify-secret'];
      const outcomes = scripts.map(async (script) => {
        const { exitCode, all } = await operator.run(script, [], { env: { KUBECONFIG: '/dev/null' } });
        expect(exitCode, script).to.equal(1);
        expect(all, script)
          .to.match(/mlflow-stack-\w+/)
          .and.not.to.match(/^\s+at /m);
        expect(all.split('\n').length, all).to.be.below(3);
        const unknown = await operator.run(script, [], { stack: 'nowhere' });
        expect(unknown.exitCode, script).to.equal(1);
        expect(unknown.all).to.equal('There is no Pulumi.nowhere.yaml; name a stack with --stack.');
      });
      await Promise.all(outcomes);
    });
  });
});

async function serverPod(): Promise<string> {
  const pods = await servingPods();
  expect(pods).to.have.lengthOf(1);
  return pods[0]?.name ?? '';
}

const imageOfServer = () =>
  kubectl(...inMlflow, 'get', 'deployment/mlflow', '--output', 'jsonpath={..containers[0].image}');
