// Databases: instances and what they are made with.
import * as rds from '@aws-sdk/client-rds';
import type { CloudObject, Props } from '../store.ts';
import type { Context, ServedKind } from '../provider.ts';
import { allTags, asTagList, clientOf, regionOf, saying, sorted, unlessAbsent } from './clients.ts';
import { zonesOf } from './network.ts';
import {
  type Fail,
  arn,
  dailyWindow,
  databaseIdentifier,
  groupName,
  instanceClass,
  oneOf,
  snapshotIdentifier,
  texts,
} from './rules.ts';

const client = clientOf((settings) => new rds.RDSClient(settings));

const versions = ['13', '14', '15', '16', '17', '18'];
const major = (version: unknown): string => String(version).split('.')[0] ?? '';

/** What the service says of an instance, by the plug-in's names. */
function instanceOutputs(found: rds.DBInstance | undefined, inputs: Props, context: Context): Props {
  const { Address = '', Port = 0 } = found?.Endpoint ?? {};
  return {
    address: Address,
    arn: found?.DBInstanceArn,
    availabilityZone: found?.AvailabilityZone,
    backupWindow: found?.PreferredBackupWindow,
    caCertIdentifier: found?.CACertificateIdentifier,
    dbSubnetGroupName: found?.DBSubnetGroup?.DBSubnetGroupName,
    endpoint: `${Address}:${Port}`,
    engineVersion: inputs.engineVersion ?? found?.EngineVersion,
    engineVersionActual: found?.EngineVersion,
    identifier: found?.DBInstanceIdentifier,
    kmsKeyId: found?.KmsKeyId,
    latestRestorableTime: found?.LatestRestorableTime?.toISOString(),
    licenseModel: found?.LicenseModel,
    maintenanceWindow: found?.PreferredMaintenanceWindow,
    multiAz: found?.MultiAZ,
    optionGroupName: found?.OptionGroupMemberships?.[0]?.OptionGroupName,
    parameterGroupName: found?.DBParameterGroups?.[0]?.DBParameterGroupName,
    port: Port,
    region: regionOf(context.config),
    replicas: [],
    resourceId: found?.DbiResourceId,
    status: found?.DBInstanceStatus,
    storageType: found?.StorageType,
    tagsAll: allTags(inputs, context),
    username: found?.MasterUsername,
    vpcSecurityGroupIds: sorted(found?.VpcSecurityGroups?.map(({ VpcSecurityGroupId: id }) => id)),
  };
}

/** What can be changed later, too, as the service takes it. */
const changeable = (inputs: Props, context: Context) => ({
  AllocatedStorage: inputs.allocatedStorage as number | undefined,
  AutoMinorVersionUpgrade: inputs.autoMinorVersionUpgrade as boolean | undefined,
  BackupRetentionPeriod: (inputs.backupRetentionPeriod ?? 0) as number,
  CACertificateIdentifier: inputs.caCertIdentifier as string | undefined,
  CopyTagsToSnapshot: inputs.copyTagsToSnapshot as boolean | undefined,
  DBInstanceClass: inputs.instanceClass as string,
  DBParameterGroupName: inputs.parameterGroupName as string | undefined,
  DeletionProtection: inputs.deletionProtection as boolean | undefined,
  EnableIAMDatabaseAuthentication: inputs.iamDatabaseAuthenticationEnabled as boolean | undefined,
  EngineVersion: inputs.engineVersion as string | undefined,
  MasterUserPassword: inputs.password as string | undefined,
  MaxAllocatedStorage: inputs.maxAllocatedStorage as number | undefined,
  MonitoringInterval: inputs.monitoringInterval as number | undefined,
  MonitoringRoleArn: inputs.monitoringRoleArn as string | undefined,
  MultiAZ: inputs.multiAz as boolean | undefined,
  PreferredBackupWindow: inputs.backupWindow as string | undefined,
  PreferredMaintenanceWindow: inputs.maintenanceWindow as string | undefined,
  PubliclyAccessible: inputs.publiclyAccessible as boolean | undefined,
  StorageType: inputs.storageType as string | undefined,
  VpcSecurityGroupIds: inputs.vpcSecurityGroupIds as string[] | undefined,
  Tags: asTagList(allTags(inputs, context)),
});

async function describe(id: string, context: Context): Promise<rds.DBInstance | undefined> {
  const asked = client(context).send(new rds.DescribeDBInstancesCommand({ DBInstanceIdentifier: id }));
  return (await unlessAbsent(asked))?.DBInstances?.[0];
}

/** What the service refuses when it is asked for an instance. */
function checkInstance(inputs: Props, fail: Fail): void {
  texts({
    identifier: databaseIdentifier,
    instanceClass,
    engine: oneOf('postgres'),
    finalSnapshotIdentifier: snapshotIdentifier,
    snapshotIdentifier: (value) => (value.startsWith('arn:') ? arn(value) : snapshotIdentifier(value)),
    kmsKeyId: arn,
    monitoringRoleArn: arn,
    backupWindow: dailyWindow,
    storageType: oneOf('standard', 'gp2', 'gp3', 'io1', 'io2'),
    caCertIdentifier: oneOf('rds-ca-rsa2048-g1', 'rds-ca-rsa4096-g1', 'rds-ca-ecc384-g1'),
    enabledCloudwatchLogsExports: oneOf('postgresql', 'upgrade', 'iam-db-auth-error'),
    dbName: (value) =>
      /^[a-zA-Z_]\w{0,62}$/.test(value)
        ? undefined
        : 'InvalidParameterValue: DBName must begin with a letter and contain only alphanumeric characters.',
    username: (value) =>
      /^[a-zA-Z]\w{0,62}$/.test(value) && !['admin', 'postgres_admin', 'rdsadmin', 'user'].includes(value)
        ? undefined
        : `InvalidParameterValue: MasterUsername ${value} cannot be used as it is a reserved word used by the engine`,
    password: (value) =>
      /^[!#-.0-?A-~]{8,128}$/.test(value)
        ? undefined
        : "InvalidParameterValue: The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.",
    engineVersion: (value) =>
      versions.includes(major(value)) && /^\d+(\.\d+)?$/.test(value)
        ? undefined
        : `InvalidParameterCombination: Cannot find version ${value} for postgres`,
  })(inputs, fail);
  const { allocatedStorage, maxAllocatedStorage, backupRetentionPeriod = 0, storageType = 'gp2' } = inputs;
  const isRestored = inputs.snapshotIdentifier !== undefined;
  if (Number(allocatedStorage) < (storageType === 'gp3' ? 20 : 5))
    fail(
      'allocatedStorage',
      `InvalidParameterValue: Invalid storage size for engine name postgres and storage type ${storageType as string}: ${allocatedStorage as number}`,
    );
  if (Number(maxAllocatedStorage) > 0 && Number(maxAllocatedStorage) < Number(allocatedStorage) * 1.1)
    fail(
      'maxAllocatedStorage',
      'InvalidParameterCombination: Max storage size must be greater than storage size',
    );
  if (Number(backupRetentionPeriod) < 0 || Number(backupRetentionPeriod) > 35)
    fail('backupRetentionPeriod', 'expected backup_retention_period to be in the range (0 - 35)');
  if (inputs.passwordWo !== undefined && inputs.password !== undefined)
    fail('password', '"password": conflicts with password_wo');
  if (!isRestored && inputs.engine === undefined) fail('engine', '"engine": required field is not set');
}

export const instance: ServedKind = {
  replaceOnChanges: [
    'availabilityZone',
    'backupTarget',
    'characterSetName',
    'dbName',
    'engine',
    'identifier',
    'identifierPrefix',
    'kmsKeyId',
    'ncharCharacterSetName',
    'region',
    'restoreToPointInTime',
    's3Import',
    'snapshotIdentifier',
    'storageEncrypted',
    'timezone',
    'username',
  ],
  secretOutputs: ['password'],
  autoname: { property: 'identifier', maxLength: 63, lowercase: true },
  defaults: () => ({
    autoMinorVersionUpgrade: true,
    copyTagsToSnapshot: false,
    deleteAutomatedBackups: true,
    monitoringInterval: 0,
    publiclyAccessible: false,
    skipFinalSnapshot: false,
  }),
  check: checkInstance,
  make: async (inputs, context) => {
    const id = inputs.identifier as string;
    const common = {
      ...changeable(inputs, context),
      DBInstanceIdentifier: id,
      DBSubnetGroupName: inputs.dbSubnetGroupName as string | undefined,
      EnableCloudwatchLogsExports: inputs.enabledCloudwatchLogsExports as string[] | undefined,
      Engine: inputs.engine as string | undefined,
      Port: inputs.port as number | undefined,
    };
    const { snapshotIdentifier: from } = inputs;
    const made =
      from === undefined
        ? client(context).send(
            new rds.CreateDBInstanceCommand({
              ...common,
              Engine: common.Engine,
              DBName: inputs.dbName as string | undefined,
              KmsKeyId: inputs.kmsKeyId as string | undefined,
              MasterUsername: inputs.username as string,
              StorageEncrypted: (inputs.storageEncrypted ?? false) as boolean,
            }),
          )
        : client(context).send(
            new rds.RestoreDBInstanceFromDBSnapshotCommand({
              ...common,
              DBSnapshotIdentifier: from as string,
            }),
          );
    const operation = from === undefined ? 'CreateDBInstance' : 'RestoreDBInstanceFromDBSnapshot';
    await saying(`creating RDS DB Instance (${id})`, `RDS: ${operation}`, made);
    if (from !== undefined && inputs.password !== undefined)
      await client(context).send(
        new rds.ModifyDBInstanceCommand({
          DBInstanceIdentifier: id,
          MasterUserPassword: inputs.password as string,
          ApplyImmediately: true,
        }),
      );
    const found = await describe(id, context);
    return { id: found?.DbiResourceId ?? id, outputs: instanceOutputs(found, inputs, context) };
  },
  look: async ({ id, outputs }, context) => {
    const found = await describe((outputs.identifier ?? id) as string, context);
    return (
      found && {
        ...instanceOutputs(found, outputs, context),
        allocatedStorage: found.AllocatedStorage,
        backupRetentionPeriod: found.BackupRetentionPeriod,
        deletionProtection: found.DeletionProtection,
        instanceClass: found.DBInstanceClass,
      }
    );
  },
  change: async (inputs, old, context) => {
    const identifier = inputs.identifier as string;
    const changes = difference(changeable(inputs, context), changeable(old.inputs, context));
    refuseImpossible(changes, inputs, old);
    const { Tags, ...rest } = changes;
    if (Object.keys(rest).length > 0) {
      if (inputs.applyImmediately !== true)
        throw new Error('this test double makes changes at once, and applyImmediately is not true');
      const changed = client(context).send(
        new rds.ModifyDBInstanceCommand({
          ...rest,
          DBInstanceIdentifier: identifier,
          AllowMajorVersionUpgrade: inputs.allowMajorVersionUpgrade as boolean | undefined,
          ApplyImmediately: true,
        }),
      );
      await saying(`updating RDS DB Instance (${identifier})`, 'RDS: ModifyDBInstance', changed);
    }
    if (Tags !== undefined)
      await client(context).send(
        new rds.AddTagsToResourceCommand({ ResourceName: old.outputs.arn as string, Tags }),
      );
    return instanceOutputs(await describe(identifier, context), inputs, context);
  },
  unmake: async ({ outputs }, context) => {
    const DBInstanceIdentifier = outputs.identifier as string;
    const { skipFinalSnapshot, finalSnapshotIdentifier, deleteAutomatedBackups } = outputs;
    if (skipFinalSnapshot !== true && finalSnapshotIdentifier === undefined)
      throw new Error('final_snapshot_identifier is required when skip_final_snapshot is false');
    const deleted = client(context).send(
      new rds.DeleteDBInstanceCommand({
        DBInstanceIdentifier,
        DeleteAutomatedBackups: deleteAutomatedBackups as boolean | undefined,
        SkipFinalSnapshot: skipFinalSnapshot === true,
        ...(skipFinalSnapshot !== true && {
          FinalDBSnapshotIdentifier: finalSnapshotIdentifier as string,
        }),
      }),
    );
    await saying(`deleting RDS DB Instance (${DBInstanceIdentifier})`, 'RDS: DeleteDBInstance', deleted);
  },
};

const difference = <T extends object>(after: T, before: T): Partial<T> =>
  Object.fromEntries(
    Object.entries(after).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof T]),
    ),
  ) as Partial<T>;

/** What the real service would not do, and moto does. */
function refuseImpossible(changes: Props, inputs: Props, { inputs: olds }: CloudObject): void {
  const refuse = (reason: string) => {
    throw new Error(
      `updating RDS DB Instance (${inputs.identifier as string}): operation error RDS: ModifyDBInstance, https response error StatusCode: 400, api error InvalidParameterCombination: ${reason}`,
    );
  };
  if (Number(changes.AllocatedStorage) < Number(olds.allocatedStorage))
    refuse('Requested size cannot be smaller than existing size.');
  const [before, after] = [Number(major(olds.engineVersion)), Number(major(inputs.engineVersion))];
  if (after < before) refuse(`Cannot upgrade postgres from ${before} to ${after}`);
  if (after > before && inputs.allowMajorVersionUpgrade !== true)
    refuse('The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.');
}

const subnetGroupOutputs = (
  found: rds.DBSubnetGroup | undefined,
  inputs: Props,
  context: Context,
): Props => ({
  arn: found?.DBSubnetGroupArn,
  region: regionOf(context.config),
  supportedNetworkTypes: sorted(found?.SupportedNetworkTypes),
  tagsAll: allTags(inputs, context),
  vpcId: found?.VpcId,
});

/** https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html#USER_VPC.Subnets */
async function coverZones(subnetIds: string[], context: Context): Promise<void> {
  const zones = await zonesOf(subnetIds, context);
  if (zones.length < 2)
    throw new Error(
      `api error DBSubnetGroupDoesNotCoverEnoughAZs: The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: ${zones.join(', ')}. Add subnets to cover at least 2 AZs.`,
    );
}

export const subnetGroup: ServedKind = {
  replaceOnChanges: ['name', 'namePrefix', 'region'],
  autoname: { property: 'name', maxLength: 255, lowercase: true },
  defaults: () => ({ description: 'Managed by Pulumi' }),
  check: texts({ name: groupName }),
  make: async (inputs, context) => {
    const name = inputs.name as string;
    await coverZones(inputs.subnetIds as string[], context);
    const made = client(context).send(
      new rds.CreateDBSubnetGroupCommand({
        DBSubnetGroupName: name,
        DBSubnetGroupDescription: inputs.description as string,
        SubnetIds: inputs.subnetIds as string[],
        Tags: asTagList(allTags(inputs, context)),
      }),
    );
    const what = `creating RDS DB Subnet Group (${name})`;
    const { DBSubnetGroup } = await saying(what, 'RDS: CreateDBSubnetGroup', made);
    return { id: name, outputs: subnetGroupOutputs(DBSubnetGroup, inputs, context) };
  },
  look: async ({ id, outputs }, context) => {
    const asked = client(context).send(new rds.DescribeDBSubnetGroupsCommand({ DBSubnetGroupName: id }));
    const found = (await unlessAbsent(asked))?.DBSubnetGroups?.[0];
    return found && subnetGroupOutputs(found, outputs, context);
  },
  change: async (inputs, { id }, context) => {
    await coverZones(inputs.subnetIds as string[], context);
    const { DBSubnetGroup } = await client(context).send(
      new rds.ModifyDBSubnetGroupCommand({
        DBSubnetGroupName: id,
        DBSubnetGroupDescription: inputs.description as string,
        SubnetIds: inputs.subnetIds as string[],
      }),
    );
    return subnetGroupOutputs(DBSubnetGroup, inputs, context);
  },
  unmake: async ({ id }, context) => {
    const deleted = client(context).send(new rds.DeleteDBSubnetGroupCommand({ DBSubnetGroupName: id }));
    await saying(`deleting RDS DB Subnet Group (${id})`, 'RDS: DeleteDBSubnetGroup', deleted);
  },
};

/** Parameters that need a restart of the database, of those that somebody might set. */
const staticParameters = [
  'max_connections',
  'rds.logical_replication',
  'shared_buffers',
  'shared_preload_libraries',
  'track_activity_query_size',
];

async function putParameters(inputs: Props, context: Context): Promise<void> {
  const parameters = (inputs.parameters ?? []) as Props[];
  if (parameters.length === 0) return;
  const put = client(context).send(
    new rds.ModifyDBParameterGroupCommand({
      DBParameterGroupName: inputs.name as string,
      Parameters: parameters.map(({ name, value, applyMethod = 'immediate' }) => ({
        ParameterName: name as string,
        ParameterValue: value as string,
        ApplyMethod: applyMethod as rds.ApplyMethod,
      })),
    }),
  );
  await saying(
    `modifying RDS DB Parameter Group (${inputs.name as string})`,
    'RDS: ModifyDBParameterGroup',
    put,
  );
}

export const parameterGroup: ServedKind = {
  replaceOnChanges: ['name', 'namePrefix', 'family', 'description', 'region'],
  autoname: { property: 'name', maxLength: 255, lowercase: true },
  defaults: () => ({ description: 'Managed by Pulumi', skipDestroy: false }),
  check: (inputs, fail) => {
    texts({
      name: groupName,
      family: (value) =>
        versions.some((version) => value === `postgres${version}`)
          ? undefined
          : `InvalidParameterValue: ParameterGroupFamily ${value} is not a valid parameter group family`,
    })(inputs, fail);
    for (const [index, { name, applyMethod = 'immediate' }] of (
      (inputs.parameters ?? []) as Props[]
    ).entries())
      if (staticParameters.includes(name as string) && applyMethod === 'immediate')
        fail(
          `parameters[${index}].applyMethod`,
          'InvalidParameterCombination: cannot use immediate apply method for static parameter',
        );
  },
  make: async (inputs, context) => {
    const name = inputs.name as string;
    const made = client(context).send(
      new rds.CreateDBParameterGroupCommand({
        DBParameterGroupName: name,
        DBParameterGroupFamily: inputs.family as string,
        Description: inputs.description as string,
        Tags: asTagList(allTags(inputs, context)),
      }),
    );
    const what = `creating RDS DB Parameter Group (${name})`;
    const { DBParameterGroup } = await saying(what, 'RDS: CreateDBParameterGroup', made);
    await putParameters(inputs, context);
    return {
      id: name,
      outputs: {
        arn: DBParameterGroup?.DBParameterGroupArn,
        region: regionOf(context.config),
        tagsAll: allTags(inputs, context),
      },
    };
  },
  look: async ({ id }, context) => {
    const asked = client(context).send(
      new rds.DescribeDBParameterGroupsCommand({ DBParameterGroupName: id }),
    );
    return (await unlessAbsent(asked)) && {};
  },
  change: async (inputs, { outputs }, context) => {
    await putParameters(inputs, context);
    return { arn: outputs.arn, region: outputs.region, tagsAll: allTags(inputs, context) };
  },
  unmake: async ({ id, outputs }, context) => {
    if (outputs.skipDestroy === true) return;
    const deleted = client(context).send(new rds.DeleteDBParameterGroupCommand({ DBParameterGroupName: id }));
    await saying(`deleting RDS DB Parameter Group (${id})`, 'RDS: DeleteDBParameterGroup', deleted);
  },
};

export async function getInstance(args: Props, context: Context): Promise<Props> {
  const id = args.dbInstanceIdentifier as string;
  const found = await describe(id, context);
  if (found === undefined) throw new Error(`reading RDS DB Instance (${id}): couldn't find resource`);
  const { port, username, replicas: _, ...outputs } = instanceOutputs(found, {}, context);
  return {
    address: outputs.address,
    allocatedStorage: found.AllocatedStorage,
    autoMinorVersionUpgrade: found.AutoMinorVersionUpgrade,
    availabilityZone: outputs.availabilityZone,
    backupRetentionPeriod: found.BackupRetentionPeriod,
    caCertIdentifier: outputs.caCertIdentifier,
    dbClusterIdentifier: '',
    dbInstanceArn: outputs.arn,
    dbInstanceClass: found.DBInstanceClass,
    dbInstanceIdentifier: outputs.identifier,
    dbInstancePort: found.DbInstancePort ?? 0,
    dbName: found.DBName ?? '',
    dbParameterGroups: sorted(found.DBParameterGroups?.map(({ DBParameterGroupName: name }) => name)),
    dbSubnetGroup: outputs.dbSubnetGroupName,
    enabledCloudwatchLogsExports: sorted(found.EnabledCloudwatchLogsExports),
    endpoint: outputs.endpoint,
    engine: found.Engine,
    engineVersion: found.EngineVersion,
    hostedZoneId: '',
    id,
    iops: found.Iops ?? 0,
    kmsKeyId: outputs.kmsKeyId,
    licenseModel: outputs.licenseModel,
    masterUserSecrets: [],
    masterUsername: username,
    maxAllocatedStorage: found.MaxAllocatedStorage ?? 0,
    monitoringInterval: found.MonitoringInterval ?? 0,
    monitoringRoleArn: found.MonitoringRoleArn ?? '',
    multiAz: found.MultiAZ,
    networkType: found.NetworkType ?? '',
    optionGroupMemberships: [outputs.optionGroupName],
    port,
    preferredBackupWindow: outputs.backupWindow,
    preferredMaintenanceWindow: outputs.maintenanceWindow,
    publiclyAccessible: found.PubliclyAccessible ?? false,
    region: regionOf(context.config),
    replicateSourceDb: '',
    resourceId: outputs.resourceId,
    storageEncrypted: found.StorageEncrypted,
    storageThroughput: found.StorageThroughput ?? 0,
    storageType: outputs.storageType,
    tags: Object.fromEntries((found.TagList ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
    timezone: '',
    vpcSecurityGroups: outputs.vpcSecurityGroupIds,
  };
}
