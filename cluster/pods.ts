// What pods tell about why they do not do what they should.
import { instanceName } from '../lib/labels.ts';
import {
  type ClusterClient,
  ForbiddenError,
  type KubernetesObject,
  type ObjectList,
  objectPath,
} from './client.ts';

export interface Pod extends KubernetesObject {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly Condition[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
  readonly terminated?: {
    readonly exitCode: number;
    readonly reason?: string;
    readonly message?: string;
    readonly finishedAt?: string;
  };
}

const componentLabel = 'app.kubernetes.io/component';

/** Selects what this stack has of some components. */
export function componentSelector(...components: string[]): string {
  return `app.kubernetes.io/instance=${instanceName()},${componentLabel} in (${components.join(',')})`;
}

export const jobSelector = (job: string): string => `batch.kubernetes.io/job-name=${job}`;

/** Pods that match, the newest first. */
export async function podsOf(client: ClusterClient, namespace: string, selector: string): Promise<Pod[]> {
  const path = `${objectPath('api/v1', namespace, 'pods')}?labelSelector=${encodeURIComponent(selector)}`;
  const { items = [] } = (await client.get<ObjectList<Pod>>(path)) ?? {};
  const made = ({ metadata }: Pod) => metadata.creationTimestamp ?? '';
  return [...items].sort((a, b) => made(b).localeCompare(made(a)));
}

/** Whether nothing of it runs any more. */
export const isFinished = ({ status }: Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed';

export const containersOf = ({ status }: Pod): ContainerStatus[] => [
  ...(status?.initContainerStatuses ?? []),
  ...(status?.containerStatuses ?? []),
];

export interface Obstacle {
  readonly reason: string;
  /** For people. */
  readonly text: string;
  /** Whether it goes away by itself only by luck. */
  readonly hopeless: boolean;
}

/** States that every pod passes through. */
const harmless = ['ContainerCreating', 'PodInitializing'];
const hopeless = [
  'CreateContainerConfigError',
  'CreateContainerError',
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImageInspectError',
  'ImagePullBackOff',
  'InvalidImageName',
  'RunContainerError',
];

/** Why a pod does not start; undefined as long as it seems to be on its way. */
export function obstacle(pod: Pod): Obstacle | undefined {
  for (const { name, state, lastState } of containersOf(pod)) {
    const { reason = '', message } = state?.waiting ?? {};
    if (reason === '' || harmless.includes(reason)) continue;
    const said = lastLines(lastState?.terminated?.message) || message;
    return {
      reason,
      text: `container ${name} does not start: ${reason}${said ? `: ${said}` : ''}`,
      hopeless: hopeless.includes(reason),
    };
  }
  const unscheduled = pod.status?.conditions?.find(
    ({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable',
  );
  // A node may still come.
  return (
    unscheduled && {
      reason: 'Unschedulable',
      text: `no node takes the pod: ${unscheduled.message ?? ''}`,
      hopeless: false,
    }
  );
}

/** The step that failed last, and the last lines that it wrote. */
export function failedStep(newestFirst: readonly Pod[]): string | undefined {
  const failed = newestFirst
    .flatMap(containersOf)
    .find(({ state }) => state?.terminated !== undefined && state.terminated.exitCode !== 0);
  const { exitCode = 0, reason, message } = failed?.state?.terminated ?? {};
  const lines = lastLines(message) || `exit code ${exitCode} (${reason ?? 'no reason given'})`;
  return failed && `step ${failed.name}:\n${lines.replaceAll(/^/gm, '  ')}`;
}

/** What a container that succeeded left as its message. */
export function messageOf(pods: readonly Pod[], container: string): string | undefined {
  return pods
    .flatMap(containersOf)
    .filter(({ name, state }) => name === container && state?.terminated?.exitCode === 0)
    .map(({ state }) => state?.terminated?.message)
    .find((message) => message !== undefined);
}

export function lastLines(text = ''): string {
  return text.trim().split('\n').slice(-15).join('\n');
}

export interface KubernetesEvent {
  readonly reason?: string;
  readonly message?: string;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
  readonly involvedObject: { readonly kind?: string; readonly name?: string };
}

export const timeOf = ({ lastTimestamp, eventTime }: KubernetesEvent): string =>
  lastTimestamp ?? eventTime ?? '';

/** Reasons of warnings about volumes of a pod. */
export const mountProblems: readonly string[] = ['FailedMount', 'FailedAttachVolume'];

/** The warnings in a namespace, the newest first. A full quota, for instance, is told nowhere else. */
export async function warningsIn(
  client: Pick<ClusterClient, 'get'>,
  namespace: string,
): Promise<readonly KubernetesEvent[]> {
  const path = `${objectPath('api/v1', namespace, 'events')}?fieldSelector=${encodeURIComponent('type=Warning')}`;
  const { items = [] } = (await client.get<ObjectList<KubernetesEvent>>(path)) ?? {};
  return [...items].sort((a, b) => timeOf(b).localeCompare(timeOf(a)));
}

/** The newest warning about some objects. */
export async function newestWarning(
  client: ClusterClient,
  namespace: string,
  isAbout: (name: string) => boolean,
): Promise<string | undefined> {
  const warnings = await warningsIn(client, namespace).catch((error: unknown) => {
    if (error instanceof ForbiddenError) return [];
    throw error;
  });
  return warnings.find(({ involvedObject }) => isAbout(involvedObject.name ?? ''))?.message;
}
