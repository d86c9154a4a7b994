// Cloud SQL of the pretended Google Cloud: one real PostgreSQL, which the test runs, is what its instance consists of. As in
// Cloud SQL, users belong to the role cloudsqlsuperuser, which owns the databases, and are no superusers. An instance is there
// at once, or after the DOUBLE_SQL_SECONDS that whoever measures wants it to take.
import { setTimeout as pause } from 'node:timers/promises';
import { execa } from 'execa';
import type { Context, Invoke, Kind } from '../provider.ts';
import type { CloudObject, Props, Store } from '../store.ts';
import { connectionsOf, networkPath } from './network.ts';
import {
  checkLabels,
  existing,
  guarded,
  inProject,
  instanceName,
  now,
  numberOf,
  oneOf,
  part,
  projectId,
  region,
  text,
  texts,
} from './rules.ts';

const INSTANCE = 'gcp:sql/databaseInstance:DatabaseInstance';
const USER = 'gcp:sql/user:User';
/** Names of deleted instances, which nobody may use for a week, and the copies that were made at their end. */
export const DELETED = 'sql/deletedInstance';
export const FINAL_BACKUP = 'sql/finalBackup';

/** Runs SQL as the superuser; gives back rows as lines. */
async function sql(statements: string, database = 'postgres'): Promise<string[]> {
  const [command = '', ...args] = JSON.parse(process.env.DOUBLE_PSQL ?? '[]') as string[];
  const { stdout, stderr, exitCode } = await execa(command, [...args, '--dbname', database], {
    input: statements,
    reject: false,
  });
  if (exitCode !== 0) throw new Error(stderr.replace(/^psql:.*?ERROR: +/s, '').trim());
  return stdout.split('\n').filter((line) => line !== '');
}

const name = (value: unknown) => `"${text(value).replaceAll('"', '""')}"`;
const literal = (value: unknown) => `'${text(value).replaceAll("'", "''")}'`;

const SHARED_CORE = ['db-f1-micro', 'db-g1-small'];

/** https://cloud.google.com/sql/docs/postgres/create-instance#machine-types */
function tierProblem(tier: string, edition: string): string | undefined {
  const wrong = `Invalid request: Invalid Tier (${tier}) for (${edition}) Edition. Use a predefined Tier like ${edition === 'ENTERPRISE' ? 'db-custom-1-3840' : 'db-perf-optimized-N-2'} instead.`;
  if (edition === 'ENTERPRISE_PLUS')
    return /^db-(perf-optimized-N|c4a-highmem)-\d+$/.test(tier) ? undefined : wrong;
  if (SHARED_CORE.includes(tier) || /^db-n1-(standard|highmem)-\d+$/.test(tier)) return undefined;
  const [, cpus, memory] = /^db-custom-(\d+)-(\d+)$/.exec(tier)?.map(Number) ?? [];
  if (cpus === undefined || memory === undefined) return wrong;
  const good =
    (cpus === 1 || (cpus % 2 === 0 && cpus <= 96)) &&
    memory % 256 === 0 &&
    memory >= 3840 &&
    memory >= cpus * 0.9 * 1024 &&
    memory <= cpus * 6.5 * 1024;
  return good ? undefined : wrong;
}

/** Flags that the stack may set, and what they take. */
const FLAGS: Readonly<Record<string, RegExp>> = {
  'cloudsql.iam_authentication': /^(on|off)$/,
  'cloudsql.enable_pgaudit': /^(on|off)$/,
  'cloudsql.logical_decoding': /^(on|off)$/,
  idle_in_transaction_session_timeout: /^\d+$/,
  log_connections: /^(on|off)$/,
  log_disconnections: /^(on|off)$/,
  log_checkpoints: /^(on|off)$/,
  log_lock_waits: /^(on|off)$/,
  log_min_duration_statement: /^-?\d+$/,
  log_temp_files: /^-?\d+$/,
  max_connections: /^(1[4-9]|[2-9]\d|\d{3,6})$/,
  'pgaudit.log': /^[a-z,_-]+$/,
  statement_timeout: /^\d+$/,
  work_mem: /^\d+$/,
};

const majorOf = (version: unknown) => Number(/^POSTGRES_(\d+)/.exec(text(version))?.[1] ?? 0);

function checkSettings(inputs: Props, fail: (property: string, reason: string) => void): void {
  const settings = part(inputs.settings);
  const { tier, availabilityType, diskSize } = settings;
  const edition =
    text(settings.edition) || (majorOf(inputs.databaseVersion) >= 16 ? 'ENTERPRISE_PLUS' : 'ENTERPRISE');
  const problem = typeof tier === 'string' ? tierProblem(tier, edition) : undefined;
  if (problem !== undefined) fail('settings.tier', problem);
  if (typeof diskSize === 'number' && (diskSize < 10 || diskSize > 65_536))
    fail('settings.diskSize', 'Invalid request: disk size must be between 10 and 65536 GB');
  checkLabels('settings.userLabels', settings.userLabels, fail);

  const backups = part(settings.backupConfiguration);
  if (availabilityType === 'REGIONAL' && backups.enabled !== true)
    fail(
      'settings.availabilityType',
      'Invalid request: backup must be enabled for an instance of availability type REGIONAL',
    );
  if (backups.pointInTimeRecoveryEnabled === true && backups.enabled === false)
    fail(
      'settings.backupConfiguration.pointInTimeRecoveryEnabled',
      'Invalid request: point in time recovery needs backups',
    );
  const days = backups.transactionLogRetentionDays;
  const most = edition === 'ENTERPRISE_PLUS' ? 35 : 7;
  if (typeof days === 'number' && (days < 1 || days > most))
    fail(
      'settings.backupConfiguration.transactionLogRetentionDays',
      `Invalid request: Transaction log retention days must be between 1 and ${most}`,
    );
  const { retainedBackups } = part(backups.backupRetentionSettings);
  if (typeof retainedBackups === 'number' && (retainedBackups < 1 || retainedBackups > 365))
    fail('settings.backupConfiguration.backupRetentionSettings.retainedBackups', 'expected 1 to 365');

  const final = part(settings.finalBackupConfig);
  if (typeof final.retentionDays === 'number' && (final.retentionDays < 1 || final.retentionDays > 365))
    fail('settings.finalBackupConfig.retentionDays', 'expected 1 to 365');

  const { day, hour } = part(settings.maintenanceWindow);
  if (typeof day === 'number' && (day < 1 || day > 7))
    fail('settings.maintenanceWindow.day', 'expected day to be in the range (1 - 7)');
  if (typeof hour === 'number' && (hour < 0 || hour > 23))
    fail('settings.maintenanceWindow.hour', 'expected hour to be in the range (0 - 23)');

  for (const flag of Array.isArray(settings.databaseFlags) ? settings.databaseFlags.map(part) : []) {
    const pattern = FLAGS[text(flag.name)];
    if (typeof flag.name === 'string' && pattern === undefined)
      fail('settings.databaseFlags', `Invalid request: Invalid flag: ${flag.name}.`);
    else if (typeof flag.value === 'string' && pattern?.test(flag.value) === false)
      fail(
        'settings.databaseFlags',
        `Invalid request: Invalid flag value: ${text(flag.name)}=${flag.value}.`,
      );
  }
}

export const instance: Kind = guarded({
  replaceOnChanges: ['name', 'project', 'region', 'encryptionKeyName', 'masterInstanceName'],
  autoname: { property: 'name', maxLength: 98, lowercase: true },
  defaults: (_, config) => ({ project: config.project, region: config.region, deletionProtection: true }),
  check: (inputs, fail) => {
    texts({
      name: instanceName,
      project: projectId,
      region,
      databaseVersion: (value) =>
        /^(POSTGRES_(9_6|1[0-8])|MYSQL_\d_\d(_\d+)?|SQLSERVER_\d{4}_\w+)$/.test(value)
          ? undefined
          : `Invalid value at 'body.database_version' (type.googleapis.com/google.cloud.sql.v1.SqlDatabaseVersion), "${value}"`,
      'settings.edition': oneOf('ENTERPRISE', 'ENTERPRISE_PLUS'),
      'settings.availabilityType': oneOf('REGIONAL', 'ZONAL'),
      'settings.activationPolicy': oneOf('ALWAYS', 'NEVER', 'ON_DEMAND'),
      'settings.pricingPlan': oneOf('PER_USE', 'PACKAGE'),
      'settings.diskType': oneOf('PD_SSD', 'PD_HDD', 'HYPERDISK_BALANCED'),
      'settings.connectorEnforcement': oneOf('NOT_REQUIRED', 'REQUIRED'),
      'settings.ipConfiguration.sslMode': oneOf(
        'ALLOW_UNENCRYPTED_AND_ENCRYPTED',
        'ENCRYPTED_ONLY',
        'TRUSTED_CLIENT_CERTIFICATE_REQUIRED',
      ),
      'settings.ipConfiguration.serverCaMode': oneOf(
        'GOOGLE_MANAGED_INTERNAL_CA',
        'GOOGLE_MANAGED_CAS_CA',
        'CUSTOMER_MANAGED_CAS_CA',
      ),
      'settings.ipConfiguration.privateNetwork': (value) =>
        /(^|\/)projects\/[^/]+\/global\/networks\/[^/]+$/.test(value)
          ? undefined
          : 'expected the self link of a network',
      'settings.maintenanceWindow.updateTrack': oneOf('canary', 'stable', 'week5'),
      'settings.backupConfiguration.startTime': (value) =>
        /^([01]\d|2[0-3]):[0-5]\d$/.test(value) ? undefined : 'expected HH:MM',
    })(inputs, fail);
    checkSettings(inputs, fail);
  },
  id: ({ name: given }) => text(given),
  computed: (inputs, context, old) => {
    const project = inProject(inputs, context);
    const { ipv4Enabled = true, privateNetwork } = part(part(inputs.settings).ipConfiguration);
    const privateAddress = privateNetwork === undefined ? '' : (process.env.DOUBLE_SQL_ADDRESS ?? '');
    const publicAddress = ipv4Enabled === true ? '203.0.113.9' : '';
    const addresses = [
      ...(publicAddress ? [{ ipAddress: publicAddress, type: 'PRIMARY', timeToRetire: '' }] : []),
      ...(privateAddress ? [{ ipAddress: privateAddress, type: 'PRIVATE', timeToRetire: '' }] : []),
    ];
    const version = Number(part(old?.outputs.settings).version ?? 0) + 1;
    return {
      connectionName: `${project}:${text(inputs.region)}:${text(inputs.name)}`,
      settings: { ...part(inputs.settings), version },
      ipAddresses: addresses,
      firstIpAddress: addresses[0]?.ipAddress ?? '',
      privateIpAddress: privateAddress,
      publicIpAddress: publicAddress,
      dnsName: '',
      dnsNames: [],
      instanceType: 'CLOUD_SQL_INSTANCE',
      maintenanceVersion: `${text(inputs.databaseVersion)}.R20260101.00_00`,
      availableMaintenanceVersions: [],
      encryptionKeyName: inputs.encryptionKeyName ?? '',
      masterInstanceName: '',
      nodeCount: 0,
      replicaNames: [],
      pscServiceAttachmentLink: '',
      selfLink: `https://sqladmin.googleapis.com/sql/v1beta4/projects/${project}/instances/${text(inputs.name)}`,
      serviceAccountEmailAddress: `p${numberOf(project)}-pretend@gcp-sa-cloud-sql.iam.gserviceaccount.com`,
      serverCaCerts: [
        {
          cert: process.env.DOUBLE_SQL_AUTHORITY ?? '',
          commonName: 'C=US,O=Google\\, Inc,CN=Google Cloud SQL Server CA',
          createTime: now(),
          expirationTime: new Date(Date.now() + 3_650 * 86_400_000).toISOString(),
          sha1Fingerprint: 'da39a3ee5e6b4b0d3255bfef95601890afd80709',
        },
      ],
    };
  },
  create: async ({ id, inputs }, context) => {
    const { store } = context;
    if (store.get(DELETED, id) !== undefined)
      throw new Error(
        `Error, failed to create instance ${id}: googleapi: Error 409: The Cloud SQL instance already exists. When you delete an instance, you can't reuse the name of the deleted instance until one week from the deletion date., instanceAlreadyExists`,
      );
    const { ipv4Enabled = true, privateNetwork, pscConfigs } = part(part(inputs.settings).ipConfiguration);
    if (ipv4Enabled === false && privateNetwork === undefined && pscConfigs === undefined)
      throw new Error(
        `Error, failed to create instance ${id}: googleapi: Error 400: Invalid request: At least one of Public IP, Private IP or PSC connectivity must be enabled., invalid`,
      );
    const project = inProject(inputs, context);
    if (
      privateNetwork !== undefined &&
      connectionsOf(store, networkPath(privateNetwork, project)).length === 0
    )
      throw new Error(
        `Error, failed to create instance because the network doesn't have at least 1 private services connection. Please see https://cloud.google.com/sql/docs/mysql/private-ip#network_requirements for how to create this connection.`,
      );
    if (store.list(INSTANCE).length > 0)
      throw new Error('the test double has one PostgreSQL, and so one instance at a time');
    await pause(1000 * Number(process.env.DOUBLE_SQL_SECONDS ?? 0));
    await sql('CREATE ROLE cloudsqlsuperuser CREATEDB CREATEROLE;');
  },
  delete: async (object, { store }) => {
    refuseIfProtected(object, store);
    const { finalBackupConfig } = part(object.outputs.settings);
    if (part(finalBackupConfig).enabled === true)
      store.put(FINAL_BACKUP, { id: object.id, inputs: part(finalBackupConfig), outputs: {} });
    await dropAll();
    store.put(DELETED, { id: object.id, inputs: {}, outputs: {} });
    // What was in it went with it, whether or not anybody said so.
    for (const type of [USER, 'gcp:sql/database:Database'])
      for (const { id, inputs } of store.list(type))
        if (inputs.instance === object.id) store.remove(type, id);
  },
});

/** Both protections, the plug-in's own and the service's, in the words of each. */
function refuseIfProtected({ id, outputs }: CloudObject, store: Store): void {
  if (outputs.deletionProtection === true)
    throw new Error(
      'Error, failed to delete instance because deletion_protection is set to true. Set it to false to proceed with instance deletion',
    );
  const settings = part(store.get(INSTANCE, id)?.inputs.settings);
  if (settings.deletionProtectionEnabled === true)
    throw new Error(
      `Error, failed to delete instance ${id}: googleapi: Error 400: The instance is protected. Please disable the deletion protection and try again. To disable deletion protection, update the instance settings with deletionProtectionEnabled set to false., invalid`,
    );
}

/** Nothing that was made in the instance is left, so that the next one is new. */
export async function dropAll(): Promise<void> {
  const databases = await sql(
    "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1');",
  );
  for (const database of databases) await sql(`DROP DATABASE ${name(database)} WITH (FORCE);`);
  const roles = await sql("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper;");
  for (const role of roles) await sql(`DROP OWNED BY ${name(role)}; DROP ROLE ${name(role)};`);
}

const instanceOf = (inputs: Props, { store }: Context) =>
  existing(store, INSTANCE, text(inputs.instance), 'The Cloud SQL instance');

export const database: Kind = guarded({
  replaceOnChanges: ['name', 'instance', 'project', 'charset', 'collation'],
  autoname: { property: 'name', maxLength: 63 },
  defaults: (_, { project }) => ({ project }),
  check: texts({
    name: (value) => (value.length <= 63 && value !== '' ? undefined : 'must have 1 to 63 characters'),
    charset: oneOf('UTF8'),
    collation: oneOf('en_US.UTF8'),
  }),
  id: (inputs, context) =>
    `projects/${inProject(inputs, context)}/instances/${text(inputs.instance)}/databases/${text(inputs.name)}`,
  computed: (inputs, context) => ({
    charset: 'UTF8',
    collation: 'en_US.UTF8',
    selfLink: `https://sqladmin.googleapis.com/sql/v1beta4/${database.id(inputs, context)}`,
  }),
  create: async ({ inputs }, context) => {
    instanceOf(inputs, context);
    await explained(`create database "${text(inputs.name)}"`, () =>
      sql(`CREATE DATABASE ${name(inputs.name)} OWNER cloudsqlsuperuser;`),
    );
  },
  delete: async ({ inputs }) => {
    await explained(`delete database "${text(inputs.name)}"`, () =>
      sql(`DROP DATABASE ${name(inputs.name)};`),
    );
  },
});

const USER_TYPES = ['BUILT_IN', 'CLOUD_IAM_USER', 'CLOUD_IAM_SERVICE_ACCOUNT', 'CLOUD_IAM_GROUP'];

export const user: Kind = guarded({
  replaceOnChanges: ['name', 'instance', 'project', 'host', 'type'],
  autoname: { property: 'name', maxLength: 63 },
  defaults: (_, { project }) => ({ project }),
  check: (inputs, fail) => {
    texts({ type: oneOf(...USER_TYPES, '') })(inputs, fail);
    const { type = 'BUILT_IN', password, host } = inputs;
    if (type === 'CLOUD_IAM_SERVICE_ACCOUNT' && text(inputs.name).endsWith('.gserviceaccount.com'))
      fail('name', 'Invalid request: the name of a service account must not end with .gserviceaccount.com');
    if (type !== 'BUILT_IN' && password !== undefined)
      fail('password', 'Invalid request: only users of type BUILT_IN have a password');
    if (host !== undefined && host !== '') fail('host', 'Invalid request: host is not used in PostgreSQL');
  },
  id: ({ name: given, instance: of }) => `${text(given)}//${text(of)}`,
  computed: ({ host, type, name: given }) => ({
    host: host ?? '',
    iamEmail: type === 'CLOUD_IAM_SERVICE_ACCOUNT' ? `${text(given)}.gserviceaccount.com` : '',
    sqlServerUserDetails: [],
  }),
  // A built-in user who is there already gets the new password.
  adopts: ({ type = 'BUILT_IN' }) => type === 'BUILT_IN',
  create: async ({ id, inputs }, context) => {
    const { inputs: instanceInputs } = instanceOf(inputs, context);
    const { name: given, type = 'BUILT_IN', password, databaseRoles } = inputs;
    const flags = part(instanceInputs.settings).databaseFlags;
    const admitsAccounts = (Array.isArray(flags) ? flags.map(part) : []).some(
      (flag) => flag.name === 'cloudsql.iam_authentication' && flag.value === 'on',
    );
    if (type !== 'BUILT_IN' && !admitsAccounts)
      throw new Error(
        `Error, failed to insert user ${text(given)} into instance ${text(inputs.instance)}: googleapi: Error 400: Invalid request: Cloud IAM users need the flag cloudsql.iam_authentication., invalid`,
      );
    if (type === 'BUILT_IN' && text(password) === '')
      throw new Error(
        `Error, failed to insert user ${text(given)} into instance ${text(inputs.instance)}: googleapi: Error 400: Invalid request: Built-in users of PostgreSQL need a password., invalid`,
      );
    const roles = type === 'BUILT_IN' ? ['cloudsqlsuperuser'] : [];
    const granted = Array.isArray(databaseRoles) ? databaseRoles.map(text) : roles;
    const options = type === 'BUILT_IN' ? `CREATEDB CREATEROLE PASSWORD ${literal(password)}` : '';
    const verb = context.store.get(USER, id) === undefined ? 'CREATE' : 'ALTER';
    await explained(`insert user ${text(given)}`, () =>
      sql(
        `${verb} ROLE ${name(given)} LOGIN ${options};` +
          granted.map((role) => `GRANT ${name(role)} TO ${name(given)};`).join(''),
      ),
    );
  },
  update: async ({ inputs }) => {
    if (typeof inputs.password === 'string')
      await sql(`ALTER ROLE ${name(inputs.name)} PASSWORD ${literal(inputs.password)};`);
  },
  delete: async ({ inputs }) => {
    await explained(`delete user ${text(inputs.name)}`, () => sql(`DROP ROLE ${name(inputs.name)};`));
  },
});

/** What PostgreSQL says, as Cloud SQL passes it on. */
async function explained(what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(`googleapi: Error 400: Invalid request: failed to ${what}: ${said}, invalid`, {
      cause: error,
    });
  }
}

/** What is there already, by its name. */
export const getDatabaseInstance: Invoke = (args, context) => {
  const { outputs } = existing(context.store, INSTANCE, text(args.name), 'The Cloud SQL instance');
  const { deletionPolicy: _, settings, ...told } = outputs;
  return { ...told, id: args.name, settings: [settings] };
};
