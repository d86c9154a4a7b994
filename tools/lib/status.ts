// What `npm run status` tells of a stack.
import { type Pod, type KubernetesEvent, containersOf, obstacle, timeOf } from '../../cluster/pods.ts';
import { isRolledOut } from '../../cluster/writers.ts';
import { annotations } from '../../lib/names.ts';
import { parseQuantity } from '../../lib/quantity.ts';
import {
  type Claim,
  type CronJob,
  type JobRun,
  type Observation,
  type Service,
  componentOf,
} from './observation.ts';
import { coloured, duration, table } from './text.ts';

export interface Status {
  readonly ready: boolean;
  /** Why not, a sentence each. */
  readonly notReady: readonly string[];
  readonly mlflowVersion: string | null;
  readonly schemaRevision: string | null;
  readonly workloads: readonly Workload[];
  readonly pods: readonly PodStatus[];
  readonly services: readonly {
    readonly name: string;
    readonly type: string;
    readonly ports: readonly number[];
    readonly address: string | null;
    readonly readyEndpoints: number;
  }[];
  readonly claims: readonly {
    readonly name: string;
    readonly state: string;
    readonly size: string | null;
    readonly storageClass: string | null;
  }[];
  readonly waysIn: readonly WayIn[];
  readonly jobs: readonly JobStatus[];
  /** The newest first. */
  readonly warnings: readonly {
    readonly time: string;
    readonly object: string;
    readonly reason: string;
    readonly message: string;
  }[];
  /** Kinds that the user may not read. */
  readonly unreadable: readonly string[];
}

interface Workload {
  readonly kind: 'Deployment' | 'StatefulSet';
  readonly name: string;
  readonly readyPods: number;
  readonly wantedPods: number;
  readonly state: 'ready' | 'rolling out' | 'not ready' | 'stopped';
}

interface PodStatus {
  readonly name: string;
  readonly component: string;
  readonly state: string;
  readonly readyContainers: number;
  readonly containers: number;
  readonly restarts: number;
  /** Cores and bytes in use; null where nobody measures them. */
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly created: string | null;
}

interface WayIn {
  readonly kind: 'Ingress' | 'HTTPRoute';
  readonly name: string;
  readonly hosts: readonly string[];
  readonly state: string;
}

interface JobStatus {
  readonly component: string;
  /** The newest run; null where there was none, or it is cleared away. */
  readonly lastRun: string | null;
  readonly state: 'succeeded' | 'failed' | 'running' | 'none';
  readonly started: string | null;
  /** Null where it runs only for an update. */
  readonly schedule: string | null;
  readonly suspended: boolean;
}

const shownWarnings = 5;

export function statusOf(seen: Observation): Status {
  const workloads = workloadsOf(seen);
  const services = seen.services.map((service) => serviceStatus(service, seen));
  const claims = seen.claims.map((claim) => claimStatus(claim, seen));
  const jobs = jobsOf(seen);
  const noted = (key: keyof typeof annotations) =>
    seen.server?.metadata.annotations?.[annotations[key]] || null;
  const notReady = [
    ...(seen.server === undefined ? ['there is no server'] : []),
    ...workloads
      .filter(({ state }) => state !== 'ready')
      .map(({ kind, name, state, readyPods, wantedPods }) => {
        const count = state === 'stopped' ? 'it has no pods' : `${readyPods} of ${wantedPods} pods are ready`;
        return `${kind} ${name} is ${state}: ${count}`;
      }),
    ...claims
      .filter(({ state }) => !serves(state))
      .map(({ name, state }) => `claim ${name} is ${state.toLowerCase()}`),
    ...services
      .filter(({ readyEndpoints }) => readyEndpoints === 0)
      .map(({ name }) => `no pod answers for Service ${name}`),
    ...jobs
      .filter(({ component, state }) => component === 'migration' && state === 'failed')
      .map(({ lastRun }) => `the last migration (Job ${lastRun}) failed`),
  ];
  return {
    ready: notReady.length === 0,
    notReady,
    mlflowVersion: noted('mlflowVersion'),
    schemaRevision: noted('schemaRevision'),
    workloads,
    pods: seen.pods.map((pod) => podStatus(pod, seen)),
    services,
    claims,
    waysIn: waysIn(seen),
    jobs,
    warnings: seen.warnings.slice(0, shownWarnings).map(warning),
    unreadable: seen.unreadable,
  };
}

function workloadsOf({ server, statefulSets }: Observation): Workload[] {
  const stateOf = (readyPods: number, wantedPods: number, isCurrent: boolean) =>
    wantedPods === 0 ? 'stopped' : readyPods < wantedPods ? 'not ready' : isCurrent ? 'ready' : 'rolling out';
  const deployments = server === undefined ? [] : [server];
  return [
    ...deployments.map((each): Workload => {
      const [readyPods, wantedPods] = [each.status?.availableReplicas ?? 0, each.spec.replicas ?? 1];
      const state = stateOf(readyPods, wantedPods, isRolledOut(each));
      return { kind: 'Deployment', name: each.metadata.name, readyPods, wantedPods, state };
    }),
    ...statefulSets.map(({ metadata, spec, status }): Workload => {
      const [readyPods, wantedPods] = [status?.readyReplicas ?? 0, spec.replicas ?? 1];
      const state = stateOf(readyPods, wantedPods, true);
      return { kind: 'StatefulSet', name: metadata.name, readyPods, wantedPods, state };
    }),
  ];
}

function podStatus(pod: Pod, { usage }: Observation): PodStatus {
  const { metadata, status } = pod;
  const containers = status?.containerStatuses ?? [];
  const measured = usage.find((each) => each.metadata.name === metadata.name)?.containers;
  const sum = (of: 'cpu' | 'memory') =>
    measured?.reduce((total, { usage }) => total + measuredQuantity(usage[of]), 0) ?? null;
  return {
    name: metadata.name,
    component: componentOf(pod),
    state: podState(pod),
    readyContainers: containers.filter(({ ready }) => ready === true).length,
    containers: containers.length,
    restarts: containersOf(pod).reduce((total, { restartCount = 0 }) => total + restartCount, 0),
    cpu: sum('cpu'),
    memory: sum('memory'),
    created: metadata.creationTimestamp ?? null,
  };
}

/** Metrics come in finer units than anybody would ask for: nano and micro. */
function measuredQuantity(quantity: string): number {
  const [, number, unit] = /^(\d+)([nu])$/.exec(quantity) ?? [];
  if (number === undefined) return parseQuantity(quantity) ?? 0;
  return Number(number) * (unit === 'n' ? 1e-9 : 1e-6);
}

export function podState(pod: Pod): string {
  const { metadata, status } = pod;
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const obstructed = obstacle(pod)?.reason;
  if (obstructed !== undefined) return obstructed;
  const step = status?.initContainerStatuses?.find(
    ({ state, ready }) => state?.running !== undefined && ready !== true,
  );
  if (step !== undefined) return `Init: ${step.name}`;
  if (status?.phase !== 'Running') return status?.phase ?? 'Unknown';
  const isReady = status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
  return isReady ? 'Running' : 'NotReady';
}

function serviceStatus(service: Service, seen: Observation): Status['services'][number] {
  const { metadata, spec, status } = service;
  const balancer = status?.loadBalancer?.ingress?.[0];
  return {
    name: metadata.name,
    type: spec.type ?? 'ClusterIP',
    ports: (spec.ports ?? []).map(({ port }) => port),
    address: balancer?.hostname ?? balancer?.ip ?? spec.clusterIP ?? null,
    readyEndpoints: readyEndpoints(service, seen),
  };
}

export function readyEndpoints({ metadata }: Service, { endpoints }: Observation): number {
  return endpoints
    .filter((slice) => slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name)
    .flatMap((slice) => slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false).length;
}

function claimStatus(claim: Claim, seen: Observation): Status['claims'][number] {
  const { metadata, spec, status } = claim;
  const phase = status?.phase ?? 'Pending';
  return {
    name: metadata.name,
    state: phase === 'Pending' && isUnused(claim, seen) ? 'Unused' : phase,
    size: status?.capacity?.storage ?? spec.resources?.requests?.storage ?? null,
    storageClass: spec.storageClassName ?? null,
  };
}

/** Most StorageClasses make a volume for the first pod that wants it, and that of backups may come days later. */
const isUnused = (claim: Claim, { jobs }: Observation): boolean =>
  componentOf(claim) === 'backup' && !jobs.some((job) => componentOf(job) === 'backup');

const serves = (state: string): boolean => ['Bound', 'Unused'].includes(state);

function waysIn({ ingresses, routes }: Observation): WayIn[] {
  return [
    ...ingresses.map(({ metadata, spec, status }): WayIn => {
      const balancer = status?.loadBalancer?.ingress?.[0];
      const hosts = [...new Set((spec.rules ?? []).flatMap(({ host }) => host ?? '*'))];
      return {
        kind: 'Ingress',
        name: metadata.name,
        hosts,
        state: balancer?.hostname ?? balancer?.ip ?? 'no address',
      };
    }),
    ...routes.map(({ metadata, spec, status }): WayIn => {
      const parents = status?.parents ?? [];
      const accepted = parents.filter(({ conditions }) =>
        conditions?.some(({ type, status }) => type === 'Accepted' && status === 'True'),
      );
      return {
        kind: 'HTTPRoute',
        name: metadata.name,
        hosts: spec.hostnames ?? ['*'],
        state:
          accepted.length > 0
            ? `accepted by ${accepted.map(({ parentRef }) => parentRef.name).join(', ')}`
            : 'not accepted',
      };
    }),
  ];
}

/** The last run of each kind: what CronJobs start, and migrations. */
function jobsOf({ jobs, cronJobs }: Observation): JobStatus[] {
  const components = [...new Set([...jobs, ...cronJobs].map(componentOf))].sort();
  return components.map((component) => {
    const cronJob: CronJob | undefined = cronJobs.find((each) => componentOf(each) === component);
    const last = jobs.find((each) => componentOf(each) === component);
    return {
      component,
      lastRun: last?.metadata.name ?? null,
      state: last === undefined ? 'none' : jobState(last),
      started: last?.status?.startTime ?? last?.metadata.creationTimestamp ?? null,
      schedule: cronJob?.spec.schedule ?? null,
      suspended: cronJob?.spec.suspend === true,
    };
  });
}

export function jobState({ status }: JobRun): 'succeeded' | 'failed' | 'running' {
  const is = (wanted: string) =>
    status?.conditions?.some((each) => each.type === wanted && each.status === 'True') === true;
  return is('Complete') ? 'succeeded' : is('Failed') ? 'failed' : 'running';
}

function warning(event: KubernetesEvent): Status['warnings'][number] {
  const { kind = '', name = '' } = event.involvedObject;
  return {
    time: timeOf(event),
    object: `${kind} ${name}`,
    reason: event.reason ?? '',
    message: event.message ?? '',
  };
}

/** The same for people. */
export function statusText(status: Status, now: number): string {
  const { mlflowVersion, schemaRevision, workloads, pods, services, claims, jobs } = status;
  const ago = (time: string | null) => (time === null ? '' : duration(now - Date.parse(time)));
  const judged = (isGood: boolean, text: string) => coloured(isGood ? 'green' : 'red', text);
  const isMeasured = pods.some(({ cpu }) => cpu !== null);
  const usage = ({ cpu, memory }: PodStatus) =>
    cpu === null || memory === null
      ? ['', '']
      : [`${Math.round(cpu * 1000)}m`, `${Math.round(memory / 2 ** 20)}Mi`];
  const sections = [
    table(
      ['WORKLOAD', 'READY', 'STATE'],
      workloads.map(({ kind, name, readyPods, wantedPods, state }) => [
        `${kind} ${name}`,
        `${readyPods}/${wantedPods}`,
        judged(state === 'ready', state),
      ]),
    ),
    table(
      ['POD', 'COMPONENT', 'READY', 'STATE', 'RESTARTS', ...(isMeasured ? ['CPU', 'MEMORY'] : []), 'AGE'],
      pods.map((pod) => [
        pod.name,
        pod.component,
        `${pod.readyContainers}/${pod.containers}`,
        judged(['Running', 'Succeeded', 'Terminating'].includes(pod.state), pod.state),
        String(pod.restarts),
        ...(isMeasured ? usage(pod) : []),
        ago(pod.created),
      ]),
    ),
    table(
      ['SERVICE', 'TYPE', 'ADDRESS', 'PORTS', 'ENDPOINTS'],
      services.map(({ name, type, address, ports, readyEndpoints }) => [
        name,
        type,
        address ?? '',
        ports.join(', '),
        judged(readyEndpoints > 0, String(readyEndpoints)),
      ]),
    ),
    table(
      ['CLAIM', 'STATE', 'SIZE', 'STORAGECLASS'],
      claims.map(({ name, state, size, storageClass }) => [
        name,
        judged(serves(state), state),
        size ?? '',
        storageClass ?? '',
      ]),
    ),
    table(
      ['WAY IN', 'HOSTS', 'STATE'],
      status.waysIn.map(({ kind, name, hosts, state }) => [`${kind} ${name}`, hosts.join(', '), state]),
    ),
    table(
      ['JOB', 'LAST RUN', 'STATE', 'AGO', 'SCHEDULE'],
      jobs.map(({ component, lastRun, state, started, schedule, suspended }) => [
        component,
        lastRun ?? '',
        state === 'none' ? '' : judged(state !== 'failed', state),
        ago(started),
        `${schedule ?? 'with updates'}${suspended ? ' (suspended)' : ''}`,
      ]),
    ),
    table(
      ['WARNINGS', 'AGO', 'REASON', 'MESSAGE'],
      status.warnings.map(({ object, time, reason, message }) => [
        object,
        ago(time),
        reason,
        message.replaceAll(/\s+/g, ' '),
      ]),
    ),
    status.unreadable.length === 0
      ? ''
      : coloured('yellow', `Your log-in may not read: ${status.unreadable.join(', ')}.`),
    status.ready
      ? coloured('green', `MLflow ${mlflowVersion ?? ''} is ready (schema ${schemaRevision ?? 'unknown'}).`)
      : status.notReady.map((sentence) => coloured('red', `✗ ${sentence}`)).join('\n'),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}
