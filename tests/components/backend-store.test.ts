import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { BackendStore, type BackendStoreArgs } from '../../components/index.ts';
import { serverCertificate } from '../../lib/certificates.ts';
import { backendStoreArgs, labelsOf, selectorOf } from '../support/args.ts';
import { container, isKubernetesObject, plainEnv, podTemplate, secretEnv } from '../support/manifests.ts';
import {
  type Registered,
  type Run,
  generatedPassword,
  runStack,
  secret,
  withoutSecrets,
} from '../support/mocks.ts';

const build = (changes: Partial<BackendStoreArgs> = {}): Promise<Run> =>
  runStack(() => ({
    connection: new BackendStore('db', { ...backendStoreArgs, ...changes }).connection,
  }));
const database = (run: Run): Registered => run.get('StatefulSet/db-server');
const objects = (run: Run): string[] => run.resources.filter(isKubernetesObject).map(({ id }) => id);

const hosts = ['db.team-a.svc', 'db.team-a.svc.cluster.local', 'db', 'localhost'];
let certificate: Readonly<Record<string, string>>;
before(async () => {
  certificate = await serverCertificate(hosts, {});
});

describe('BackendStore, kind postgres', () => {
  it('is one PostgreSQL pod that is not root, with its data on a claim', async () => {
    const run = await build({ vacuum: false, imagePullSecrets: ['registry'] });
    expect(objects(run)).to.have.members([
      'Secret/db-credentials',
      'Secret/db-tls',
      'ConfigMap/db-config',
      'ServiceAccount/db-service-account',
      'PersistentVolumeClaim/db-claim',
      'Service/db-service',
      'StatefulSet/db-server',
    ]);
    const metadata = { name: 'db', namespace: 'team-a', labels: labelsOf('postgres') };
    const skipAwait = { 'pulumi.com/skipAwait': 'true' };
    expect(run.get('PersistentVolumeClaim/db-claim').inputs).to.deep.include({
      metadata: {
        ...metadata,
        annotations: {
          ...skipAwait,
          'pulumi.com/patchForce': 'true',
          'mlflow-stack/data-protection': 'delete',
        },
      },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '20Gi' } } },
    });
    expect(run.get('ServiceAccount/db-service-account').inputs).to.deep.include({
      metadata,
      automountServiceAccountToken: false,
    });
    expect(run.get('Service/db-service').inputs).to.deep.include({
      metadata: { ...metadata, annotations: skipAwait },
      spec: {
        selector: selectorOf('postgres'),
        ports: [{ name: 'postgres', port: 5432, targetPort: 'postgres' }],
      },
    });
    expect(database(run).inputs).to.deep.include({ metadata });
    expect(database(run).inputs.spec).to.deep.include({
      serviceName: 'db',
      replicas: 1,
      selector: { matchLabels: selectorOf('postgres') },
    });
    expect(podTemplate(database(run))?.spec).to.deep.include({
      serviceAccountName: 'db',
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      imagePullSecrets: [{ name: 'registry' }],
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 999,
        runAsGroup: 999,
        fsGroup: 999,
        fsGroupChangePolicy: 'OnRootMismatch',
        seccompProfile: { type: 'RuntimeDefault' },
      },
      volumes: [
        { name: 'data', persistentVolumeClaim: { claimName: 'db' } },
        { name: 'tls', secret: { secretName: 'mlflow-postgres-tls', defaultMode: 0o440 } },
        { name: 'config', configMap: { name: 'db-config-1a2b3c4d' } },
        { name: 'run', emptyDir: {} },
        { name: 'tmp', emptyDir: {} },
      ],
    });
  });

  it('runs the image with what the user gives it, and sets its password at each start', async () => {
    const postgres = container(database(await build()), 'postgres');
    const isReady = { exec: { command: ['pg_isready', '-h', '127.0.0.1', '-U', 'mlflow', '-d', 'mlflow'] } };
    expect(postgres).to.deep.include({
      image: 'postgres:15',
      startupProbe: { ...isReady, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 150 },
      readinessProbe: { ...isReady, periodSeconds: 5, timeoutSeconds: 5 },
      livenessProbe: { ...isReady, periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 6 },
      resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } },
      terminationMessagePolicy: 'FallbackToLogsOnError',
    });
    expect(postgres.args?.join(' ')).to.match(/^postgres .*-c max_connections=50/);
    expect(plainEnv(postgres)).to.include({
      POSTGRES_USER: 'mlflow',
      POSTGRES_DB: 'mlflow',
      PGDATA: '/var/lib/postgresql/data/pgdata',
    });
    expect(secretEnv(postgres)).to.deep.equal({ POSTGRES_PASSWORD: 'db-credentials-1a2b3c4d/password' });
    // A retained volume has the password of its first start.
    expect(postgres.lifecycle?.postStart?.exec?.command[2]).to.include('ALTER ROLE');
  });

  it('tells clients where it is once the database is ready, and to verify that it is the right one', async () => {
    const { outputs } = await build();
    expect(outputs.connection).to.deep.include({
      host: 'db.team-a.svc',
      settings: {
        MLFLOW_BACKEND_STORE_URI: 'postgresql+psycopg2://',
        PGCONNECT_TIMEOUT: '10',
        PGDATABASE: 'mlflow',
        PGHOST: 'db.team-a.svc',
        PGPORT: '5432',
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: '/opt/mlflow-stack/database-ca.crt',
        PGUSER: 'mlflow',
      },
      secrets: { PGPASSWORD: { secretName: 'db-credentials-1a2b3c4d', key: 'password' } },
    });
  });

  it('waits as long as the user says', async () => {
    expect(database(await build()).timeouts).to.deep.equal({ create: '90s', update: '90s' });
  });

  it('is made anew where its pod changes, since one that cannot start would never be replaced', async () => {
    expect(database(await build())).to.deep.include({
      replaceOnChanges: ['spec.template'],
      deleteBeforeReplace: true,
    });
  });

  it('uses the class of the settings', async () => {
    const { inputs } = (await build({ storageClassName: 'fast' })).get('PersistentVolumeClaim/db-claim');
    expect(inputs.spec).to.have.property('storageClassName', 'fast');
  });

  it('limits the processor only where the user does', async () => {
    const resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', memory: '2Gi' } };
    const run = await build({ resources });
    expect(container(database(run), 'postgres')).to.have.deep.property('resources', resources);
  });
});

describe('the password of the database', () => {
  it('is generated, in a Secret whose name changes with it', async () => {
    const run = await build();
    expect(run.get('RandomPassword/db-password').inputs).to.deep.equal({
      length: 32,
      special: false,
      keepers: { rotation: '0' },
    });
    expect(run.get('Secret/db-credentials').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'team-a', labels: labelsOf('postgres') },
      type: 'Opaque',
      stringData: secret({ password: generatedPassword }),
    });
  });

  it('is generated anew for a new rotation number', async () => {
    const { inputs } = (await build({ rotation: 7 })).get('RandomPassword/db-password');
    expect(inputs.keepers).to.deep.equal({ rotation: '7' });
  });

  it('can be given by hand, and is hidden like a generated one', async () => {
    const password = 'correct horse battery staple';
    const run = await build({ password });
    expect(run.resources.map(({ id }) => id)).not.to.include('RandomPassword/db-password');
    expect(run.get('Secret/db-credentials').inputs.stringData).to.deep.equal(secret({ password }));
    expect(run.get('BackendStore/db').inputs.password).to.deep.equal(secret(password));
    for (const { id, inputs } of run.resources) {
      expect(JSON.stringify(withoutSecrets(inputs)), id).not.to.include(password);
    }
  });

  it('can be that of an existing Secret, for server, database and vacuum alike', async () => {
    const run = await build({ passwordFrom: { secretName: 'own', key: 'pw' } });
    expect(run.resources.map(({ id }) => id)).not.to.include.oneOf([
      'RandomPassword/db-password',
      'Secret/db-credentials',
    ]);
    expect(secretEnv(container(database(run), 'postgres'))).to.deep.equal({ POSTGRES_PASSWORD: 'own/pw' });
    expect(secretEnv(container(run.get('CronJob/db-vacuum-cron-job'), 'vacuum'))).to.deep.equal({
      PGPASSWORD: 'own/pw',
    });
    expect(run.outputs.connection).to.deep.nested.include({
      'secrets.PGPASSWORD': { secretName: 'own', key: 'pw' },
    });
  });

  it('is taken at the start, so what an existing Secret holds by now makes the database start anew', async () => {
    const notes = async (changes: Partial<BackendStoreArgs>) =>
      podTemplate(database(await build({ certificate, ...changes })))?.metadata.annotations;
    const own = { passwordFrom: { secretName: 'own', key: 'pw' } };
    expect(await notes({ ...own, externalRevision: 'a' })).not.to.deep.equal(
      await notes({ ...own, externalRevision: 'b' }),
    );
    expect(await notes({ externalRevision: 'a' })).to.deep.equal(await notes({ externalRevision: 'b' }));
  });
});

describe('TLS of the database', () => {
  const filesOf = (run: Run) =>
    (run.get('Secret/db-tls').inputs.stringData as { value: Record<string, string> }).value;
  const mark = (run: Run) =>
    podTemplate(database(run))?.metadata.annotations?.['mlflow-stack/certificate'] ?? '';

  it('is all that a client can speak', async () => {
    const run = await build();
    expect(container(database(run), 'postgres').args).to.include.members([
      'hba_file=/etc/postgresql/config/pg_hba.conf',
      'ssl=on',
      'ssl_cert_file=/etc/postgresql/tls/tls.crt',
      'ssl_key_file=/etc/postgresql/tls/tls.key',
    ]);
    expect(container(database(run), 'postgres'))
      .to.have.deep.property('volumeMounts')
      .that.deep.includes.members([
        { name: 'tls', mountPath: '/etc/postgresql/tls', readOnly: true },
        { name: 'config', mountPath: '/etc/postgresql/config', readOnly: true },
      ]);
    const { data } = run.get('ConfigMap/db-config').inputs as { data: Record<string, string> };
    const rules = (data['pg_hba.conf'] ?? '').trim().split('\n');
    expect(rules.filter((rule) => !rule.startsWith('local '))).to.deep.equal([
      'hostssl all all all scram-sha-256',
    ]);
  });

  it('has a certificate for every name of the Service, whose key nobody can read in the state', async () => {
    const run = await build();
    const files = filesOf(run);
    expect(run.get('Secret/db-tls').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: 'mlflow-postgres-tls',
        namespace: 'team-a',
        annotations: { 'pulumi.com/patchForce': 'true' },
        labels: labelsOf('postgres'),
      },
      type: 'kubernetes.io/tls',
      stringData: secret(files),
    });
    const server = new X509Certificate(files['tls.crt'] ?? '');
    expect(hosts.filter((host) => server.checkHost(host) === undefined)).to.deep.equal([]);
    expect(server.verify(new X509Certificate(files['ca.crt'] ?? '').publicKey)).to.equal(true);
    expect(run.outputs.connection).to.include({ ca: files['ca.crt'] });
    expect(JSON.stringify(withoutSecrets(run.resources.map(({ inputs }) => inputs)))).not.to.include(
      'PRIVATE KEY',
    );
  });

  it('keeps the certificate that there is, and the pod with it', async () => {
    const [one, other] = [await build({ certificate }), await build({ certificate })];
    expect(filesOf(one)).to.deep.equal(certificate);
    expect(mark(one)).to.match(/^[0-9a-f]{8}$/);
    expect(mark(one)).to.equal(mark(other));
    expect(JSON.stringify(withoutSecrets(one.get('BackendStore/db').inputs))).not.to.include('PRIVATE KEY');
  });

  it('starts the database anew with a new certificate, which it reads at its start only', async () => {
    expect(mark(await build())).not.to.equal(mark(await build({ certificate })));
  });

  for (const [dataProtection, protect, retainOnDelete] of [
    ['delete', false, false],
    ['retain', false, true],
    ['protect', true, false],
  ] as const) {
    it(`is kept with the data as dataProtection ${dataProtection} says`, async () => {
      const run = await build({ dataProtection });
      for (const id of ['Secret/db-tls', 'PersistentVolumeClaim/db-claim']) {
        expect(run.get(id), id).to.include({ protect, retainOnDelete });
      }
      // A new password is the database's at its next start.
      expect(run.get('Secret/db-credentials')).to.include({ protect: false, retainOnDelete: false });
    });
  }
});

describe('vacuum', () => {
  it('runs in the database on schedule, over TLS, with the image of the database', async () => {
    const run = await build({ vacuumSchedule: '@monthly', imagePullSecrets: ['registry'] });
    const job = run.get('CronJob/db-vacuum-cron-job');
    expect(job.inputs.metadata).to.deep.equal({
      name: 'db-vacuum',
      namespace: 'team-a',
      labels: labelsOf('postgres-vacuum'),
    });
    expect(job.inputs.spec).to.deep.include({ schedule: '@monthly', concurrencyPolicy: 'Forbid' });
    expect(podTemplate(job)?.spec).to.deep.include({
      serviceAccountName: 'db-vacuum',
      restartPolicy: 'Never',
      imagePullSecrets: [{ name: 'registry' }],
    });
    const vacuum = container(job, 'vacuum');
    expect(vacuum.image).to.equal('postgres:15');
    expect(vacuum.command?.join(' ')).to.match(
      /^bash -c \s*timeout .* pg_isready [^]*exec psql --no-psqlrc --set ON_ERROR_STOP=1 --command 'VACUUM \(ANALYZE\)'$/,
    );
    expect(plainEnv(vacuum)).to.include({ PGHOST: 'db.team-a.svc', PGSSLMODE: 'require', PGUSER: 'mlflow' });
    expect(secretEnv(vacuum)).to.deep.equal({ PGPASSWORD: 'db-credentials-1a2b3c4d/password' });
  });

  it('can be switched off', async () => {
    expect(objects(await build({ vacuum: false }))).not.to.include.oneOf([
      'CronJob/db-vacuum-cron-job',
      'ServiceAccount/db-vacuum-service-account',
    ]);
  });
});

describe('BackendStore, kind sqlite', () => {
  const sqlite = {
    host: '/mlflow/mlflow.db',
    settings: { MLFLOW_BACKEND_STORE_URI: 'sqlite:////mlflow/mlflow.db' },
    secrets: {},
  };

  it('is a file on a claim of its own', async () => {
    const run = await build({ kind: 'sqlite', storageClassName: 'fast', dataProtection: 'retain' });
    expect(objects(run)).to.deep.equal(['PersistentVolumeClaim/db-sqlite-claim']);
    expect(run.get('PersistentVolumeClaim/db-sqlite-claim')).to.deep.include({ retainOnDelete: true });
    expect(run.get('PersistentVolumeClaim/db-sqlite-claim').inputs.spec).to.deep.equal({
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fast',
      resources: { requests: { storage: '20Gi' } },
    });
    expect(run.outputs.connection).to.deep.equal({
      ...sqlite,
      volumes: [{ name: 'sqlite', persistentVolumeClaim: { claimName: 'mlflow-sqlite' } }],
      volumeMounts: [{ name: 'sqlite', mountPath: '/mlflow' }],
    });
  });

  it('lies beside the artifacts where those are on a claim', async () => {
    const sharedMounts = {
      volumes: [{ name: 'artifacts', persistentVolumeClaim: { claimName: 'files' } }],
      volumeMounts: [{ name: 'artifacts', mountPath: '/mlflow' }],
    };
    const run = await build({ kind: 'sqlite', sharedMounts });
    expect(objects(run)).to.deep.equal([]);
    expect(run.outputs.connection).to.deep.equal({ ...sqlite, ...sharedMounts });
  });
});

describe('BackendStore, kind external', () => {
  const connectionFrom = {
    secretName: 'db-login',
    userKey: 'username',
    passwordKey: 'password',
    hostKey: 'host',
  };

  for (const [title, changes, expected] of [
    [
      'a PostgreSQL by host, with user and password in a Secret',
      { host: 'db.example', connectionFrom },
      {
        host: 'db.example',
        settings: {
          MLFLOW_BACKEND_STORE_URI: 'postgresql+psycopg2://',
          PGCONNECT_TIMEOUT: '10',
          PGDATABASE: 'tracking',
          PGHOST: 'db.example',
          PGPORT: '5432',
          PGSSLMODE: 'require',
        },
        secrets: {
          PGUSER: { secretName: 'db-login', key: 'username' },
          PGPASSWORD: { secretName: 'db-login', key: 'password' },
        },
      },
    ],
    [
      'a PostgreSQL whose host is in the Secret, too',
      { connectionFrom, port: 6432, sslMode: 'verify-full' },
      {
        host: 'secret db-login/host',
        settings: {
          MLFLOW_BACKEND_STORE_URI: 'postgresql+psycopg2://',
          PGCONNECT_TIMEOUT: '10',
          PGDATABASE: 'tracking',
          PGPORT: '6432',
          PGSSLMODE: 'verify-full',
        },
        secrets: {
          PGHOST: { secretName: 'db-login', key: 'host' },
          PGUSER: { secretName: 'db-login', key: 'username' },
          PGPASSWORD: { secretName: 'db-login', key: 'password' },
        },
      },
    ],
    [
      'a MySQL, of whose parts the pod makes the address',
      { dialect: 'mysql', host: 'db.example', connectionFrom },
      {
        host: 'db.example',
        settings: {
          DATABASE_DIALECT: 'mysql',
          DATABASE_HOST: 'db.example',
          DATABASE_NAME: 'tracking',
          DATABASE_PORT: '3306',
        },
        secrets: {
          DATABASE_USER: { secretName: 'db-login', key: 'username' },
          DATABASE_PASSWORD: { secretName: 'db-login', key: 'password' },
        },
      },
    ],
    [
      'any database by a URI in a Secret',
      { dialect: 'mysql', uriFrom: { secretName: 'db-login', key: 'uri' } },
      {
        host: 'secret db-login/uri',
        settings: {},
        secrets: { MLFLOW_BACKEND_STORE_URI: { secretName: 'db-login', key: 'uri' } },
      },
    ],
  ] as const) {
    it(`is ${title}`, async () => {
      const run = await build({ kind: 'external', ...changes });
      expect(objects(run)).to.deep.equal([]);
      expect(run.outputs.connection).to.deep.equal({
        ...expected,
        volumes: [],
        volumeMounts: [],
      });
    });
  }

  for (const [title, readReplica, settings, secrets] of [
    ['by host', { host: 'replica.example' }, { name: 'postgresql+psycopg2://replica.example' }, {}],
    [
      'by host and port',
      { host: 'replica.example', port: 6432 },
      { name: 'postgresql+psycopg2://replica.example:6432' },
      {},
    ],
    [
      'by a URI in a Secret',
      { uriFrom: { secretName: 'replica', key: 'uri' } },
      {},
      { name: { secretName: 'replica', key: 'uri' } },
    ],
  ] as const) {
    it(`has a replica for reads ${title}`, async () => {
      const { outputs } = await build({ kind: 'external', host: 'db.example', connectionFrom, readReplica });
      const variable = (of: object) =>
        Object.fromEntries(
          Object.values(of).map((value) => ['MLFLOW_READ_REPLICA_BACKEND_STORE_URI', value]),
        );
      expect(outputs.connection).to.deep.include({
        readReplica: { settings: variable(settings), secrets: variable(secrets) },
      });
      // Whatever only writes must not see it.
      expect(outputs.connection).not.to.have.nested.property(
        'settings.MLFLOW_READ_REPLICA_BACKEND_STORE_URI',
      );
    });
  }
});
