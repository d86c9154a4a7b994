import { expect } from 'chai';
import {
  type ArtifactConnection,
  ArtifactStore,
  type BackendConnection,
  BackendStore,
} from '../../components/index.ts';
import { labelsOf, selectorOf } from '../support/args.ts';
import { container } from '../support/manifests.ts';
import { type Run, generatedPassword, runStack, secret, withoutSecrets } from '../support/mocks.ts';

const restricted = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/** What uses these objects is waited for, which is enough. */
const skipAwait = { 'pulumi.com/skipAwait': 'true' };

describe('ArtifactStore', () => {
  async function build(changes: object = {}): Promise<{ run: Run; connection: ArtifactConnection }> {
    let connection: ArtifactConnection | undefined;
    const run = await runStack(() => {
      ({ connection } = new ArtifactStore('files', {
        namespace: 'team-a',
        size: '10Gi',
        accessMode: 'ReadWriteOnce',
        dataProtection: 'delete',
        ...changes,
      }));
      return { connection };
    });
    return { run, connection: connection as unknown as ArtifactConnection };
  }

  it('is a claim of the default class, which the server mounts', async () => {
    const { run } = await build();
    expect(run.get('PersistentVolumeClaim/files-claim').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: 'files',
        namespace: 'team-a',
        labels: labelsOf('artifact-store'),
        annotations: skipAwait,
      },
      // Without a class, the key must be absent: an empty one would ask for no class at all.
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Gi' } } },
    });
    expect(run.outputs.connection).to.deep.equal({
      uri: '/mlflow/artifacts',
      env: [],
      volumes: [{ name: 'artifacts', persistentVolumeClaim: { claimName: 'files' } }],
      volumeMounts: [{ name: 'artifacts', mountPath: '/mlflow' }],
      shareable: false,
    });
  });

  it('can be shared by several servers where the class can do it', async () => {
    const { run, connection } = await build({ accessMode: 'ReadWriteMany', storageClassName: 'nfs' });
    expect(connection.shareable).to.equal(true);
    expect(run.get('PersistentVolumeClaim/files-claim').inputs.spec).to.deep.equal({
      accessModes: ['ReadWriteMany'],
      storageClassName: 'nfs',
      resources: { requests: { storage: '10Gi' } },
    });
  });
});

describe('BackendStore', () => {
  const build = (changes: object = {}): Promise<Run> =>
    runStack(() => {
      const { connection } = new BackendStore('db', {
        namespace: 'team-a',
        size: '20Gi',
        image: 'postgres:15',
        resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } },
        maxConnections: 50,
        timeoutSeconds: 90,
        dataProtection: 'delete',
        ...changes,
      });
      return { connection: connection satisfies BackendConnection };
    });

  it('is one PostgreSQL pod that is not root, with its data on a claim and a password that was generated', async () => {
    const run = await build();
    const metadata = { name: 'db', namespace: 'team-a', labels: labelsOf('postgres') };
    const isReady = { exec: { command: ['pg_isready', '-h', '127.0.0.1', '-U', 'mlflow', '-d', 'mlflow'] } };
    const selector = selectorOf('postgres');
    const { lifecycle } = container(run.get('StatefulSet/db-database'), 'postgres');
    const afterStart = lifecycle?.postStart?.exec?.command[2];
    expect(afterStart, 'a retained volume gets the password of the Secret').to.include('ALTER ROLE');
    const manifests = run.resources
      .filter(({ isComponent }) => !isComponent)
      .map(({ id, inputs }) => [id, inputs] as const);
    const wanted: Record<string, object> = {
      'RandomPassword/db-password': { length: 32, special: false },
      'Secret/db-credentials': {
        apiVersion: 'v1',
        kind: 'Secret',
        // No name: Pulumi gives it one that changes with the content.
        metadata: { namespace: 'team-a', labels: labelsOf('postgres') },
        type: 'Opaque',
        stringData: secret({ password: generatedPassword }),
      },
      'ServiceAccount/db-service-account': {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata,
        automountServiceAccountToken: false,
      },
      'PersistentVolumeClaim/db-claim': {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { ...metadata, annotations: skipAwait },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '20Gi' } } },
      },
      'Service/db-service': {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { ...metadata, annotations: skipAwait },
        spec: { selector, ports: [{ name: 'postgres', port: 5432, targetPort: 'postgres' }] },
      },
      'StatefulSet/db-database': {
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
        metadata,
        spec: {
          serviceName: 'db',
          replicas: 1,
          selector: { matchLabels: selector },
          template: {
            metadata: { labels: labelsOf('postgres') },
            spec: {
              serviceAccountName: 'db',
              automountServiceAccountToken: false,
              enableServiceLinks: false,
              securityContext: {
                runAsNonRoot: true,
                runAsUser: 999,
                runAsGroup: 999,
                fsGroup: 999,
                fsGroupChangePolicy: 'OnRootMismatch',
                seccompProfile: { type: 'RuntimeDefault' },
              },
              terminationGracePeriodSeconds: 60,
              containers: [
                {
                  name: 'postgres',
                  image: 'postgres:15',
                  args: ['postgres', '-c', 'max_connections=50'],
                  env: [
                    { name: 'POSTGRES_USER', value: 'mlflow' },
                    { name: 'POSTGRES_DB', value: 'mlflow' },
                    {
                      name: 'POSTGRES_PASSWORD',
                      valueFrom: { secretKeyRef: { name: 'db-credentials-1a2b3c4d', key: 'password' } },
                    },
                    { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' },
                  ],
                  ports: [{ name: 'postgres', containerPort: 5432 }],
                  lifecycle: { postStart: { exec: { command: ['bash', '-c', afterStart ?? ''] } } },
                  startupProbe: { ...isReady, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 150 },
                  readinessProbe: { ...isReady, periodSeconds: 5, timeoutSeconds: 5 },
                  livenessProbe: { ...isReady, periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 6 },
                  resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } },
                  securityContext: restricted,
                  terminationMessagePolicy: 'FallbackToLogsOnError',
                  volumeMounts: [
                    { name: 'data', mountPath: '/var/lib/postgresql/data' },
                    { name: 'run', mountPath: '/var/run/postgresql' },
                    { name: 'tmp', mountPath: '/tmp' },
                  ],
                },
              ],
              volumes: [
                { name: 'data', persistentVolumeClaim: { claimName: 'db' } },
                { name: 'run', emptyDir: {} },
                { name: 'tmp', emptyDir: {} },
              ],
            },
          },
        },
      },
    };
    expect(manifests.map(([id]) => id)).to.have.members(Object.keys(wanted));
    for (const [id, inputs] of manifests) expect(inputs, id).to.deep.equal(wanted[id]);
  });

  it('tells clients where it is once the database is ready', async () => {
    const run = await build();
    expect(run.outputs.connection).to.deep.equal({
      host: 'db.team-a.svc',
      port: 5432,
      database: 'mlflow',
      user: 'mlflow',
      password: { secretName: 'db-credentials-1a2b3c4d', key: 'password' },
      sslMode: 'prefer',
      maxConnections: 50,
    });
  });

  it('waits as long as the user says', async () => {
    const { timeouts } = (await build()).get('StatefulSet/db-database');
    expect(timeouts).to.deep.equal({ create: '90s', update: '90s' });
  });

  it('takes a password given by hand, and hides it like its own', async () => {
    const password = 'correct horse battery staple';
    const run = await build({ password });
    expect(run.resources.map(({ id }) => id)).not.to.include('RandomPassword/db-password');
    expect(run.get('Secret/db-credentials').inputs.stringData).to.deep.equal(secret({ password }));
    expect(run.get('BackendStore/db').inputs.password).to.deep.equal(secret(password));
    for (const { id, inputs } of run.resources) {
      expect(JSON.stringify(withoutSecrets(inputs)), id).not.to.include(password);
    }
  });

  it('uses the class of the settings', async () => {
    const { inputs } = (await build({ storageClassName: 'fast' })).get('PersistentVolumeClaim/db-claim');
    expect(inputs.spec).to.have.property('storageClassName', 'fast');
  });

  it('limits the processor only where the user does', async () => {
    const resources = { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', memory: '2Gi' } };
    const run = await build({ resources });
    expect(container(run.get('StatefulSet/db-database'), 'postgres')).to.have.deep.property(
      'resources',
      resources,
    );
  });
});
