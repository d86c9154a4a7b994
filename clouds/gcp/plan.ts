// What is known of Google Cloud without its SDK.
import { parseQuantity } from '../../lib/quantity.ts';
import { controllerOf } from '../../lib/ingress-controllers.ts';
import type { Settings } from '../../settings/index.ts';
import { type Rule, sentences } from '../../settings/rules/rule.ts';
import type { CloudPlan } from '../plan.ts';

const gib = 2 ** 30;

export const defaultTier = 'db-custom-1-3840';
/** Tiers whose processors are shared; they come without any promise of Google. */
const sharedTiers: Readonly<Record<string, number>> = { 'db-f1-micro': 0.6, 'db-g1-small': 1.7 };

/** GiB of memory of an instance; undefined for a tier that this knows nothing of. */
function memoryGib(tier: string): number | undefined {
  const [, custom] = /^db-custom-\d+-(\d+)$/.exec(tier) ?? [];
  const [, optimized] = /^db-perf-optimized-N-(\d+)$/.exec(tier) ?? [];
  if (custom !== undefined) return Number(custom) / 1024;
  return optimized === undefined ? sharedTiers[tier] : 8 * Number(optimized);
}

/** https://cloud.google.com/sql/docs/postgres/flags#postgres-m, by the memory that an instance has at least, in GiB. */
const connectionsByMemory = [
  [120, 1000],
  [60, 800],
  [30, 600],
  [15, 500],
  [7.5, 400],
  [6, 200],
  [3.75, 100],
  [1.7, 50],
  [0, 25],
] as const;

/** Connections that Cloud SQL lets an instance of this tier accept, unless it is told otherwise. */
export function tierConnections(tier: string): number | undefined {
  const memory = memoryGib(tier);
  return memory === undefined ? undefined : connectionsByMemory.find(([least]) => memory >= least)?.[1];
}

export const tierOf = ({ backendStore }: { backendStore: { tier?: string | undefined } }): string =>
  backendStore.tier ?? defaultTier;

/** Cloud SQL's own name of an edition: without it, newer versions of PostgreSQL would take the dear one. */
export const editionOf = (tier: string): string =>
  tier.startsWith('db-perf-optimized-') ? 'ENTERPRISE_PLUS' : 'ENTERPRISE';

/** Size of the database's disk in GB, of which Cloud SQL wants 10 at least. */
export const diskGb = (size: string): number => Math.max(10, Math.ceil((parseQuantity(size) ?? 0) / gib));

export type ProxyKind = 'none' | 'sidecar' | 'deployment';

/** How pods reach the database. */
export function proxyKind({
  gcp,
  backendStore,
}: {
  readonly gcp?: Settings['gcp'];
  readonly backendStore: Pick<Settings['backendStore'], 'kind' | 'auth'>;
}): ProxyKind {
  if (backendStore.kind !== 'cloudSql') return 'none';
  return gcp?.cloudSqlProxy.kind ?? (backendStore.auth === 'iam' ? 'sidecar' : 'none');
}

interface Repository {
  readonly project: string;
  readonly location: string;
  readonly repository: string;
}

/** Of `projects/<project>/locations/<location>/repositories/<repository>`. */
export function repositoryOf(id: string): Repository {
  const [, project = '', , location = '', , repository = ''] = id.split('/');
  return { project, location, repository };
}

export const gcpPlan: CloudPlan = {
  defaults: {
    artifactStore: 'gcs',
    backendStore: 'cloudSql',
    dataProtection: 'retain',
    credentials: 'gcs-credentials',
  },
  ownKinds: ['gcs', 'cloudSql'],
  maxConnections: (raw) => {
    const { kind, existingInstance } = raw.backendStore;
    return (kind ?? 'cloudSql') === 'cloudSql' && existingInstance === undefined
      ? tierConnections(tierOf(raw))
      : undefined;
  },
  mistakes: (settings) =>
    sentences([
      ...region(settings),
      ...bucket(settings),
      ...database(settings),
      ...connection(settings),
      ...identity(settings),
      ...entry(settings),
    ]),
};

function region({ gcp }: Settings): Rule[] {
  const { zone, region = '' } = gcp ?? {};
  return [
    [
      zone !== undefined && !zone.startsWith(`${region}-`),
      `gcp.zone is ${zone ?? ''}, which is not in gcp.region ${region}; name a zone of it, such as ${region}-b`,
    ],
  ];
}

/** https://cloud.google.com/storage/docs/storage-classes */
const colderClasses = ['NEARLINE', 'COLDLINE', 'ARCHIVE'];

function bucket({ artifactStore }: Settings): Rule[] {
  const { kind, bucketName, existingBucket, kmsKeyArn, transition } = artifactStore;
  const isGcs = kind === 'gcs';
  return [
    [
      isGcs && bucketName !== undefined && existingBucket !== undefined,
      'artifactStore.bucketName is for a bucket that the stack makes, and artifactStore.existingBucket for one that is there; remove one of them',
    ],
    [
      isGcs && kmsKeyArn !== undefined,
      'artifactStore.kmsKeyArn is for kind s3, but kind is gcs; use artifactStore.kmsKeyName',
    ],
    [
      isGcs && transition !== undefined && !colderClasses.includes(transition.storageClass),
      `artifactStore.transition.storageClass is ${transition?.storageClass ?? ''}; Cloud Storage has ${colderClasses.join(', ')}`,
    ],
    [
      isGcs && [bucketName, existingBucket].some((name) => /g[o0]{2}g[l1]e/.test(name ?? '')),
      `artifactStore.${bucketName === undefined ? 'existingBucket' : 'bucketName'} is ${bucketName ?? existingBucket ?? ''}, but names of buckets must not contain google; choose another`,
    ],
  ];
}

function database(settings: Settings): Rule[] {
  const { gcp, backendStore } = settings;
  const { existingInstance, highAvailability, kind, tier } = backendStore;
  if (kind !== 'cloudSql') return [];
  const wanted = tierOf(settings);
  const makesInstance = existingInstance === undefined;
  const given = Object.entries({ tier, 'gcp.zone': gcp?.zone })
    .filter(([, value]) => value !== undefined)
    .map(([key]) => (key.includes('.') ? key : `backendStore.${key}`));
  return [
    [
      !makesInstance &&
        !/^([a-z][-a-z0-9]{4,28}[a-z0-9]):([a-z]+-[a-z]+\d+):([a-z][-a-z0-9]{0,96})$/.test(existingInstance),
      `backendStore.existingInstance is ${existingInstance ?? ''}; allowed: project:region:instance, such as my-team-dev:europe-west1:mlflow`,
    ],
    [
      !makesInstance && given.length > 0,
      `backendStore.existingInstance names an instance that is there, and ${given.join(' and ')} ${given.length > 1 ? 'are' : 'is'} for one that the stack makes; remove one of them`,
    ],
    [
      makesInstance && gcp?.network === undefined,
      'gcp.network is missing, in which the database gets its private address; name the network of the cluster, such as my-network',
    ],
    [
      makesInstance && gcp?.existingDatabase === true,
      'gcp.existingDatabase is for backendStore.existingInstance, which is missing; name the instance, or remove this',
    ],
    [
      makesInstance && highAvailability && wanted in sharedTiers,
      `backendStore.highAvailability is true, but tier ${wanted} shares its processors and cannot be regional; use a tier such as db-custom-1-3840`,
    ],
    ...(makesInstance ? customTier(wanted) : []),
  ];
}

/** https://cloud.google.com/sql/docs/postgres/create-instance#machine-types */
function customTier(tier: string): Rule[] {
  const [, cores = '', memory = ''] = /^db-custom-(\d+)-(\d+)$/.exec(tier) ?? [];
  if (cores === '') return [];
  const [cpus, mib] = [Number(cores), Number(memory)];
  const wrong = [
    ...(cpus !== 1 && (cpus % 2 !== 0 || cpus > 96) ? ['cores are 1, or an even number up to 96'] : []),
    ...(mib % 256 !== 0 ? ['memory is a multiple of 256 MiB'] : []),
    ...(mib < 3840 ? ['memory is at least 3840 MiB'] : []),
    ...(mib < 0.9 * 1024 * cpus || mib > 6.5 * 1024 * cpus ? ['memory is 0.9 to 6.5 GiB for each core'] : []),
  ];
  return [
    [
      wrong.length > 0,
      `backendStore.tier is ${tier}, but ${wrong.join(', and ')}; use a tier such as db-custom-2-7680`,
    ],
  ];
}

function connection(settings: Settings): Rule[] {
  const { gcp, backendStore, identity } = settings;
  if (backendStore.kind !== 'cloudSql') {
    const given = gcp?.cloudSqlProxy.kind ?? 'none';
    return [
      [
        given !== 'none',
        `gcp.cloudSqlProxy is for backendStore.kind cloudSql, but kind is ${backendStore.kind}; remove it or change the kind`,
      ],
    ];
  }
  const proxy = proxyKind(settings);
  const { auth, sslMode, password, passwordFrom } = backendStore;
  return [
    [
      auth === 'iam' && proxy !== 'sidecar',
      `backendStore.auth is iam, which logs in through a proxy in each pod, but gcp.cloudSqlProxy.kind is ${proxy}; use sidecar, or auth password`,
    ],
    [
      auth === 'iam' && identity.kind !== 'workload',
      `backendStore.auth is iam, but identity.kind is ${identity.kind}, by which Cloud SQL knows no user; use identity.kind workload, or auth password`,
    ],
    [
      auth === 'iam' && (password ?? passwordFrom) !== undefined,
      'backendStore.password and passwordFrom are for auth password, but auth is iam; remove them',
    ],
    [
      auth === 'password' && gcp?.databaseAccount !== undefined,
      'gcp.databaseAccount is for backendStore.auth iam, but auth is password; remove it or change auth',
    ],
    [
      auth === 'iam' && gcp?.existingDatabase === true && gcp.databaseAccount === undefined,
      'gcp.databaseAccount is missing: with backendStore.auth iam, only the account that made the tables may use an existing database; name it',
    ],
    [
      ['disable', 'prefer'].includes(sslMode),
      `backendStore.sslMode is ${sslMode}, but the database accepts encrypted connections only; use require, verify-ca or verify-full`,
    ],
    [
      proxy !== 'none' && sslMode.startsWith('verify-'),
      `backendStore.sslMode is ${sslMode}, but the proxy (gcp.cloudSqlProxy.kind ${proxy}) checks the database itself; leave it out`,
    ],
    [
      sslMode === 'verify-full' && backendStore.existingInstance !== undefined,
      'backendStore.sslMode is verify-full, which takes an instance that the stack makes; use verify-ca, which knows the instance by its own authority',
    ],
  ];
}

function identity({ identity: { imageReaders, imageRepository, kind } }: Settings): Rule[] {
  const isRepository = /^projects\/[a-z][-a-z0-9]+\/locations\/[-a-z0-9]+\/repositories\/[a-z][-a-z0-9]*$/;
  const strangers = imageReaders.filter((email) => !/^[^@]+@[^@]+\.gserviceaccount\.com$/.test(email));
  return [
    [
      imageRepository !== undefined && !isRepository.test(imageRepository),
      `identity.imageRepository is ${imageRepository ?? ''}; allowed: projects/my-project/locations/europe-west1/repositories/my-repository`,
    ],
    [
      imageRepository !== undefined && strangers.length > 0,
      `identity.imageReaders has ${strangers.join(', ')}; allowed: addresses of service accounts, such as nodes@my-project.iam.gserviceaccount.com`,
    ],
    [
      imageRepository !== undefined && imageReaders.length === 0,
      'identity.imageReaders is empty; name the service accounts of the nodes that may read identity.imageRepository',
    ],
    [
      kind === 'podIdentity',
      'identity.kind is podIdentity, which is for cloud aws; use workload, keys or node',
    ],
  ];
}

function entry({ gcp, ingress, auth }: Settings): Rule[] {
  const { allowedCidrs, dns, internal, staticIp } = ingress;
  const controller = controllerOf(ingress);
  const isGce = ingress.enabled && controller === 'gce';
  const { iap, oidc, cognito } = auth.edge;
  const others = Object.entries({ oidc, cognito }).filter(([, value]) => value !== undefined);
  return [
    [
      staticIp && !isGce,
      'ingress.staticIp is for an Ingress of class gce; use that, or give the address to the load balancer of your controller',
    ],
    [
      staticIp && internal && gcp?.subnetwork === undefined,
      'gcp.subnetwork is missing, from which ingress.staticIp takes the address of an internal load balancer; name one, such as my-subnetwork',
    ],
    [
      dns.zone !== undefined && !staticIp,
      'ingress.dns.zone is given, but ingress.staticIp is not, so no address is known for its records; set ingress.staticIp to true',
    ],
    [
      ingress.certificate?.googleManaged === true && internal,
      'ingress.certificate.googleManaged is for addresses that the internet reaches, but ingress.internal is true; use issuer or clusterIssuer',
    ],
    [
      isGce && internal && allowedCidrs.length > 0,
      'ingress.allowedCidrs with class gce is for addresses that the internet reaches, but ingress.internal is true; remove one of them',
    ],
    [
      others.length > 0,
      `auth.edge.${others.map(([key]) => key).join(' and auth.edge.')} is for cloud aws; use auth.edge.iap`,
    ],
    [
      auth.kind === 'edge' && isGce && iap === undefined,
      'auth.edge.iap is missing, by which Ingresses of class gce ask for a log-in: a clientId, a clientSecretFrom and members',
    ],
    [
      iap !== undefined && (auth.kind !== 'edge' || !isGce),
      'auth.edge.iap is for auth.kind edge with an Ingress of class gce; set both, or remove it',
    ],
    [
      iap !== undefined && internal,
      'auth.edge.iap is for addresses that the internet reaches, but ingress.internal is true; remove one of them',
    ],
  ];
}
