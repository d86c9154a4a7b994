// PostgreSQL on RDS: in private subnets, reached by the cluster alone, over TLS, encrypted, with backups.
import * as pulumi from '@pulumi/pulumi';
import { LogGroup } from '@pulumi/aws/cloudwatch/logGroup.js';
import { SecurityGroup } from '@pulumi/aws/ec2/securityGroup.js';
import { Instance } from '@pulumi/aws/rds/instance.js';
import { getInstance } from '@pulumi/aws/rds/getInstance.js';
import { ParameterGroup } from '@pulumi/aws/rds/parameterGroup.js';
import { SubnetGroup } from '@pulumi/aws/rds/subnetGroup.js';
import { RandomId } from '@pulumi/random/randomId.js';
import type { InstanceAccess, MadeBackend, SecretKey } from '../../components/connections.ts';
import { dataOptions, guardOptions } from '../../lib/data-protection.ts';
import { databaseVariables } from '../../lib/database.ts';
import { cloudName } from '../../lib/labels.ts';
import { imageReference } from '../../lib/image.ts';
import { containerBasics, databaseCaPath, filesPath, filesVolume, plainVariables } from '../../lib/pod.ts';
import { databaseCredentials } from '../../components/database-credentials.ts';
import type { DatabaseArgs } from '../cloud.ts';
import type { AwsContext } from './context.ts';
import { allocatedGib } from './plan.ts';

const port = 5432;
/** Master user of the instances that the stack makes: the only one, which also makes databases of users and registry. */
const masterUser = 'mlflow';

export function database(
  context: AwsContext,
  name: string,
  args: DatabaseArgs,
  opts: pulumi.ComponentResourceOptions,
): MadeBackend {
  const { settings, databaseCa } = context;
  const { backendStore } = settings;
  const credentials = databaseCredentials(
    name,
    { ...args, settings, isKnown: backendStore.existingInstance !== undefined },
    opts,
  );
  const instance =
    backendStore.existingInstance === undefined
      ? newInstance(context, name, credentials.password, opts)
      : existingInstance(context, backendStore.existingInstance);
  const byTokens = backendStore.auth === 'iam';
  const { settings: variables, secrets } = databaseVariables({
    dialect: 'postgresql',
    host: instance.host,
    port,
    database: backendStore.database,
    user: instance.user,
    password: credentials.key,
    sslMode: backendStore.sslMode,
  });
  return {
    host: instance.host,
    settings: {
      ...variables,
      ...(databaseCa !== undefined && { PGSSLROOTCERT: databaseCaPath }),
      ...(byTokens && { PGPASSFILE: passwordFile }),
    },
    ...(byTokens ? tokens(context, instance, credentials.key) : { secrets, volumes: [], volumeMounts: [] }),
    ...(databaseCa !== undefined && { ca: databaseCa }),
    generated: credentials.generated,
    instance: { ...instance, iam: byTokens, proxy: false },
  };
}

const tokenFolder = '/run/mlflow-stack';
const passwordFile = `${tokenFolder}/pgpass`;

/** Log-in by tokens, which a sidecar renews; see the script. */
function tokens({ settings, region }: AwsContext, { host, user }: FoundInstance, password: SecretKey) {
  const { server } = settings;
  const mount = { name: 'database-token', mountPath: tokenFolder };
  const sidecar = {
    name: 'database-token',
    image: imageReference(server.image),
    imagePullPolicy: server.image.pullPolicy,
    command: ['python3', `${filesPath}/database_log_in.py`],
    env: plainVariables({
      AWS_REGION: region,
      HOME: '/tmp',
      PGHOST: host,
      PGPASSFILE: passwordFile,
      PGPORT: String(port),
      PGUSER: user,
    }),
    // What follows finds a token.
    startupProbe: {
      exec: { command: ['test', '-s', passwordFile] },
      periodSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: 300,
    },
    resources: { requests: { cpu: '10m', memory: '96Mi' }, limits: { memory: '256Mi' } },
    volumeMounts: [mount, { name: filesVolume, mountPath: filesPath, readOnly: true }],
    ...containerBasics,
  };
  return {
    secrets: {},
    sidecars: [sidecar],
    volumes: [{ name: mount.name, emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }],
    volumeMounts: [{ ...mount, readOnly: true }],
    setup: { name: 'allow-iam', script: 'allow_iam', secrets: { DATABASE_PASSWORD: password } },
  };
}

type FoundInstance = Pick<InstanceAccess, 'id' | 'user' | 'logIn'> & { readonly host: pulumi.Output<string> };

/** By which IAM knows a user in an instance. */
const logInArn = ({ partition, region, accountId }: AwsContext, resourceId: string, user: string) =>
  `arn:${partition}:rds-db:${region}:${accountId}:dbuser:${resourceId}/${user}`;

function existingInstance(context: AwsContext, identifier: string): FoundInstance {
  const found = pulumi.output(
    getInstance({ dbInstanceIdentifier: identifier }, { provider: context.provider }),
  );
  return {
    id: identifier,
    host: found.address,
    user: found.masterUsername,
    logIn: found.apply(({ resourceId, masterUsername }) => logInArn(context, resourceId, masterUsername)),
  };
}

function newInstance(
  context: AwsContext,
  name: string,
  password: pulumi.Input<string>,
  opts: pulumi.ComponentResourceOptions,
): FoundInstance {
  const { settings } = context;
  const { audit, backendStore, dataProtection, logRetentionDays } = settings;
  const { version, instanceClass, highAvailability, backups, finalSnapshot } = backendStore;
  const own = { ...opts, ...guardOptions(dataProtection) };
  const id = new RandomId(`${name}-instance-id`, { byteLength: 4 }, opts);
  const identifier = id.hex.apply((hex) => `${cloudName(50)}-${hex}`);
  const subnetGroup = new SubnetGroup(`${name}-subnets`, { subnetIds: context.aws.subnetIds }, own);
  const parameters = new ParameterGroup(
    `${name}-parameters`,
    {
      family: `postgres${version}`,
      parameters: [
        { name: 'rds.force_ssl', value: '1' },
        ...(audit.enabled
          ? [
              { name: 'log_connections', value: '1' },
              { name: 'log_disconnections', value: '1' },
            ]
          : []),
      ],
    },
    own,
  );
  // RDS makes them when they are not there, and keeps them for ever.
  const exports = ['postgresql', 'upgrade'];
  const logs = exports.map(
    (log) =>
      new LogGroup(
        `${name}-log-${log}`,
        {
          name: pulumi.interpolate`/aws/rds/instance/${identifier}/${log}`,
          retentionInDays: logRetentionDays,
        },
        own,
      ),
  );
  const instance = new Instance(
    `${name}-instance`,
    {
      identifier,
      engine: 'postgres',
      engineVersion: version,
      allowMajorVersionUpgrade: true,
      instanceClass,
      applyImmediately: true,
      allocatedStorage: allocatedGib(settings),
      // Grows by itself before it is full.
      maxAllocatedStorage: 5 * allocatedGib(settings),
      storageType: 'gp3',
      storageEncrypted: true,
      dbName: backendStore.database,
      username: masterUser,
      password,
      port,
      multiAz: highAvailability,
      publiclyAccessible: false,
      dbSubnetGroupName: subnetGroup.name,
      vpcSecurityGroupIds: [securityGroup(context, name, own)],
      parameterGroupName: parameters.name,
      caCertIdentifier: 'rds-ca-rsa2048-g1',
      iamDatabaseAuthenticationEnabled: backendStore.auth === 'iam',
      backupRetentionPeriod: backups.retentionDays,
      backupWindow: backups.window && `${backups.window}-${hourLater(backups.window)}`,
      copyTagsToSnapshot: true,
      deleteAutomatedBackups: dataProtection === 'delete',
      deletionProtection: dataProtection !== 'delete',
      skipFinalSnapshot: !finalSnapshot,
      finalSnapshotIdentifier: pulumi.interpolate`${identifier}-final`,
      enabledCloudwatchLogsExports: exports,
    },
    {
      ...opts,
      ...dataOptions(dataProtection),
      dependsOn: logs,
      // With a standby in another zone it can take longer than the plug-in's own limits.
      customTimeouts: { create: '60m', update: '80m', delete: '60m' },
    },
  );
  return {
    // Known only once the instance is there.
    id: instance.identifier,
    host: instance.address,
    user: masterUser,
    logIn: instance.resourceId.apply((resourceId) => logInArn(context, resourceId, masterUser)),
  };
}

/** Lets in the members of the cluster's security groups, or known ranges, and nobody else. Nothing goes out. */
function securityGroup(
  { settings, aws, cluster, vpcId }: AwsContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { databaseClientGroups, databaseClientCidrs } = aws;
  const isNamed = databaseClientGroups.length + databaseClientCidrs.length > 0;
  const groups = isNamed || cluster === undefined ? databaseClientGroups : [cluster.securityGroupId];
  const isIpv6 = (cidr: string) => cidr.includes(':');
  return new SecurityGroup(
    `${name}-access`,
    {
      description: `Database of ${settings.namespace.name}`,
      ...(vpcId !== undefined && { vpcId }),
      ingress: [
        {
          description: 'PostgreSQL from the cluster',
          protocol: 'tcp',
          fromPort: port,
          toPort: port,
          securityGroups: [...groups],
          cidrBlocks: databaseClientCidrs.filter((cidr) => !isIpv6(cidr)),
          ipv6CidrBlocks: databaseClientCidrs.filter(isIpv6),
        },
      ],
    },
    opts,
  ).id;
}

function hourLater(time: string): string {
  const [hour = '', minute = ''] = time.split(':');
  return `${String((Number(hour) + 1) % 24).padStart(2, '0')}:${minute}`;
}
