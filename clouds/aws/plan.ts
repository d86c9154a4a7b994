// What is known of AWS without its SDK.
import { parseQuantity } from '../../lib/quantity.ts';
import type { Settings } from '../../settings/index.ts';
import { type Rule, sentences } from '../../settings/rules/rule.ts';
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

/** The smallest disk of type gp3, in GiB. */
const smallestDisk = 20;

/** Size of the database's disk, in GiB. */
export const allocatedGib = ({ backendStore }: Settings): number =>
  Math.max(smallestDisk, Math.ceil((parseQuantity(backendStore.size) ?? 0) / gib));

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
  mistakes: (settings) => sentences([...network(settings)]),
};

function network({ aws, backendStore }: Settings): Rule[] {
  if (aws === undefined) return [];
  const { clusterName, databaseClientCidrs, databaseClientGroups, subnetIds } = aws;
  const makesDatabase = backendStore.kind === 'rds' && backendStore.existingInstance === undefined;
  const isOpen = clusterName !== undefined || databaseClientGroups.length + databaseClientCidrs.length > 0;
  return [
    [
      makesDatabase && subnetIds.length < 2,
      `aws.subnetIds names ${subnetIds.length === 0 ? 'no subnet' : 'one subnet'}, but a database needs private subnets in at least two zones; name two or more, such as subnet-0123456789abcdef0`,
    ],
    [
      makesDatabase && !isOpen,
      'aws.clusterName, aws.databaseClientGroups and aws.databaseClientCidrs are missing, so that nobody would reach the database; name the EKS cluster',
    ],
  ];
}
