// PostgreSQL in the cluster: one pod, one claim, one Service, a certificate, and a password that nobody has to know.
import * as pulumi from '@pulumi/pulumi';
import { StatefulSet } from '@pulumi/kubernetes/apps/v1/statefulSet.js';
import { CronJob } from '@pulumi/kubernetes/batch/v1/cronJob.js';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import type { PersistentVolumeClaim } from '@pulumi/kubernetes/core/v1/persistentVolumeClaim.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { dataOptions } from '../lib/data-protection.ts';
import { databaseVariables } from '../lib/database.ts';
import { shortHash } from '../lib/hash.ts';
import { objectLabels, overruleOthers, selectorLabels } from '../lib/labels.ts';
import { annotations, databaseTlsSecret } from '../lib/names.ts';
import { podPorts } from '../lib/network.ts';
import { databaseCaPath, definedOnly, restrictedContainer, restrictedPod } from '../lib/pod.ts';
import type { BackendStoreArgs } from './backend-store.ts';
import { dataClaim } from './claim.ts';
import type { BackendConnection, SecretKey } from './connections.ts';
import { cronJobSpec } from './cron-job.ts';
import { workloadAccount } from './service-account.ts';

/** Makes the database and tells how to reach it. Its address is known only once the database is ready. */
export function postgres(name: string, args: BackendStoreArgs, parent: pulumi.Resource): BackendConnection {
  const password = args.passwordFrom ?? passwordSecret(name, args, parent);
  const certificate = certificateSecret(name, args, parent);
  const claim = dataClaim(
    name,
    { ...args, name, component: 'postgres', accessMode: 'ReadWriteOnce' },
    parent,
  );
  const service = databaseService(name, args, parent);
  const database = statefulSet(name, args, { password, certificate, claim, service }, parent);
  // Taken from the StatefulSet, so that whoever needs the address waits for the database behind it.
  const host = pulumi.interpolate`${database.spec.serviceName}.${database.metadata.namespace}.svc`;
  if (args.vacuum) vacuumCronJob(name, args, { host, password }, parent);
  const { settings, secrets } = databaseVariables({
    dialect: 'postgresql',
    host,
    port,
    database: databaseName,
    user,
    password,
    sslMode: 'verify-full',
  });
  return {
    host,
    settings: { ...settings, PGSSLROOTCERT: databaseCaPath },
    secrets,
    ca: certificate.ca,
    volumes: [],
    volumeMounts: [],
  };
}

const port = podPorts.postgres;
const user = 'mlflow';
const databaseName = 'mlflow';
/** User and group `postgres` of the official image. */
const postgresUser = 999;
const dataPath = '/var/lib/postgresql/data';
const tlsPath = '/etc/postgresql/tls';
const configPath = '/etc/postgresql/config';

/** Everybody but the pod itself must speak TLS. https://www.postgresql.org/docs/current/auth-pg-hba-conf.html */
const hostBasedAuthentication = `
local all all trust
hostssl all all all scram-sha-256
`;

function passwordSecret(name: string, args: BackendStoreArgs, parent: pulumi.Resource): SecretKey {
  const password =
    args.password ??
    new RandomPassword(
      `${name}-password`,
      { length: 32, special: false, keepers: { rotation: String(args.rotation) } },
      { parent },
    ).result;
  const secret = new Secret(
    `${name}-credentials`,
    {
      metadata: { namespace: args.namespace, labels: objectLabels('postgres') },
      type: 'Opaque',
      stringData: { password: pulumi.secret(password) },
    },
    { parent },
  );
  return { secretName: secret.metadata.name, key: 'password' };
}

interface Certificate {
  readonly secretName: pulumi.Output<string>;
  /** In PEM, for those who check the database's. */
  readonly ca: pulumi.Output<string>;
}

/** The certificate stays the same for as long as it is good: clients and database take it from different objects. */
function certificateSecret(name: string, args: BackendStoreArgs, parent: pulumi.Resource): Certificate {
  const files = pulumi.output(args.namespace).apply(async (namespace) => {
    const { serverCertificate } = await import('../lib/certificates.ts');
    return await serverCertificate(serviceNames(name, namespace), args.certificate);
  });
  const secret = new Secret(
    `${name}-tls`,
    {
      metadata: {
        name: databaseTlsSecret,
        namespace: args.namespace,
        labels: objectLabels('postgres'),
        annotations: overruleOthers,
      },
      type: 'kubernetes.io/tls',
      stringData: pulumi.secret(files),
    },
    { parent, ...dataOptions(args.dataProtection) },
  );
  return {
    secretName: secret.metadata.name,
    ca: pulumi.unsecret(files.apply((each) => each['ca.crt'])),
  };
}

const serviceNames = (name: string, namespace: string): string[] => [
  `${name}.${namespace}.svc`,
  `${name}.${namespace}.svc.cluster.local`,
  name,
  'localhost',
];

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

interface DatabaseParts {
  readonly password: SecretKey;
  readonly certificate: Certificate;
  readonly claim: PersistentVolumeClaim;
  readonly service: Service;
}

function statefulSet(
  name: string,
  args: BackendStoreArgs,
  parts: DatabaseParts,
  parent: pulumi.Resource,
): StatefulSet {
  const serviceAccount = workloadAccount(name, { ...args, component: 'postgres' }, parent);
  const config = new ConfigMap(
    `${name}-config`,
    {
      metadata: { namespace: args.namespace, labels: objectLabels('postgres') },
      data: { 'pg_hba.conf': hostBasedAuthentication },
    },
    { parent },
  );
  return new StatefulSet(
    `${name}-database`,
    {
      metadata: { name, namespace: args.namespace, labels: objectLabels('postgres') },
      spec: {
        serviceName: parts.service.metadata.name,
        replicas: 1,
        selector: { matchLabels: selectorLabels('postgres') },
        template: {
          metadata: {
            labels: objectLabels('postgres'),
            // PostgreSQL takes its certificate and its password at the start.
            annotations: {
              'mlflow-stack/certificate': parts.certificate.ca.apply(shortHash),
              ...(args.passwordFrom && { [annotations.externalRevision]: args.externalRevision }),
            },
          },
          spec: databasePod(args, {
            ...parts,
            serviceAccount: serviceAccount.metadata.name,
            configName: config.metadata.name,
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
  parts: DatabaseParts & Record<'serviceAccount' | 'configName', pulumi.Input<string>>,
): core.v1.PodSpec {
  // Asks for a TCP answer: while the image sets up an empty volume, its server listens on a socket only.
  const isReady = { exec: { command: ['pg_isready', '-h', '127.0.0.1', '-U', user, '-d', databaseName] } };
  const options = {
    max_connections: String(args.maxConnections),
    hba_file: `${configPath}/pg_hba.conf`,
    ssl: 'on',
    ssl_cert_file: `${tlsPath}/tls.crt`,
    ssl_key_file: `${tlsPath}/tls.key`,
  };
  return {
    serviceAccountName: parts.serviceAccount,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    imagePullSecrets: args.imagePullSecrets.map((secret) => ({ name: secret })),
    securityContext: restrictedPod(postgresUser),
    terminationGracePeriodSeconds: 60,
    containers: [
      {
        name: 'postgres',
        image: args.image,
        args: ['postgres', ...Object.entries(options).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
        env: [
          { name: 'POSTGRES_USER', value: user },
          { name: 'POSTGRES_DB', value: databaseName },
          {
            name: 'POSTGRES_PASSWORD',
            valueFrom: { secretKeyRef: { name: parts.password.secretName, key: parts.password.key } },
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
          { name: 'tls', mountPath: tlsPath, readOnly: true },
          { name: 'config', mountPath: configPath, readOnly: true },
          { name: 'run', mountPath: '/var/run/postgresql' },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: parts.claim.metadata.name } },
      // PostgreSQL refuses a key that others could read: 0440, in octal.
      { name: 'tls', secret: { secretName: parts.certificate.secretName, defaultMode: 0o440 } },
      { name: 'config', configMap: { name: parts.configName } },
      { name: 'run', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
    ],
  };
}

/** A network plug-in may take some seconds to let a new pod through its policies. */
const vacuumScript = `
timeout 120 bash -c 'until pg_isready --quiet; do sleep 1; done'
exec psql --no-psqlrc --set ON_ERROR_STOP=1 --command 'VACUUM (ANALYZE)'`;

/** Gives the space of deleted rows back for reuse, and the planner fresh figures, also where autovacuum does not get to. */
function vacuumCronJob(
  name: string,
  args: BackendStoreArgs,
  database: { readonly host: pulumi.Output<string>; readonly password: SecretKey },
  parent: pulumi.Resource,
): void {
  const vacuumName = `${name}-vacuum`;
  const component = 'postgres-vacuum';
  const serviceAccount = workloadAccount(vacuumName, { ...args, component }, parent);
  const { password } = database;
  new CronJob(
    `${vacuumName}-cron-job`,
    {
      metadata: { name: vacuumName, namespace: args.namespace, labels: objectLabels(component) },
      spec: cronJobSpec({
        schedule: args.vacuumSchedule,
        timeZone: 'Etc/UTC',
        suspend: false,
        deadlineSeconds: 6 * 3600,
        component,
        pod: {
          metadata: { labels: objectLabels(component) },
          spec: {
            serviceAccountName: serviceAccount.metadata.name,
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            imagePullSecrets: args.imagePullSecrets.map((secret) => ({ name: secret })),
            securityContext: restrictedPod(postgresUser),
            containers: [
              {
                name: 'vacuum',
                image: args.image,
                command: ['bash', '-c', vacuumScript],
                env: [
                  { name: 'PGHOST', value: database.host },
                  { name: 'PGDATABASE', value: databaseName },
                  { name: 'PGUSER', value: user },
                  {
                    name: 'PGPASSWORD',
                    valueFrom: { secretKeyRef: { name: password.secretName, key: password.key } },
                  },
                  { name: 'PGSSLMODE', value: 'require' },
                  { name: 'PGAPPNAME', value: 'vacuum' },
                ],
                resources: { requests: { cpu: '50m', memory: '32Mi' }, limits: { memory: '128Mi' } },
                securityContext: restrictedContainer,
                terminationMessagePolicy: 'FallbackToLogsOnError',
              },
            ],
          },
        },
      }),
    },
    { parent },
  );
}
