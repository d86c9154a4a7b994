// What is known of AWS without its SDK.
import { asksPasswords, cloudLogIn } from '../../lib/auth.ts';
import { endsTls } from '../../lib/entry.ts';
import { controllerOf } from '../../lib/ingress-controllers.ts';
import { parseQuantity } from '../../lib/quantity.ts';
import type { Settings } from '../../settings/index.ts';
import { type Rule, repeated, sentences } from '../../settings/rules/rule.ts';
import type { CloudPlan } from '../plan.ts';

const gib = 2 ** 30;

/** GiB of memory of a class of size `large`, by the letter of its family. */
const largeMemory: Readonly<Record<string, number>> = { t: 8, m: 8, r: 16, c: 4, x: 32 };
/** Sizes in units of `large`. */
const sizes: Readonly<Record<string, number>> = {
  micro: 1 / 8,
  small: 1 / 4,
  medium: 1 / 2,
  large: 1,
  xlarge: 2,
};

/** GiB of an instance; undefined for a class that this knows nothing of. */
function memoryGib(instanceClass: string): number | undefined {
  const [, family = '', size = ''] = instanceClass.split('.');
  const large = largeMemory[family[0] ?? ''];
  const [, times] = /^(\d+)xlarge$/.exec(size) ?? [];
  const factor = times === undefined ? sizes[size] : 2 * Number(times);
  return large === undefined || factor === undefined ? undefined : large * factor;
}

/**
 * RDS allows a connection for each 9,531,392 bytes, at most 5,000, of what is left beside its own processes.
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
 */
export function instanceConnections(instanceClass: string): number | undefined {
  const memory = memoryGib(instanceClass);
  if (memory === undefined) return undefined;
  return Math.min(5000, Math.floor(((0.9 * memory - 0.15) * gib) / 9_531_392));
}

/** Smallest and largest disk of type gp3, in GiB. */
const disk = { smallest: 20, largest: 65_536 };

/** Size of the database's disk, in GiB. */
export const allocatedGib = ({ backendStore }: Pick<Settings, 'backendStore'>): number =>
  Math.max(disk.smallest, Math.ceil((parseQuantity(backendStore.size) ?? 0) / gib));

export const awsPlan: CloudPlan = {
  defaults: {
    artifactStore: 's3',
    backendStore: 'rds',
    dataProtection: 'retain',
    credentials: 's3-credentials',
  },
  ownKinds: ['s3', 'rds'],
  maxConnections: ({ backendStore: { kind, instanceClass } }) =>
    (kind ?? 'rds') === 'rds' ? instanceConnections(instanceClass) : undefined,
  mistakes: (settings) => [
    ...sentences([
      ...network(settings),
      ...arns(settings),
      ...bucket(settings),
      ...database(settings),
      ...identity(settings),
      ...entry(settings),
    ]),
    ...repeated('aws.subnetIds', settings.aws?.subnetIds ?? []),
    ...repeated('aws.entrySubnetIds', settings.aws?.entrySubnetIds ?? []),
  ],
};

const makesDatabase = ({ backendStore }: Settings) =>
  backendStore.kind === 'rds' && backendStore.existingInstance === undefined;

function network(settings: Settings): Rule[] {
  const {
    clusterName,
    databaseClientCidrs = [],
    databaseClientGroups = [],
    subnetIds = [],
  } = settings.aws ?? {};
  const isOpen = clusterName !== undefined || databaseClientGroups.length + databaseClientCidrs.length > 0;
  return [
    [
      makesDatabase(settings) && subnetIds.length < 2,
      `aws.subnetIds names ${subnetIds.length === 0 ? 'no subnet' : 'one subnet'}, but a database needs private subnets in at least two zones; name two or more, such as subnet-0123456789abcdef0`,
    ],
    [
      makesDatabase(settings) && !isOpen,
      'aws.clusterName, aws.databaseClientGroups and aws.databaseClientCidrs are missing, so that nobody would reach the database; name the EKS cluster',
    ],
    [
      databaseClientCidrs.some((cidr) => cidr.endsWith('/0')),
      'aws.databaseClientCidrs has a range of all addresses; name those of the cluster, such as 10.0.0.0/16',
    ],
  ];
}

/** Each must be of this region, and of this account. */
function arns({ aws, artifactStore, auth, externalSecrets, ingress }: Settings): Rule[] {
  const given: [setting: string, arn: string | undefined][] = [
    ['artifactStore.kmsKeyArn', artifactStore.kmsKeyArn],
    ['externalSecrets.store.kmsKeyArn', externalSecrets.store?.kmsKeyArn],
    ['ingress.certificate.acmArn', ingress.certificate?.acmArn],
    ['auth.edge.cognito.userPoolArn', auth.edge.cognito?.userPoolArn],
  ];
  const { region = '', accountId, oidcProviderArn } = aws ?? {};
  const own = [...given, ['aws.oidcProviderArn', oidcProviderArn] as const];
  return [
    ...given.map(([setting, arn = '']): Rule => {
      const other = arn.split(':')[3];
      return [
        other !== undefined && other !== region,
        `${setting} is of region ${other ?? ''}, but aws.region is ${region}; name one of this region`,
      ];
    }),
    ...own
      // A key may be shared by another account.
      .filter(([setting]) => !setting.endsWith('kmsKeyArn'))
      .map(([setting, arn = '']): Rule => {
        const other = arn.split(':')[4];
        return [
          other !== undefined && accountId !== undefined && other !== accountId,
          `${setting} is of account ${other ?? ''}, but aws.accountId is ${accountId ?? ''}; name one of this account`,
        ];
      }),
  ];
}

/** Classes that S3 moves to after 30 days at the earliest. */
const infrequent = ['STANDARD_IA', 'ONEZONE_IA'];
const classes = [...infrequent, 'INTELLIGENT_TIERING', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE'];
/** Files in these are not there when somebody asks for them. */
const archives = ['GLACIER', 'DEEP_ARCHIVE'];

function bucket({ artifactStore }: Settings): Rule[] {
  const { existingBucket, accessLogging, transition } = artifactStore;
  const { days = 0, storageClass = '' } = transition ?? {};
  return [
    [
      existingBucket !== undefined && accessLogging,
      'artifactStore.accessLogging is for a bucket that the stack makes, but artifactStore.existingBucket names one; remove one of them',
    ],
    [
      transition !== undefined && !classes.includes(storageClass),
      `artifactStore.transition.storageClass is ${storageClass}, which S3 does not know; allowed: ${classes.filter((each) => !archives.includes(each)).join(', ')}`,
    ],
    [
      archives.includes(storageClass),
      `artifactStore.transition.storageClass is ${storageClass}, from which files cannot be read at once; use GLACIER_IR`,
    ],
    [
      infrequent.includes(storageClass) && days < 30,
      `artifactStore.transition.days is ${days}, but S3 moves files to ${storageClass} after 30 days at the earliest; raise it`,
    ],
  ];
}

function database(settings: Settings): Rule[] {
  const { backendStore, secrets } = settings;
  const { kind, backups, database, existingInstance, password, size, sslMode } = backendStore;
  if (kind !== 'rds') return [];
  return [
    [
      !backups.pointInTimeRecovery,
      'backendStore.backups.pointInTimeRecovery is false, but RDS has it with its backups; remove it',
    ],
    [
      allocatedGib(settings) > disk.largest,
      `backendStore.size is ${size}, but a disk of RDS has at most ${disk.largest}Gi; lower it`,
    ],
    [
      sslMode === 'disable' || sslMode === 'prefer',
      `backendStore.sslMode is ${sslMode}, but RDS is reached over TLS alone; use verify-full or require`,
    ],
    [
      password !== undefined && !/^[^\s/@"]{16,128}$/.test(password),
      'backendStore.password has more than 128 characters or one that RDS refuses (/, @, " and blanks); leave it out to have one generated',
    ],
    [
      existingInstance?.includes(':') === true || (existingInstance?.length ?? 0) > 63,
      `backendStore.existingInstance is ${existingInstance ?? ''}; allowed: the identifier of an RDS instance, such as mlflow-prod-1a2b3c4d`,
    ],
    [
      !/^[a-zA-Z]\w*$/.test(database),
      `backendStore.database is ${database}, but RDS makes databases of letters, digits and underscores alone; rename it`,
    ],
    [
      existingInstance !== undefined && secrets.rotation.database > 0,
      'secrets.rotation.database is for a database that the stack makes, but backendStore.existingInstance names one; change its password yourself and set mlflow-stack:backendStore.password',
    ],
  ];
}

function identity({ artifactStore, aws, backendStore, identity: { kind } }: Settings): Rule[] {
  const { clusterName, oidcProviderArn } = aws ?? {};
  const byTokens = backendStore.kind === 'rds' && backendStore.auth === 'iam';
  const isNeeded = artifactStore.kind === 's3' || byTokens;
  const { bucketName, existingBucket } = artifactStore;
  return [
    [
      isNeeded && kind === 'workload' && clusterName === undefined && oidcProviderArn === undefined,
      'aws.clusterName and aws.oidcProviderArn are missing, so that IAM cannot trust the pods; name the EKS cluster',
    ],
    [
      isNeeded && kind === 'podIdentity' && clusterName === undefined,
      'aws.clusterName is missing; identity.kind podIdentity needs the name of the EKS cluster',
    ],
    [
      kind === 'keys' &&
        artifactStore.kind === 's3' &&
        bucketName === undefined &&
        existingBucket === undefined,
      'artifactStore.bucketName is missing; identity.kind keys reads a Secret that names the bucket, so the name must be known',
    ],
    [
      byTokens && (kind === 'keys' || kind === 'node'),
      `backendStore.auth is iam, but identity.kind is ${kind}, by which pods log in to no database; use workload or podIdentity`,
    ],
  ];
}

/** https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/ */
export const balancer = 'service.beta.kubernetes.io/aws-load-balancer-';

function entry({ auth, aws, ingress, server: { service } }: Settings): Rule[] {
  const logIn = auth.kind === 'edge' && !asksPasswords(auth) ? cloudLogIn(auth.edge) : undefined;
  const isAlb = ingress.enabled && controllerOf(ingress) === 'alb';
  return [
    [
      ingress.staticIp,
      'ingress.staticIp is true, but a load balancer of class alb has no address of its own; use ingress.dns.zone, which follows its name, or server.service.staticIp for a network load balancer, or put AWS Global Accelerator before it',
    ],
    [
      service.staticIp && aws?.entrySubnetIds.length === 0,
      'aws.entrySubnetIds is missing, from which server.service.staticIp takes its addresses; name public subnets, one per zone, such as subnet-0123456789abcdef0',
    ],
    ...Object.keys(service.staticIp ? service.annotations : {})
      .filter((annotation) => annotation.startsWith(balancer))
      .map((annotation): Rule => [
        true,
        `server.service.annotations has ${annotation}, which server.service.staticIp sets itself; remove one of them`,
      ]),
    [
      ingress.dns.zone !== undefined && !/^Z[A-Z0-9]{5,31}$/.test(ingress.dns.zone),
      `ingress.dns.zone is ${ingress.dns.zone ?? ''}; allowed: the id of a hosted zone of Route 53, such as Z0123456789ABCDEFGHIJ`,
    ],
    [
      ingress.certificate?.acm === true && ingress.dns.zone === undefined,
      'ingress.dns.zone is missing; ingress.certificate.acm proves there that the hosts are yours',
    ],
    [
      ingress.enabled && ingress.dns.zone !== undefined && !isAlb,
      'ingress.dns.zone is for class alb, whose load balancer it leads to; choose that class, or make the records yourself',
    ],
    [
      auth.edge.oidc !== undefined && auth.edge.cognito !== undefined,
      'auth.edge.oidc and auth.edge.cognito are two log-ins of one load balancer; remove one of them',
    ],
    [
      logIn !== undefined && (!isAlb || !endsTls(ingress)),
      `auth.edge.${logIn ?? ''} is a log-in of a load balancer that serves HTTPS; set mlflow-stack:ingress with className alb and a certificate`,
    ],
  ];
}
