// PostgreSQL on Cloud SQL: with a private address alone, over TLS, encrypted, with backups.
import * as pulumi from '@pulumi/pulumi';
import { Database } from '@pulumi/gcp/sql/database.js';
import { DatabaseInstance } from '@pulumi/gcp/sql/databaseInstance.js';
import { getDatabaseInstanceOutput } from '@pulumi/gcp/sql/getDatabaseInstance.js';
import { User } from '@pulumi/gcp/sql/user.js';
import { RandomId } from '@pulumi/random/randomId.js';
import type { BackendConnection, MadeBackend } from '../../components/connections.ts';
import { databaseCredentials } from '../../components/database-credentials.ts';
import { authDatabase } from '../../lib/auth.ts';
import { dataOptions, guardOptions } from '../../lib/data-protection.ts';
import { databaseVariables } from '../../lib/database.ts';
import { cloudName } from '../../lib/labels.ts';
import { databaseCaPath } from '../../lib/pod.ts';
import type { DatabaseArgs } from '../cloud.ts';
import { type AccountEmail, account } from './accounts.ts';
import type { GcpContext } from './context.ts';
import { networkId, privateServices } from './network.ts';
import { diskGb, editionOf, proxyKind, tierConnections, tierOf } from './plan.ts';
import { proxyDeployment, proxySidecar } from './proxy.ts';

const port = 5432;

export interface CloudSql {
  readonly connection: MadeBackend;
  /** The account that is the database's user, where accounts log in. */
  readonly account: AccountEmail | undefined;
}

export function database(
  context: GcpContext,
  name: string,
  args: DatabaseArgs,
  opts: pulumi.ComponentResourceOptions,
): CloudSql {
  const { settings } = context;
  const { backendStore } = settings;
  const own = context.after(['sqladmin'], opts);
  const instance =
    backendStore.existingInstance === undefined
      ? newInstance(context, name, own)
      : existingInstance(context, backendStore.existingInstance);
  const iam = backendStore.auth === 'iam';
  const owner = iam ? owningAccount(context, name, opts) : undefined;
  const credentials = iam
    ? undefined
    : databaseCredentials(name, { ...args, settings, isKnown: false }, opts);
  const user = logIn(context, name, instance, { owner, password: credentials?.password }, own);
  const databaseName = databases(context, name, instance, user, own);
  const way = wayTo(context, name, args, instance, { iam }, own);
  const { settings: variables, secrets } = databaseVariables({
    dialect: 'postgresql',
    host: way.host,
    port,
    database: databaseName,
    user,
    password: credentials?.key,
    sslMode: way.sslMode,
  });
  return {
    account: owner,
    connection: {
      host: instance.host,
      settings: { ...variables, ...way.variables },
      secrets,
      ...(way.ca !== undefined && { ca: way.ca }),
      volumes: [],
      volumeMounts: [],
      sidecars: way.sidecars,
      generated: credentials?.generated,
      instance: { id: instance.id, user, iam, proxy: proxyKind(settings) === 'sidecar' },
    },
  };
}

interface Instance {
  /** `project:region:instance` */
  readonly id: pulumi.Output<string>;
  readonly project: pulumi.Input<string>;
  readonly name: pulumi.Output<string>;
  /** Its private address. */
  readonly host: pulumi.Output<string>;
  /** Name in its certificate, where that can be verified. */
  readonly dnsName: pulumi.Output<string>;
  /** Authority that signed its certificate, in PEM. */
  readonly ca: pulumi.Output<string>;
  /** What goes with it when it is deleted; undefined where the stack does not make it. */
  readonly resource?: DatabaseInstance;
}

function existingInstance({ provider }: GcpContext, id: string): Instance {
  const [project = '', , name = ''] = id.split(':');
  const found = getDatabaseInstanceOutput({ name, project }, { provider });
  return {
    id: pulumi.output(id),
    project,
    name: pulumi.output(name),
    host: found.privateIpAddress,
    dnsName: found.dnsName,
    ca: authorities(found.serverCaCerts),
  };
}

const authorities = (certificates: pulumi.Output<{ cert: string }[]>): pulumi.Output<string> =>
  certificates.apply((each) => each.map(({ cert }) => `${cert.trim()}\n`).join(''));

function newInstance(context: GcpContext, name: string, opts: pulumi.ComponentResourceOptions): Instance {
  const { settings, gcp, labels } = context;
  const { audit, backendStore, dataProtection } = settings;
  const { version, highAvailability, backups, finalSnapshot, maxConnections, sslMode } = backendStore;
  const tier = tierOf(settings);
  const privateNetwork = networkId(gcp.network ?? '', gcp.project);
  const connection =
    gcp.privateServices === 'create' ? privateServices(context, name, privateNetwork, opts) : undefined;
  const id = new RandomId(`${name}-instance-id`, { byteLength: 4 }, opts);
  const guarded = dataProtection !== 'delete';
  const instance = new DatabaseInstance(
    `${name}-instance`,
    {
      // A name stays taken for a week after its instance was deleted.
      name: id.hex.apply((hex) => `${cloudName(60)}-${hex}`),
      region: gcp.region,
      databaseVersion: `POSTGRES_${version}`,
      deletionProtection: guarded,
      settings: {
        tier,
        edition: editionOf(tier),
        availabilityType: highAvailability ? 'REGIONAL' : 'ZONAL',
        ...(gcp.zone !== undefined && { locationPreference: { zone: gcp.zone } }),
        diskType: 'PD_SSD',
        diskSize: diskGb(backendStore.size),
        diskAutoresize: true,
        deletionProtectionEnabled: guarded,
        userLabels: labels,
        ipConfiguration: {
          ipv4Enabled: false,
          privateNetwork,
          sslMode: 'ENCRYPTED_ONLY',
          // Only certificates of that authority have a name that can be verified.
          ...(sslMode === 'verify-full' && { serverCaMode: 'GOOGLE_MANAGED_CAS_CA' }),
        },
        backupConfiguration: {
          enabled: true,
          ...(backups.window !== undefined && { startTime: backups.window }),
          pointInTimeRecoveryEnabled: backups.pointInTimeRecovery,
          ...(backups.pointInTimeRecovery && {
            // Seven days are the most of the edition ENTERPRISE.
            transactionLogRetentionDays: Math.min(7, backups.retentionDays),
          }),
          backupRetentionSettings: { retainedBackups: backups.retentionDays, retentionUnit: 'COUNT' },
        },
        finalBackupConfig: finalSnapshot ? { enabled: true, retentionDays: 30 } : { enabled: false },
        retainBackupsOnDelete: guarded,
        databaseFlags: flags({
          ...(maxConnections !== tierConnections(tier) && { max_connections: String(maxConnections) }),
          ...(backendStore.auth === 'iam' && { 'cloudsql.iam_authentication': 'on' }),
          ...(audit.enabled && { log_connections: 'on', log_disconnections: 'on' }),
        }),
      },
    },
    pulumi.mergeOptions(opts, {
      ...dataOptions(dataProtection),
      ...(connection !== undefined && { dependsOn: connection }),
    }),
  );
  return {
    id: instance.connectionName,
    project: gcp.project,
    name: instance.name,
    host: instance.privateIpAddress,
    dnsName: instance.dnsNames.apply((all) => {
      const [first] = all;
      const own = all.find(({ connectionType }) => connectionType === 'PRIVATE_SERVICES_ACCESS') ?? first;
      // Certificates have it without the dot.
      return (own?.name ?? '').replace(/\.$/, '');
    }),
    ca: authorities(instance.serverCaCerts),
    resource: instance,
  };
}

/** In an order that does not change. */
const flags = (values: Record<string, string>): { name: string; value: string }[] =>
  Object.entries(values)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));

/** It owns the tables, so it stays for as long as they do. */
function owningAccount(
  context: GcpContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): AccountEmail {
  const { databaseAccount } = context.gcp;
  if (databaseAccount !== undefined) return pulumi.output(databaseAccount);
  return account(context, `${name}-owner`, 'db', 'owner of the data', {
    ...opts,
    ...guardOptions(context.settings.dataProtection),
  });
}

/** Cloud SQL itself can delete no user who owns tables. */
const abandoned = { deletionPolicy: 'ABANDON' } as const;

/** Users and databases go with their instance, and stay with it: a protected stack that nobody could destroy still has them. */
const goesWith = (
  { resource }: Instance,
  { settings }: GcpContext,
  opts: pulumi.ComponentResourceOptions,
): pulumi.CustomResourceOptions =>
  pulumi.mergeOptions(opts, {
    ...dataOptions(settings.dataProtection),
    ...(resource !== undefined && { deletedWith: resource }),
  });

/** Returns the user's name, known only once it is there. */
function logIn(
  context: GcpContext,
  name: string,
  instance: Instance,
  { owner, password }: { owner: AccountEmail | undefined; password: pulumi.Input<string> | undefined },
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { gcp } = context;
  // By which PostgreSQL knows an account: https://cloud.google.com/sql/docs/postgres/add-manage-iam-users
  const userName =
    owner?.apply((email) => email.replace('.gserviceaccount.com', '')) ?? pulumi.output('mlflow');
  if (gcp.existingDatabase && owner !== undefined) return userName;
  // One that is there already gets the new password.
  return new User(
    `${name}-user`,
    {
      ...abandoned,
      instance: instance.name,
      project: instance.project,
      name: userName,
      ...(owner === undefined
        ? { password }
        : { type: 'CLOUD_IAM_SERVICE_ACCOUNT', databaseRoles: ['cloudsqlsuperuser'] }),
    },
    goesWith(instance, context, opts),
  ).name;
}

/** Every database that the stack uses. Returns the name of the tracking server's own, known only once all are there. */
function databases(
  context: GcpContext,
  name: string,
  instance: Instance,
  user: pulumi.Output<string>,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { gcp, settings } = context;
  const { auth, backendStore, registryStore } = settings;
  if (gcp.existingDatabase) return pulumi.output(backendStore.database);
  const others = [registryStore?.database, authDatabase(auth)].filter((each) => each !== undefined);
  const made = (database: string) =>
    new Database(
      `${name}-database-${database}`,
      { ...abandoned, instance: instance.name, project: instance.project, name: database },
      goesWith(instance, context, opts),
    ).name;
  return pulumi
    .all([made(backendStore.database), user, ...others.map(made)])
    .apply(([database = '']) => database);
}

interface Way {
  readonly host: pulumi.Input<string>;
  readonly sslMode: 'disable' | 'require' | 'verify-ca' | 'verify-full';
  readonly ca?: pulumi.Output<string>;
  /** Beside host and mode. */
  readonly variables?: Readonly<Record<string, pulumi.Input<string>>>;
  readonly sidecars?: BackendConnection['sidecars'];
}

/** How pods get to the instance: through a proxy, or by themselves. */
function wayTo(
  context: GcpContext,
  name: string,
  args: DatabaseArgs,
  instance: Instance,
  { iam }: { readonly iam: boolean },
  opts: pulumi.ComponentResourceOptions,
): Way {
  const { settings } = context;
  switch (proxyKind(settings)) {
    case 'sidecar':
      // Nothing leaves the pod in plain text.
      return {
        host: '127.0.0.1',
        sslMode: 'disable',
        sidecars: [proxySidecar(context, instance.id, { iam, port })],
      };
    case 'deployment':
      return {
        host: proxyDeployment(context, name, { ...args, instance: instance.id, port }, opts),
        sslMode: 'disable',
      };
    case 'none':
      return direct(settings.backendStore.sslMode, instance);
  }
}

/** https://cloud.google.com/sql/docs/postgres/configure-ssl-instance#server-certs */
function direct(sslMode: string, { host, dnsName, ca }: Instance): Way {
  const verified = { ca, variables: { PGSSLROOTCERT: databaseCaPath } };
  if (sslMode === 'verify-full')
    // The name in the certificate is none that the network knows, so libpq is told the address beside it.
    return { ...verified, host: dnsName, sslMode, variables: { ...verified.variables, PGHOSTADDR: host } };
  return sslMode === 'verify-ca' ? { ...verified, host, sslMode } : { host, sslMode: 'require' };
}
