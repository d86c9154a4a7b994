// BackendStore: the database that holds experiments, runs, metrics and the model registry.
import * as pulumi from '@pulumi/pulumi';
import { StatefulSet } from '@pulumi/kubernetes/apps/v1/statefulSet.js';
import type { PersistentVolumeClaim } from '@pulumi/kubernetes/core/v1/persistentVolumeClaim.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import { ServiceAccount } from '@pulumi/kubernetes/core/v1/serviceAccount.js';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import { type Resources, definedOnly, restrictedContainer, restrictedPod } from '../lib/pod.ts';
import { type StorageArgs, dataClaim } from './claim.ts';
import type { BackendConnection } from './connections.ts';

export interface BackendStoreArgs extends StorageArgs {
  /** Image that keeps to the contract of the official one: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, PGDATA. */
  readonly image: string;
  /** Password of the database user. Default: 32 random characters. */
  readonly password?: pulumi.Input<string> | undefined;
  readonly resources: Resources;
  /** Connections that the database accepts in all. A change restarts it. */
  readonly maxConnections: number;
  /** Seconds that an update waits for the database to become ready. */
  readonly timeoutSeconds: number;
}

/** PostgreSQL in the cluster: one pod, one claim, one Service, a password that nobody has to know. */
export class BackendStore extends pulumi.ComponentResource {
  /** What a pod needs to reach the database. Known only once the database is ready. */
  public readonly connection: BackendConnection;

  constructor(name: string, args: BackendStoreArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:BackendStore', name, withSecretPassword(args), opts);
    const secret = passwordSecret(name, args, this);
    const claim = dataClaim(name, { ...args, component: 'postgres', accessMode: 'ReadWriteOnce' }, this);
    const service = databaseService(name, args, this);
    const database = statefulSet(name, args, { secret, claim, service }, this);
    this.connection = {
      // Taken from the StatefulSet, so that whoever needs the address waits for the database behind it.
      host: pulumi.interpolate`${database.spec.serviceName}.${database.metadata.namespace}.svc`,
      port,
      database: databaseName,
      user,
      password: { secretName: secret.metadata.name, key: passwordKey },
      sslMode: 'prefer',
      maxConnections: args.maxConnections,
    };
    this.registerOutputs({ host: this.connection.host });
  }
}

const port = 5432;
const user = 'mlflow';
const databaseName = 'mlflow';
const passwordKey = 'password';
/** User and group `postgres` of the official image. */
const postgresUser = 999;
const dataPath = '/var/lib/postgresql/data';

/** Args are stored in the state, where a password must be encrypted. */
function withSecretPassword(args: BackendStoreArgs): BackendStoreArgs {
  return args.password === undefined ? args : { ...args, password: pulumi.secret(args.password) };
}

function passwordSecret(name: string, args: BackendStoreArgs, parent: pulumi.Resource): Secret {
  const password =
    args.password ??
    new RandomPassword(`${name}-password`, { length: 32, special: false }, { parent }).result;
  return new Secret(
    `${name}-credentials`,
    {
      metadata: { namespace: args.namespace, labels: objectLabels('postgres') },
      type: 'Opaque',
      stringData: { [passwordKey]: pulumi.secret(password) },
    },
    { parent },
  );
}

function databaseService(name: string, args: BackendStoreArgs, parent: pulumi.Resource): Service {
  return new Service(
    `${name}-service`,
    {
      metadata: {
        name,
        namespace: args.namespace,
        labels: objectLabels('postgres'),
        // The StatefulSet is waited for; waiting for its Service as well would only add ten seconds.
        annotations: { 'pulumi.com/skipAwait': 'true' },
      },
      spec: {
        selector: selectorLabels('postgres'),
        ports: [{ name: 'postgres', port, targetPort: 'postgres' }],
      },
    },
    { parent },
  );
}

function statefulSet(
  name: string,
  args: BackendStoreArgs,
  { secret, claim, service }: { secret: Secret; claim: PersistentVolumeClaim; service: Service },
  parent: pulumi.Resource,
): StatefulSet {
  const serviceAccount = new ServiceAccount(
    `${name}-service-account`,
    {
      metadata: { name, namespace: args.namespace, labels: objectLabels('postgres') },
      automountServiceAccountToken: false,
    },
    { parent },
  );
  return new StatefulSet(
    `${name}-database`,
    {
      metadata: { name, namespace: args.namespace, labels: objectLabels('postgres') },
      spec: {
        serviceName: service.metadata.name,
        replicas: 1,
        selector: { matchLabels: selectorLabels('postgres') },
        template: {
          metadata: { labels: objectLabels('postgres') },
          spec: databasePod(args, {
            serviceAccount: serviceAccount.metadata.name,
            secretName: secret.metadata.name,
            claimName: claim.metadata.name,
          }),
        },
      },
    },
    {
      parent,
      // A change of its pod makes a new StatefulSet on the same claim. An update in place would not do: Kubernetes never
      // replaces a pod that cannot start (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback),
      // and the plug-in takes the old pod's readiness for the new one's. The restart takes as long either way.
      replaceOnChanges: ['spec.template'],
      deleteBeforeReplace: true,
      customTimeouts: { create: `${args.timeoutSeconds}s`, update: `${args.timeoutSeconds}s` },
    },
  );
}

/**
 * Makes the Secret's password the user's, at each start: the image itself heeds it only when it sets up an empty volume, and
 * a volume that was retained, or restored, has another. The pod is not ready before this is done. A failing statement must not
 * be logged, for the password in it.
 */
const adoptPasswordScript = `
set -e
timeout 240 bash -c 'until pg_isready --quiet --host 127.0.0.1; do sleep 0.2; done'
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\\getenv user POSTGRES_USER
\\getenv password POSTGRES_PASSWORD
SET log_min_error_statement = panic;
ALTER ROLE :"user" PASSWORD :'password';
SQL`;

function databasePod(
  args: BackendStoreArgs,
  names: Record<'serviceAccount' | 'secretName' | 'claimName', pulumi.Input<string>>,
): core.v1.PodSpec {
  // Asks for a TCP answer: while the image sets up an empty volume, its server listens on a socket only.
  const isReady = { exec: { command: ['pg_isready', '-h', '127.0.0.1', '-U', user, '-d', databaseName] } };
  return {
    serviceAccountName: names.serviceAccount,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: restrictedPod(postgresUser),
    terminationGracePeriodSeconds: 60,
    containers: [
      {
        name: 'postgres',
        image: args.image,
        args: ['postgres', '-c', `max_connections=${args.maxConnections}`],
        env: [
          { name: 'POSTGRES_USER', value: user },
          { name: 'POSTGRES_DB', value: databaseName },
          {
            name: 'POSTGRES_PASSWORD',
            valueFrom: { secretKeyRef: { name: names.secretName, key: passwordKey } },
          },
          // A folder below the mount point, which may hold a lost+found of its own.
          { name: 'PGDATA', value: `${dataPath}/pgdata` },
        ],
        ports: [{ name: 'postgres', containerPort: port }],
        lifecycle: { postStart: { exec: { command: ['bash', '-c', adoptPasswordScript] } } },
        startupProbe: { ...isReady, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 150 },
        readinessProbe: { ...isReady, periodSeconds: 5, timeoutSeconds: 5 },
        livenessProbe: { ...isReady, periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 6 },
        resources: { requests: args.resources.requests, limits: definedOnly(args.resources.limits) },
        securityContext: restrictedContainer,
        terminationMessagePolicy: 'FallbackToLogsOnError',
        volumeMounts: [
          { name: 'data', mountPath: dataPath },
          { name: 'run', mountPath: '/var/run/postgresql' },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: names.claimName } },
      { name: 'run', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
    ],
  };
}
