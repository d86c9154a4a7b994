// A stack in the hands of its operators: the commands for every day, changes by hand, and faults that the doctor must name.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { stackFile } from '../../tools/lib/engine.ts';
import { documented, pageText } from '../support/documentation.ts';
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
  backup: {
    enabled: true,
    passphrase: 'a passphrase of the backups',
    schedule: '0 0 1 1 *',
    destination: 'claim',
    keep: 1,
  },
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
  const command = [documented('npm run doctor'), '--', '--json', ...args].join(' ');
  const { exitCode, stdout, all } = await operator.type(command);
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

const isReady = async () => (await operator.type(documented('npm run status'))).exitCode === 0;

/** Commands about a stack that is up, with the least that each must be told. */
const commands: Readonly<Record<string, readonly string[]>> = {
  status: [],
  logs: [],
  restart: [],
  'db:shell': [],
  'db:size': [],
  backup: [],
  'backup:artifacts': ['--to', 'copy'],
  restore: ['latest', '--replace'],
  'test-connection': [],
};

const eachCommand = async (look: (script: string, args: readonly string[]) => Promise<void>) => {
  await Promise.all(Object.entries(commands).map(([script, args]) => look(script, args)));
};

const newPods = () =>
  kubectl(...inMlflow, 'delete', 'pods', '--selector', 'app.kubernetes.io/component=tracking-server');

describe('An operator', function () {
  this.timeout('10m');
  this.bail(true);

  before(async () => {
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await operator.begin({ ...settings });
    const [, manifest = ''] =
      /```yaml\n(# s3-credentials\.yaml\n[^]*?)```/.exec(pageText('docs/storage.md')) ?? [];
    writeFileSync(join(operator.folder, 's3-credentials.yaml'), manifest);
    await operator.succeed([
      documented('kubectl create namespace mlflow'),
      documented('kubectl label namespace mlflow pod-security.kubernetes.io/enforce=restricted'),
      documented('kubectl apply --filename s3-credentials.yaml'),
    ]);
  });

  after(async () => {
    await operator.type(
      `${documented('npm run pulumi -- destroy --stack dev', { dev: operator.stack })} --skip-preview`,
    );
    operator.end();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await tryKubectl('delete', 'storageclass', 'nowhere', '--ignore-not-found');
  });

  describe('of a stack that is not up', () => {
    it('is told so by every command', async () => {
      await eachCommand(async (script, args) => {
        const { exitCode, all } = await operator.run(script, args);
        expect(all, script).to.equal('Stack operate is not up: npm run pulumi -- up --stack operate');
        expect(exitCode).to.equal(1);
      });
    });

    it('is told by the doctor which Secrets are missing', async () => {
      const found = await findings();
      expect(found.map(({ id }) => id)).to.deep.equal(['secret-missing', 'secret-missing']);
      expect(found[0]?.cause).to.include(
        'Secret "database", which mlflow-stack:backendStore.passwordFrom names',
      );
      const { exitCode, all } = await operator.type(documented('npm run verify-secret'));
      expect(exitCode).to.equal(1);
      expect(all).to.include('database').and.include('gateway');
    });

    it('has a stack of the name of its file', async () => {
      const values = { dev: 'operate-dev' };
      await operator.succeed([
        documented('npm run pulumi -- stack init dev', values),
        'npm run pulumi -- stack rm --yes operate-dev',
      ]);
    });

    it('changes settings by command', async () => {
      await operator.succeed([
        documented("npm run pulumi -- config set --path 'mlflow-stack:auth.kind' basic"),
        documented("npm run pulumi -- config set --path 'mlflow-stack:workspaces.enabled' false"),
        documented("npm run pulumi -- config set --path 'mlflow-stack:server.image.tag' v3.17.2-full"),
        documented("npm run pulumi -- config set --path 'mlflow-stack:server.image.tag' v3.16.1-full"),
      ]);
      await operator.succeed(
        documented('npm run pulumi -- config set --secret --path mlflow-stack:backup.passphrase'),
        { input: 'a passphrase of its own' },
      );
      const text = readFileSync(stackFile(operator.stack), 'utf8');
      const { config } = parse(text) as { config: Record<string, Record<string, unknown>> };
      expect(config['mlflow-stack:auth']).to.deep.equal({ kind: 'basic' });
      expect(config['mlflow-stack:workspaces']).to.deep.equal({ enabled: false });
      expect(config['mlflow-stack:server']).to.deep.include({ image: { tag: 'v3.16.1-full' } });
      expect(text).not.to.include('a passphrase of its own');
      operator.settings(settings);
    });

    it('makes Secrets and lists of authorities by command', async () => {
      writeFileSync(join(operator.folder, 'company-ca.crt'), 'a certificate\n');
      await operator.succeed(
        [
          documented(
            'kubectl --namespace mlflow create secret generic oidc-client --from-literal=secret=...',
          ),
          documented('kubectl --namespace mlflow create secret generic server-keys…'),
          documented('kubectl --namespace mlflow create secret docker-registry registry-login…'),
          documented('cat /etc/ssl/certs/ca-certificates.crt company-ca.crt > ca.crt'),
          documented('kubectl --namespace mlflow create configmap authorities --from-file=ca.crt'),
        ],
        { env: { PASSWORD: 'of the registry' } },
      );
      operator.settings({
        ...settings,
        secrets: {
          flaskKeyFrom: { secretName: 'server-keys', key: 'flask' },
          kekPassphraseFrom: { secretName: 'server-keys', key: 'passphrase' },
          webhookKeyFrom: { secretName: 'server-keys', key: 'webhook' },
        },
        server: { ...settings.server, caBundle: { configMapName: 'authorities' } },
        artifactStore: {
          kind: 's3Compatible',
          endpointUrl: 'https://s3.example.com',
          credentialsFrom: { secretName: 's3-credentials' },
        },
        pods: { imagePullSecrets: ['registry-login'] },
      });
      const { all } = await operator.type(documented('npm run verify-secret'));
      for (const found of [
        ...['flask', 'passphrase', 'webhook'].map((key) => `Secret "server-keys", key "${key}"`),
        ...['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'].map(
          (key) => `Secret "s3-credentials", key "${key}"`,
        ),
        'ConfigMap "authorities"',
        'Secret "registry-login"',
      ])
        expect(all).to.include(`✓ ${found}`);
      operator.settings(settings);
    });

    it('learns from up and doctor why its database has no volume', async () => {
      await secret('database', { password });
      await secret('gateway', { OPENAI_API_KEY: 'key' });
      await operator.succeed(documented('npm run verify-secret'));
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
      await operator.succeed(
        `${documented('npm run pulumi -- up --stack dev', { dev: operator.stack })} --skip-preview`,
      );
    });

    it('sees all of it at a glance, and as data', async () => {
      const { exitCode, all } = await operator.type(documented('npm run status'));
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
      const { stdout } = await operator.type(`${documented('npm run status')} -- --json`);
      expect(JSON.parse(stdout)).to.deep.include({
        stack: 'operate',
        namespace: 'mlflow',
        ready: true,
        notReady: [],
      });
      const outputs = await operator.succeed([
        documented('npm run pulumi -- stack output'),
        documented('npm run pulumi -- stack output --stack dev', { dev: operator.stack }),
        documented('npm run pulumi -- stack output signIn'),
      ]);
      expect(outputs.match(/internalTrackingUrl/g)).to.have.lengthOf(2);
      expect(outputs).to.include('http://mlflow.mlflow.svc:5000');
      const pods = await operator.succeed([
        documented('export KUBECONFIG=$(npm run -s kubeconfig)'),
        'kubectl --namespace mlflow get pods',
        documented('npm run kubectl -- get pods --namespace mlflow'),
        documented('npm run kubectl -- --namespace mlflow get events'),
      ]);
      expect(pods.match(/^mlflow-postgres-0 /gm)).to.have.lengthOf(2);
    });

    it('has manifests that the cluster would take, with encrypted settings where they are asked for', async () => {
      operator.settings({ ...settings, backendStore: { size: '1Gi' } });
      const key = 'mlflow-stack:backendStore.password';
      const set = await operator.pulumi('config', 'set', '--secret', '--path', key, password);
      expect(set.exitCode, set.all).to.equal(0);
      const manifests = mkdtempSync(join(tmpdir(), 'mlflow-stack-render-'));
      try {
        await operator.succeed(`${documented('npm run render -- --out manifests', { manifests })} --secrets`);
        const credentials = join(manifests, 'secret-mlflow-postgres-credentials.yaml');
        expect(readFileSync(credentials, 'utf8')).to.include(password);
        expect(statSync(credentials).mode & 0o777).to.equal(0o600);
        expect(await kubectl('apply', '--dry-run=server', '--filename', manifests)).to.match(
          /^deployment\.apps\/mlflow configured \(server dry run\)$/m,
        );
        const diff = documented('npm run kubectl -- diff --filename manifests', { manifests });
        expect((await operator.type(diff)).all).to.include('*** (after)');
      } finally {
        rmSync(manifests, { recursive: true });
        operator.settings(settings);
      }
    });

    it('reads the logs of components', async () => {
      const server = await operator.run('logs', ['server', '--tail', '500']);
      expect(server.exitCode).to.equal(0);
      expect(server.all).to.match(/^\[pod\/mlflow-\S+\/mlflow\] .*Uvicorn running/m);
      expect(server.all).to.match(/^\[pod\/mlflow-\S+\/wait-for-database\] .*is ready$/m);
      expect(await operator.succeed(documented('npm run logs -- server'))).to.match(
        /^\[pod\/mlflow-\S+\/mlflow\] /m,
      );
      await operator.succeed(documented('npm run logs -- server --follow'), { until: /Uvicorn running/ });
      const both = await operator.run('logs', ['database', 'migration', '--since', '1h']);
      expect(both.all).to.match(/^\[pod\/mlflow-postgres-0\/postgres\] /m);
      expect(both.all).to.match(/^\[pod\/mlflow-migration-\S+\/migration\] .*went from revision/m);
      const withGc = await operator.succeed(documented('npm run logs -- database gc --since 1h'));
      expect(withGc).to.match(/^\[pod\/mlflow-postgres-0\/postgres\] /m);
      const { exitCode, all } = await operator.run('logs', ['servr']);
      expect(exitCode).to.equal(1);
      expect(all).to.match(
        /^The stack has no component servr; did you mean server\? There are: .*database.*, all$/,
      );
      const previous = await operator.type(documented('npm run logs -- server --previous'));
      expect(previous.all).to.equal(
        'server: no container was restarted, so there is nothing from before; leave --previous out',
      );
    });

    it('asks the database, without a password in sight', async () => {
      const count = await operator.type(
        documented("npm run db:shell -- --command 'SELECT count(*) FROM runs'", {
          'count(*) FROM runs': 'current_user, version_num FROM alembic_version',
        }),
      );
      expect(count.exitCode, count.all).to.equal(0);
      expect(count.all).to.match(/mlflow +\| [0-9a-f]{12}/);
      expect(count.all).not.to.include(password);
      const input = 'SELECT 6 * 7 AS answer;\nSHOW ssl;\n';
      expect(await operator.succeed(documented('npm run db:shell'), { input })).to.match(/42\n/);
      const wrong = await operator.run('db:shell', ['--command', 'SELECT nothing']);
      expect(wrong.exitCode).to.equal(1);
      expect(wrong.all).to.include('column "nothing" does not exist');
      expect(await operator.succeed(documented('npm run db:size'))).to.match(
        /^database mlflow at mlflow-postgres\.mlflow\.svc:5432: /,
      );
      const inDatabase = documented(
        'in_database="kubectl --namespace mlflow exec statefulset/mlflow-postgres --"',
      );
      const sizes = await operator.succeed([
        inDatabase,
        documented('$in_database psql --username mlflow --command…'),
        documented('$in_database pg_dump --username mlflow --format custom mlflow > mlflow.dump'),
        documented(
          'kubectl --namespace mlflow exec statefulset/mlflow-postgres -- psql --username mlflow --list',
        ),
      ]);
      expect(sizes).to.match(/^ mlflow +\| \d+ [kM]B$/m);
      expect(readFileSync(join(operator.folder, 'mlflow.dump')).toString('latin1', 0, 5)).to.equal('PGDMP');
    });

    it('moves a database from one server to another', async () => {
      const uri = (database: string) => `postgresql:///${database}?user=mlflow`;
      await sql('CREATE DATABASE moved', 'postgres');
      const script = [
        'cd /tmp',
        documented('pg_dump --format custom --no-owner --file mlflow.dump "$OLD_URI"'),
        documented('pg_restore --no-owner --dbname "$NEW_URI" mlflow.dump'),
      ];
      await kubectl(
        ...[...inMlflow, 'exec', 'statefulset/mlflow-postgres', '--', 'env'],
        ...[`OLD_URI=${uri('mlflow')}`, `NEW_URI=${uri('moved')}`, 'sh', '-ec', script.join('\n')],
      );
      const revision = 'SELECT version_num FROM alembic_version';
      expect(await sql(revision, 'moved')).to.deep.equal(await sql(revision));
      await sql('DROP DATABASE moved', 'postgres');
    });

    it('looks around in the pod of the server', async () => {
      const bash = documented('npm run kubectl -- --namespace mlflow exec -it deployment/mlflow -- bash');
      const input = [
        documented('python3 /opt/mlflow-stack/wait_for_database.py'),
        documented('python3 /opt/mlflow-stack/check_stores.py'),
        // Beside the server that runs, so at another port.
        `${documented('python3 /opt/mlflow-stack/launch.py mlflow server --host 0.0.0.0 --port 5000', { 5000: '5001' })} &`,
        'until python3 -c "import urllib.request as r; r.urlopen(\'http://127.0.0.1:5001/health\')"; do sleep 1; done 2> /dev/null',
        'kill %1 && echo served',
      ].join('\n');
      const all = await operator.succeed(bash, { input });
      expect(all).to.include('is ready').and.include('access key mlflow').and.include('served');
    });

    it('tests the way of clients, and trains', async () => {
      expect(
        await operator.succeed(
          documented('npm run test-connection -- --stack local', { local: operator.stack }),
        ),
      ).to.include('✓');
    });

    it('makes backups and copies of the artifacts, and brings them back', async () => {
      writeFileSync(join(operator.folder, 'passphrase'), 'a passphrase of the file\n');
      const folder = join(operator.folder, 'backups');
      const files = () => readdirSync(folder);
      const byFile = documented('npm run backup -- --passphrase-file FILE', {
        FILE: join(operator.folder, 'passphrase'),
      });
      await operator.succeed([
        `${byFile} --to ${folder}`,
        documented('npm run backup:artifacts -- --to FOLDER', { FOLDER: join(operator.folder, 'copy') }),
        documented('npm run backup:artifacts -- --to s3://bucket/path', { 'bucket/path': 'mlflow/copy' }),
      ]);
      expect(files()).to.have.lengthOf(1);

      // Of two the newest stays.
      await operator.succeed(documented('npm run backup -- --now'));
      await sql("INSERT INTO experiments (name, lifecycle_stage) VALUES ('kept', 'active')");
      await operator.succeed(documented('npm run backup -- --now'));
      const listed = await operator.succeed([
        documented('npm run backup -- --list'),
        documented('kubectl --namespace mlflow get jobs --selector app.kubernetes.io/component=backup'),
      ]);
      expect(listed.match(/^mlflow-\d{8}T\d{6}Z\.tar +\d+ KiB$/gm)).to.have.lengthOf(1);
      expect(listed).to.match(/^mlflow-backup-\S+ +Complete /m);
      expect(await operator.succeed('npm run pulumi -- stack output backupUri')).to.equal('/backups');
      await sql("DELETE FROM experiments WHERE name = 'kept'");
      await operator.succeed(`${documented('npm run restore -- latest --replace')} --to ${folder}`);
      expect(await sql("SELECT count(*) FROM experiments WHERE name = 'kept'")).to.deep.equal(['1']);
      expect(files()).to.have.lengthOf(2);
      // By the passphrase of the schedule.
      await operator.succeed(`${documented('npm run backup')} -- --to ${folder}`);
      expect(files()).to.have.lengthOf(3);
    });

    it('takes keys and artifacts along to another place', async () => {
      mkdirSync(join(operator.folder, 'artifacts'));
      await operator.succeed([
        documented('for key in flask-key…'),
        documented('kubectl --namespace NEW create secret generic old-keys…', { NEW: 'mlflow' }),
        documented('rm flask-key kek-passphrase webhook-key'),
      ]);
      const kek = (name: string, key: string) =>
        kubectl(...inMlflow, 'get', 'secret', name, '--output', `jsonpath={.data.${key}}`);
      expect(await kek('old-keys', 'kek-passphrase')).to.equal(await kek('mlflow-keys', 'kek-passphrase'));
      const said = await operator.succeed([
        documented('kubectl --namespace mlflow port-forward service/mlflow-artifacts 8333 &'),
        documented('export AWS_ACCESS_KEY_ID=mlflow AWS_REGION=us-east-1'),
        documented('export AWS_SECRET_ACCESS_KEY=$(kubectl…'),
        'until curl --silent http://127.0.0.1:8333 > /dev/null; do sleep 0.2; done',
        `python3 -c '${listBucket}'`,
        'kill %1',
      ]);
      expect(said).to.include('copy/');
    });

    it('collects garbage now', async () => {
      const started = await operator.succeed(
        documented('npm run kubectl -- --namespace mlflow create job mlflow-gc-now --from=cronjob/mlflow-gc'),
      );
      expect(started).to.include('job.batch/mlflow-gc-now created');
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
      await operator.succeed(documented('npm run restart'));
      expect(await serverPod()).not.to.equal(before);
      await operator.succeed(`${documented('npm run pulumi -- preview')} --refresh --expect-no-changes`);
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

      const { all } = await operator.type(documented('npm run pulumi -- preview --refresh --diff'));
      for (const change of [
        /replicas *: 2 => 1/,
        /mlflow:v0\.0\.1" => "\S*v3\.17\.2/,
        /targetPort *: 5001 => "http"/,
      ])
        expect(all).to.match(change);
      await operator.succeed(
        `${documented('npm run pulumi -- up --stack dev --refresh', { dev: operator.stack })} --skip-preview`,
      );
      expect(await imageOfServer()).to.equal(image);
      await eventually('all is as before', isReady);
      const again = documented('npm run pulumi -- preview --stack dev', { dev: operator.stack });
      await operator.succeed(`${again} --refresh --expect-no-changes`);
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
        await operator.succeed(`${documented('npm run pulumi -- up --refresh')} --skip-preview`);
        await eventually('the stack is ready', isReady);
        expect(await findings()).to.deep.equal([]);
      });
    });
  });

  describe('of a stack that nobody can see', () => {
    it('is told so in one sentence, be it the cluster that is gone, or the stack unknown', async () => {
      const look = async (script: string, args: readonly string[] = []) => {
        const { exitCode, all } = await operator.run(script, args, { env: { KUBECONFIG: '/dev/null' } });
        expect(exitCode, script).to.equal(1);
        expect(all, script)
          .to.match(/mlflow-stack-\w+/)
          .and.not.to.match(/^\s+at /m);
        expect(all.split('\n').length, all).to.be.below(3);
        const unknown = await operator.run(script, args, { stack: 'nowhere' });
        expect(unknown.exitCode, script).to.equal(1);
        expect(unknown.all).to.equal('There is no Pulumi.nowhere.yaml; name a stack with --stack.');
      };
      await Promise.all([eachCommand(look), look('doctor'), look('verify-secret')]);
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

/** Names of the folders in the bucket of the stack's own S3 server, by the variables that the page sets. */
const listBucket = `
import boto3
s3 = boto3.client("s3", endpoint_url="http://127.0.0.1:8333")
for folder in s3.list_objects_v2(Bucket="mlflow", Delimiter="/").get("CommonPrefixes", []):
    print(folder["Prefix"])`;
