// Databases and artifact stores that are there before the stack, and the small one for one person.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { serverCertificate } from '../../lib/certificates.ts';
import { defaultImages } from '../../lib/image.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import { copyArtifacts } from '../../tools/lib/artifact-copies.ts';
import { withMaintenancePod } from '../../tools/lib/maintenance-pod.ts';
import { runPsql } from '../../tools/lib/psql.ts';
import type { Overrides } from '../../tools/lib/scratch-stack.ts';
import { documented } from '../support/documentation.ts';
import {
  apply,
  databaseSizes,
  inMlflow,
  inServer,
  kubectl,
  kubectlJson,
  runGc,
  tryKubectl,
} from './support/cluster.ts';
import { type Credentials, mlflow } from './support/mlflow.ts';
import { expectNoFindings } from './support/policy.ts';
import { runningStack } from './support/running.ts';
import { Shell } from './support/shell.ts';
import { instance, stack } from './support/stack.ts';

/** What a password may hold, and what breaks addresses, shells and configuration files that are put together carelessly. */
const password = `p@ss:w/o?r#d%2B+$HOME 'x' "y"`;
const elsewhere = { namespace: 'elsewhere' };
const pod = { resources: { requests: { cpu: '100m', memory: '512Mi' } } };
const own: Overrides = {
  namespace: { name: 'mlflow', create: false },
  server: pod,
  gc: { olderThan: 'all' },
};

const use = `
client = MlflowClient()
mlflow.set_experiment("stores")
def log():
    with mlflow.start_run() as run:
        mlflow.log_param("größe", "数")
        mlflow.log_text("kept", "notes.txt")
    return run.info.run_id
kept, doomed = log(), log()
client.create_registered_model(kept)
client.delete_run(doomed)
print(json.dumps([mlflow.artifacts.load_text(f"runs:/{kept}/notes.txt"), client.get_run(kept).data.params["größe"],
                  client.get_registered_model(kept).name == kept]))`;

/** One container that is there before the stack, with a Service of the same name. */
async function serverElsewhere(
  name: string,
  port: number,
  spec: object,
  volumes: object[] = [],
): Promise<void> {
  const metadata = { name, ...elsewhere, labels: { app: name } };
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: {
      enableServiceLinks: false,
      securityContext: { runAsUser: 999, runAsGroup: 999, fsGroup: 999 },
      containers: [{ name, imagePullPolicy: 'IfNotPresent', ...spec }],
      volumes,
    },
  });
  await apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { selector: { app: name }, ports: [{ port }] },
  });
}

const secret = (name: string, stringData: Record<string, string>, namespace = 'mlflow') =>
  apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData });

const isReady = (name: string) =>
  kubectl('--namespace', 'elsewhere', 'wait', `pod/${name}`, '--for=condition=Ready', '--timeout=120s');

async function signIn(): Promise<Credentials> {
  const { adminUsername, adminPassword } = await stack.outputs();
  return { username: String(adminUsername), password: String(adminPassword) };
}

/** Up, no-op up, a client, garbage collection. */
async function expectWorking(settings: Overrides, environment: Record<string, string> = {}): Promise<void> {
  await stack.up(settings);
  await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], settings);
  const admin = settings.auth ? await signIn() : undefined;
  expect(await stack.reach((url) => mlflow(url, use, admin, environment))).to.deep.equal([
    'kept',
    '数',
    true,
  ]);
  await runGc();
  for (const [database, bytes, tables] of await databaseSizes()) {
    expect(bytes, database).to.be.above(0);
    expect(tables.length, database).to.be.above(3);
  }
}

/** Where a session is, as whom, and whether nobody can listen. */
const encryption =
  'SELECT current_database(), current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

/** The S3 server that a client's variables name. */
const s3Client = `
import boto3, os
s3 = boto3.resource("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
def objects(uri):
    bucket, prefix = uri.removeprefix("s3://").split("/", 1)
    return list(s3.Bucket(bucket).objects.filter(Prefix=prefix))`;

describe('A stack with stores of its users', function () {
  this.timeout('10m');

  const shell = new Shell();
  const { signal } = new AbortController();

  /** What `npm run db:shell` prints. */
  const inPsql = async (settings: Overrides, command: string): Promise<string> => {
    const running = await runningStack(settings);
    const { image: clientImage } = running.settings.backendStore;
    const { stdout } = await withMaintenancePod(running, { signal, clientImage }, (pod) =>
      runPsql(running, pod, { signal, command, output: 'pipe' }),
    );
    return stdout;
  };

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'elsewhere', 'mlflow', '--ignore-not-found');
    await kubectl('create', 'namespace', 'elsewhere');
    await kubectl('create', 'namespace', 'mlflow');
  });
  after(async () => {
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'elsewhere', 'mlflow', '--ignore-not-found');
  });
  after(() => shell.end());
  afterEach(() => stack.reset());

  it('uses an external PostgreSQL by host and existing Secret, verified in full by a given authority', async () => {
    const files = await serverCertificate(['database.elsewhere.svc'], {});
    await secret('database-tls', files, 'elsewhere');
    await apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'authorities', namespace: 'mlflow' },
      data: { 'ca.crt': files['ca.crt'] },
    });
    await serverElsewhere(
      'database',
      5432,
      {
        image: defaultImages.postgres,
        args: [
          'postgres',
          '-c',
          'ssl=on',
          '-c',
          'ssl_cert_file=/tls/tls.crt',
          '-c',
          'ssl_key_file=/tls/tls.key',
        ],
        env: [
          { name: 'POSTGRES_USER', value: 'somebody' },
          { name: 'POSTGRES_PASSWORD', value: password.replaceAll('$', '$$') },
          { name: 'POSTGRES_DB', value: 'tracking' },
          { name: 'PGDATA', value: '/tmp/data' },
        ],
        readinessProbe: { exec: { command: ['pg_isready', '-h', '127.0.0.1'] }, periodSeconds: 1 },
        volumeMounts: [{ name: 'tls', mountPath: '/tls' }],
      },
      [{ name: 'tls', secret: { secretName: 'database-tls', defaultMode: 0o440 } }],
    );
    await isReady('database');
    const settings: Overrides = {
      ...own,
      auth: { kind: 'basic' },
      server: { ...pod, caBundle: { configMapName: 'authorities' } },
      backendStore: {
        kind: 'external',
        host: 'database.elsewhere.svc',
        database: 'tracking',
        connectionFrom: { secretName: 'database-login' },
        sslMode: 'verify-full',
      },
      registryStore: { database: 'models' },
      migrations: { snapshot: false },
    };

    const missing = await stack.try(['preview'], settings);
    expect(missing.output).to.include('"database-login"').and.include('backendStore.connectionFrom');
    await secret('database-login', { username: 'somebody' });
    const incomplete = await stack.try(['preview'], settings);
    expect(incomplete.output).to.include('"database-login"').and.include('"password"');

    await secret('database-login', { username: 'somebody', password });
    await expectWorking(settings);
    const rows = await kubectl(
      ...['--namespace', 'elsewhere', 'exec', 'database', '--', 'psql', '--username', 'somebody', 'models'],
      ...['--tuples-only', '--no-align', '--command', 'SELECT count(*) FROM registered_models'],
    );
    expect(rows).to.equal('1');
    expect(await inPsql(settings, encryption)).to.match(/^ tracking +\| somebody +\| t$/m);
    expect((await stack.exportedState()).text).not.to.include('p@ss');
    await expectNoFindings();
  });

  it('uses an external MySQL by the keys of an existing Secret, users included', async () => {
    await serverElsewhere(
      'mysql',
      3306,
      {
        image: 'docker.io/library/mariadb:10.11',
        env: [
          { name: 'MARIADB_ROOT_PASSWORD', value: 'root of all' },
          { name: 'MARIADB_USER', value: 'somebody' },
          { name: 'MARIADB_PASSWORD', value: password.replaceAll('$', '$$') },
          { name: 'MARIADB_DATABASE', value: 'tracking' },
        ],
        readinessProbe: { tcpSocket: { port: 3306 }, periodSeconds: 1 },
        volumeMounts: [
          { name: 'data', mountPath: '/var/lib/mysql' },
          { name: 'run', mountPath: '/run/mysqld' },
        ],
      },
      [
        { name: 'data', emptyDir: {} },
        { name: 'run', emptyDir: {} },
      ],
    );
    await isReady('mysql');
    await kubectl(
      ...[
        '--namespace',
        'elsewhere',
        'exec',
        'mysql',
        '--',
        'mariadb',
        '--user=root',
        '--password=root of all',
      ],
      ...['--execute', "GRANT ALL ON `mlflow\\_auth`.* TO 'somebody'@'%'"],
    );
    await secret('mysql-login', { username: 'somebody', password, host: 'mysql.elsewhere.svc' });
    await expectWorking({
      ...own,
      auth: { kind: 'basic' },
      backendStore: {
        kind: 'external',
        dialect: 'mysql',
        database: 'tracking',
        connectionFrom: { secretName: 'mysql-login' },
      },
      migrations: { snapshot: false },
    });
  });

  it('keeps everything of one person in SQLite on the claim', async () => {
    const settings: Overrides = { ...own, backendStore: { kind: 'sqlite' } };
    const { output } = await stack.try(['preview'], settings);
    expect(output).to.include('sqlite').and.include('one');
    await expectWorking(settings);
    expect(await kubectl(...inServer, 'ls', '/mlflow'))
      .to.include('mlflow.db')
      .and.include('artifacts');
    const { items } = await kubectlJson<{ items: unknown[] }>(...inMlflow, 'get', 'statefulsets');
    expect(items).to.deep.equal([]);

    // Out of the claim and into it, and a copy of the database back into its place, while the server runs.
    const copy = 'mlflow_before_b7e2c1a4d9f3_20261125170647.db';
    await kubectl(...inServer, 'cp', '/mlflow/mlflow.db', `/mlflow/${copy}`);
    await shell.run([
      documented('mkdir artifacts'),
      documented('kubectl --namespace mlflow exec deployment/mlflow --container mlflow -- tar --create…'),
      documented('kubectl --namespace mlflow exec deployment/mlflow --container mlflow -- mkdir --parents…'),
      documented('tar --create --directory artifacts . | kubectl…'),
      documented("kubectl --namespace mlflow exec deployment/mlflow --container mlflow -- python3 -c '…"),
    ]);
    expect(readdirSync(join(shell.folder, 'artifacts'))).to.have.length.above(0);
    expect(await stack.reach((url) => mlflow(url, use))).to.deep.equal(['kept', '数', true]);
  });

  it('lets clients talk to an S3 server by themselves in mode direct', async () => {
    const config = {
      identities: [
        { name: 'us', credentials: [{ accessKey: 'us', secretKey: 'a secret' }], actions: ['Admin'] },
      ],
    };
    await secret('s3-config', { 's3.json': JSON.stringify(config) }, 'elsewhere');
    await serverElsewhere(
      's3',
      8333,
      {
        image: defaultImages.seaweedfs,
        command: [
          'weed',
          '-logtostderr=true',
          'server',
          '-dir=/data',
          '-ip=127.0.0.1',
          '-master.peers=none',
          // Each bucket takes several volumes.
          '-master.volumeSizeLimitMB=64',
          '-volume.max=32',
          '-s3',
          '-s3.ip.bind=0.0.0.0',
          '-s3.config=/config/s3.json',
        ],
        readinessProbe: { httpGet: { path: '/healthz', port: 8333 }, periodSeconds: 1 },
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'config', mountPath: '/config' },
        ],
      },
      [
        { name: 'data', emptyDir: {} },
        { name: 'config', secret: { secretName: 's3-config' } },
      ],
    );
    await isReady('s3');
    const address = await kubectl(
      '--namespace',
      'elsewhere',
      'get',
      'service/s3',
      '--output',
      'jsonpath={.spec.clusterIP}',
    );
    const endpointUrl = `http://${address}:8333`;
    const keys = { AWS_ACCESS_KEY_ID: 'us', AWS_SECRET_ACCESS_KEY: 'a secret' };
    await secret('s3-login', keys);
    const client = await shell.variables([
      documented('export MLFLOW_S3_ENDPOINT_URL=https://s3.example.com AWS_DEFAULT_REGION=eu-central-1', {
        'https://s3.example.com': endpointUrl,
        'eu-central-1': 'us-east-1',
      }),
      documented('export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...', {
        'AWS_ACCESS_KEY_ID=...': `AWS_ACCESS_KEY_ID=${keys.AWS_ACCESS_KEY_ID}`,
        'AWS_SECRET_ACCESS_KEY=...': `AWS_SECRET_ACCESS_KEY='${keys.AWS_SECRET_ACCESS_KEY}'`,
      }),
    ]);
    const buckets = (code: string) => mlflow('http://127.0.0.1:9', `${s3Client}\n${code}`, undefined, client);
    await buckets('for name in ("team", "second"): s3.create_bucket(Bucket=name)\nprint("null")');
    const settings: Overrides = {
      ...own,
      artifactStore: {
        kind: 's3Compatible',
        mode: 'direct',
        endpointUrl,
        bucket: 'team',
        credentialsFrom: { secretName: 's3-login' },
      },
      // The address in `endpointUrl` is a Service's, and policies see that of the pod behind it.
      networkPolicy: { objectStoreCidrs: ['0.0.0.0/0'] },
    };
    await expectWorking(settings, client);

    // Into a second bucket, and back what is lost.
    const running = await runningStack(settings);
    const store = String(running.outputs.artifactUri);
    const copied = 's3://second/copy';
    await withMaintenancePod(running, { signal }, async (pod) => {
      const copy = (back: boolean) => copyArtifacts(pod, { store, copy: copied, back, signal });
      const [one, none] = [
        { files: 1, bytes: 4 },
        { files: 0, bytes: 0 },
      ];
      expect(await copy(false)).to.deep.equal(one);
      expect(await copy(false)).to.deep.equal(none);
      const texts = await buckets(`
for each in objects("${store}"): each.delete()
print(json.dumps([each.get()["Body"].read().decode() for each in objects("${copied}") if each.key.endswith(".txt")]))`);
      expect(texts).to.deep.equal(['kept']);
      expect(await copy(true)).to.deep.equal(one);
      expect(await copy(true)).to.deep.equal(none);
    });
  });
});
