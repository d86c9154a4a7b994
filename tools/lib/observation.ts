// What there is of a stack in its cluster, as `npm run status` and `npm run doctor` look at it.
import {
  type ClusterClient,
  ForbiddenError,
  type KubernetesObject,
  objectPath,
} from '../../cluster/client.ts';
import type { Deployment } from '../../cluster/facts.ts';
import type { Job } from '../../cluster/migration-job.ts';
import { type Condition, type KubernetesEvent, type Pod, warningsIn } from '../../cluster/pods.ts';
import type { Settings } from '../../config.ts';
import { names } from '../../lib/names.ts';
import packageJson from '../../package.json' with { type: 'json' };

const instanceLabel = 'app.kubernetes.io/instance';
const instanceOf = (stack: string): string => `${packageJson.name}.${stack}`;

/** Selects what a stack has in its namespace. */
export const stackSelector = (stack: string): string => `${instanceLabel}=${instanceOf(stack)}`;

export const componentOf = ({ metadata }: KubernetesObject): string =>
  metadata.labels?.['app.kubernetes.io/component'] ?? '';

export interface Observation {
  readonly server: Deployment | undefined;
  readonly statefulSets: readonly StatefulSet[];
  /** The newest first, as all that comes and goes. */
  readonly pods: readonly Pod[];
  readonly jobs: readonly JobRun[];
  readonly cronJobs: readonly CronJob[];
  readonly claims: readonly Claim[];
  readonly services: readonly Service[];
  readonly endpoints: readonly EndpointSlice[];
  readonly ingresses: readonly Ingress[];
  readonly routes: readonly HttpRoute[];
  readonly storageClasses: readonly StorageClass[];
  readonly nodes: readonly Node[];
  /** About the stack's own objects. */
  readonly warnings: readonly KubernetesEvent[];
  /** What the pods use, where the cluster measures it. */
  readonly usage: readonly PodMetrics[];
  /** Kinds that the user may not read, of which there seem to be none here. */
  readonly unreadable: readonly string[];
}

export interface StatefulSet extends KubernetesObject {
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly readyReplicas?: number };
}

export interface JobRun extends Job {
  readonly status?: Job['status'] & {
    readonly active?: number;
    readonly startTime?: string;
    readonly completionTime?: string;
  };
}

export interface CronJob extends KubernetesObject {
  readonly spec: { readonly schedule: string; readonly suspend?: boolean };
}

export interface Claim extends KubernetesObject {
  readonly spec: {
    readonly storageClassName?: string;
    readonly resources?: { readonly requests?: { readonly storage?: string } };
  };
  readonly status?: { readonly phase?: string; readonly capacity?: { readonly storage?: string } };
}

interface LoadBalancerStatus {
  readonly loadBalancer?: {
    readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[];
  };
}

export interface Service extends KubernetesObject {
  readonly spec: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly ports?: readonly { readonly port: number }[];
  };
  readonly status?: LoadBalancerStatus;
}

export interface EndpointSlice extends KubernetesObject {
  readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[] | null;
}

export interface Ingress extends KubernetesObject {
  readonly spec: {
    readonly ingressClassName?: string;
    readonly rules?: readonly { readonly host?: string }[];
  };
  readonly status?: LoadBalancerStatus;
}

export interface HttpRoute extends KubernetesObject {
  readonly spec: { readonly hostnames?: readonly string[] };
  readonly status?: {
    readonly parents?: readonly {
      readonly parentRef: { readonly name: string };
      readonly conditions?: readonly Condition[];
    }[];
  };
}

export interface StorageClass extends KubernetesObject {
  readonly provisioner?: string;
  readonly volumeBindingMode?: string;
}

export interface Node extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

export interface PodMetrics extends KubernetesObject {
  readonly containers: readonly { readonly usage: { readonly cpu: string; readonly memory: string } }[];
}

/** Whether the stack has nothing that works, or could. Claims alone may be left of one that was destroyed. */
export const isNothing = ({ server, statefulSets, pods, services }: Observation): boolean =>
  server === undefined && [...statefulSets, ...pods, ...services].length === 0;

export async function observe(
  client: Pick<ClusterClient, 'get'>,
  stack: string,
  settings: Settings,
): Promise<Observation> {
  const namespace = settings.namespace.name;
  const unreadable: string[] = [];
  const unlessForbidden = async <T>(
    what: string,
    look: () => Promise<readonly T[]>,
  ): Promise<readonly T[]> => {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error;
      unreadable.push(what);
      return [];
    }
  };
  const read = <T extends KubernetesObject>(what: string, path: string): Promise<readonly T[]> =>
    unlessForbidden(what, async () => {
      const { items = [] } = (await client.get<{ items?: T[] }>(path)) ?? {};
      const made = ({ metadata }: T) => metadata.creationTimestamp ?? '';
      return [...items].sort(
        (a, b) => made(b).localeCompare(made(a)) || a.metadata.name.localeCompare(b.metadata.name),
      );
    });
  const own = <T extends KubernetesObject>(group: string, resource: string): Promise<readonly T[]> =>
    read(
      resource,
      `${objectPath(group, namespace, resource)}?labelSelector=${encodeURIComponent(stackSelector(stack))}`,
    );

  const [
    deployments,
    statefulSets,
    pods,
    jobs,
    cronJobs,
    claims,
    services,
    endpoints,
    ingresses,
    routes,
    ...rest
  ] = await Promise.all([
    own<Deployment>('apis/apps/v1', 'deployments'),
    own<StatefulSet>('apis/apps/v1', 'statefulsets'),
    own<Pod>('api/v1', 'pods'),
    own<JobRun>('apis/batch/v1', 'jobs'),
    own<CronJob>('apis/batch/v1', 'cronjobs'),
    // Those that users name, or that pods make for a while, have labels of their own.
    read<Claim>('persistentvolumeclaims', objectPath('api/v1', namespace, 'persistentvolumeclaims')),
    own<Service>('api/v1', 'services'),
    own<EndpointSlice>('apis/discovery.k8s.io/v1', 'endpointslices'),
    own<Ingress>('apis/networking.k8s.io/v1', 'ingresses'),
    settings.httpRoute.enabled ? own<HttpRoute>('apis/gateway.networking.k8s.io/v1', 'httproutes') : [],
    read<StorageClass>('storageclasses', '/apis/storage.k8s.io/v1/storageclasses'),
    read<Node>('nodes', '/api/v1/nodes'),
    read<PodMetrics>('pod metrics', objectPath('apis/metrics.k8s.io/v1beta1', namespace, 'pods')),
    unlessForbidden('events', () => warningsIn(client, namespace)),
  ]);
  const [storageClasses, nodes, usage, warnings] = rest;
  const used = claims.filter(({ metadata }) => isUsed(metadata, stack, settings, pods));
  const known = [deployments, statefulSets, pods, jobs, cronJobs, used, services, ingresses].flat();
  return {
    server: deployments.find(({ metadata }) => metadata.name === names.server),
    statefulSets,
    pods,
    jobs,
    cronJobs,
    claims: used,
    services,
    endpoints,
    ingresses,
    routes,
    storageClasses,
    nodes,
    // A ReplicaSet's name begins with its Deployment's.
    warnings: warnings.filter(({ involvedObject: { kind, name = '' } }) =>
      known.some(({ metadata }) =>
        kind === 'ReplicaSet' ? name.startsWith(`${metadata.name}-`) : name === metadata.name,
      ),
    ),
    usage,
    unreadable,
  };
}

function isUsed(
  { name, labels }: Claim['metadata'],
  stack: string,
  { artifactStore }: Settings,
  pods: readonly Pod[],
): boolean {
  return (
    labels?.[instanceLabel] === instanceOf(stack) ||
    name === artifactStore.existingClaim ||
    pods.some(({ metadata }) => name.startsWith(`${metadata.name}-`))
  );
}
