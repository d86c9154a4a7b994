// PostgreSQL in the cluster: a server with one database, a certificate, and a password that nobody has to know.
import * as pulumi from '@pulumi/pulumi';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { dataOptions } from '../lib/data-protection.ts';
import { databaseVariables } from '../lib/database.ts';
import { shortHash } from '../lib/hash.ts';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import { annotations, databaseTlsSecret } from '../lib/names.ts';
import { podPorts } from '../lib/network.ts';
import { databaseCaPath } from '../lib/pod.ts';
import type { BackendStoreArgs } from './backend-store.ts';
import type { GeneratedSecrets, MadeBackend, SecretKey } from './connections.ts';
import { statefulServer } from './stateful-server.ts';
import { vacuumCronJob } from './vacuum.ts';

/** Makes the database and tells how to reach it. Its address is known only once the database is ready. */
export function postgres(name: string, args: BackendStoreArgs, parent: pulumi.Resource): MadeBackend {
  const { key: password, generated } =
    args.passwordFrom === undefined ? ownPassword(name, args, parent) : { key: args.passwordFrom };
  const certificate = certificateSecret(name, args, parent);
  const host = databaseServer(name, args, { password, certificate }, parent);
  const { settings, secrets } = databaseVariables({
    dialect: 'postgresql',
    host,
    port,
    database: databaseName,
    user,
    password,
    sslMode: 'verify-full',
  });
  if (args.vacuum) {
    // Its image has no place for the authority's certificate.
    const database = { settings: { ...settings, PGSSLMODE: 'require' }, secrets };
    vacuumCronJob(
      `${name}-vacuum`,
      { ...args, user: postgresUser, schedule: args.vacuumSchedule, database },
      parent,
    );
  }
  return {
    host,
    settings: { ...settings, PGSSLROOTCERT: databaseCaPath },
    secrets,
    ca: certificate.ca,
    volumes: [],
    volumeMounts: [],
    generated,
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

function ownPassword(
  name: string,
  args: BackendStoreArgs,
  parent: pulumi.Resource,
): { key: SecretKey; generated?: GeneratedSecrets } {
  const password = pulumi.secret(
    args.password ??
      new RandomPassword(
        `${name}-password`,
        { length: 32, special: false, keepers: { rotation: String(args.rotation) } },
        { parent },
      ).result,
  );
  const secret = new Secret(
    `${name}-credentials`,
    {
      metadata: { namespace: args.namespace, labels: objectLabels('postgres') },
      type: 'Opaque',
      stringData: { password },
    },
    { parent },
  );
  return {
    key: { secretName: secret.metadata.name, key: 'password' },
    generated: { 'database-password': password },
  };
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

function databaseServer(
  name: string,
  args: BackendStoreArgs,
  { password, certificate }: { readonly password: SecretKey; readonly certificate: Certificate },
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const config = new ConfigMap(
    `${name}-config`,
    {
      metadata: { namespace: args.namespace, labels: objectLabels('postgres') },
      data: { 'pg_hba.conf': hostBasedAuthentication },
    },
    { parent },
  );
  const options = {
    max_connections: String(args.maxConnections),
    hba_file: `${configPath}/pg_hba.conf`,
    ssl: 'on',
    ssl_cert_file: `${tlsPath}/tls.crt`,
    ssl_key_file: `${tlsPath}/tls.key`,
  };
  return statefulServer(
    name,
    {
      ...args,
      component: 'postgres',
      user: postgresUser,
      port,
      args: ['postgres', ...Object.entries(options).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
      env: [
        { name: 'POSTGRES_USER', value: user },
        { name: 'POSTGRES_DB', value: databaseName },
        // A folder below the mount point, which may hold a lost+found of its own.
        { name: 'PGDATA', value: `${dataPath}/pgdata` },
      ],
      secrets: { POSTGRES_PASSWORD: password },
      dataPath,
      volumes: [
        // PostgreSQL refuses a key that others could read: 0440, in octal.
        { name: 'tls', secret: { secretName: certificate.secretName, defaultMode: 0o440 } },
        { name: 'config', configMap: { name: config.metadata.name } },
        { name: 'run', emptyDir: {} },
      ],
      volumeMounts: [
        { name: 'tls', mountPath: tlsPath, readOnly: true },
        { name: 'config', mountPath: configPath, readOnly: true },
        { name: 'run', mountPath: '/var/run/postgresql' },
      ],
      // Asks for a TCP answer: while the image sets up an empty volume, its server listens on a socket only.
      question: { exec: { command: ['pg_isready', '-h', '127.0.0.1', '-U', user, '-d', databaseName] } },
      afterStart: ['bash', '-c', adoptPasswordScript],
      graceSeconds: 30,
      // PostgreSQL takes its certificate and its password at the start.
      podAnnotations: {
        'mlflow-stack/certificate': certificate.ca.apply(shortHash),
        ...(args.passwordFrom && { [annotations.externalRevision]: args.externalRevision }),
      },
    },
    parent,
  );
}
