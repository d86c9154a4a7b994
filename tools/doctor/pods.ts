// Why pods do not start, or do not stay.
import {
  type ContainerStatus,
  type Pod,
  containersOf,
  failedStep,
  isFinished,
  mountProblems,
  obstacle,
} from '../../cluster/pods.ts';
import type { Settings } from '../../config.ts';
import { maintenanceComponent } from '../../lib/names.ts';
import { secretReferences } from '../../lib/secret-references.ts';
import { type Observation, componentOf } from '../lib/observation.ts';
import { shortName } from '../lib/logs.ts';
import { databaseFinding } from './database.ts';
import type { Commands, Finding } from './finding.ts';

export interface Patient {
  readonly seen: Observation;
  readonly settings: Settings;
  readonly commands: Commands;
  /** Last lines that containers wrote which still wait for the database, by pod. */
  readonly waiting: Readonly<Record<string, string>>;
  /** Milliseconds. */
  readonly now: number;
}

/** The newest cause of each pod that has one; pods with the same cause count as one. */
export function podFindings(patient: Patient): Finding[] {
  const { pods } = patient.seen;
  // Of Jobs, only what still goes on: how others ended is told of the Job.
  const living = pods.filter(
    (pod) =>
      !isFinished(pod) &&
      pod.metadata.deletionTimestamp === undefined &&
      componentOf(pod) !== maintenanceComponent,
  );
  return living.flatMap((pod) => {
    const finding = podFinding(pod, patient);
    return finding === undefined ? [] : [{ ...finding, component: componentOf(pod) }];
  });
}

function podFinding(pod: Pod, patient: Patient): Finding | undefined {
  const { commands, settings, waiting, seen } = patient;
  const { name } = pod.metadata;
  const component = componentOf(pod);
  const what = `pod ${name} does not start`;
  const warned = (...reasons: string[]) =>
    seen.warnings.find((each) => each.involvedObject.name === name && reasons.includes(each.reason ?? ''));

  const killed = outOfMemory(pod);
  if (killed !== undefined) {
    return {
      id: 'out-of-memory',
      what: `container ${killed.name} of pod ${name} was killed for lack of memory`,
      cause: `it wanted more than its limit, ${killed.restartCount ?? 0} restarts so far`,
      next: `raise mlflow-stack:${sectionOf(component).resources}.limits.memory, then ${commands.up}`,
    };
  }
  const obstructed = obstacle(pod);
  if (obstructed !== undefined) return obstacleFinding(what, pod, obstructed, patient);

  const mount = warned(...mountProblems);
  if (isStarting(pod) && mount !== undefined) {
    const cause = (mount.message ?? '').replaceAll(/\s+/g, ' ');
    return (
      missingObject(what, cause, settings, commands) ?? {
        id: 'volume-mount',
        what,
        cause,
        next: `${commands.kubectl} describe pod ${name}`,
      }
    );
  }
  const line = waiting[name];
  if (line !== undefined) return databaseFinding(what, line, patient);

  const failed = failedStep([pod]);
  if (failed !== undefined && !isReady(pod)) return crash(what, failed, component, patient);

  const unhealthy = warned('Unhealthy');
  if (isRunning(pod) && !isReady(pod) && unhealthy !== undefined) {
    return {
      id: 'not-answering',
      what: `pod ${name} runs, but does not answer`,
      cause: unhealthy.message ?? 'its readiness probe fails',
      next: logsOf(component, commands),
    };
  }
  return undefined;
}

const imageReasons = [
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImageInspectError',
  'ImagePullBackOff',
  'InvalidImageName',
];

function obstacleFinding(
  what: string,
  pod: Pod,
  { reason, text }: { reason: string; text: string },
  patient: Patient,
): Finding | undefined {
  const { commands, settings, seen } = patient;
  const { name } = pod.metadata;
  const component = componentOf(pod);
  if (reason === 'Unschedulable') return unschedulable(what, text, pod, patient);
  const describe = `${commands.kubectl} describe pod ${name}`;
  if (imageReasons.includes(reason)) {
    const pull = seen.warnings.find(
      (each) =>
        each.involvedObject.name === name && /pull/i.test(each.message ?? '') && each.reason === 'Failed',
    );
    return {
      id: 'image-pull',
      what,
      cause: pull?.message ?? text,
      next: `correct mlflow-stack:${sectionOf(component).image}, or name the registry's log-in in mlflow-stack:pods.imagePullSecrets`,
    };
  }
  if (reason === 'CrashLoopBackOff') return crash(what, text, component, patient);
  const missing = missingObject(what, text, settings, commands);
  return missing ?? { id: 'container-config', what, cause: text, next: describe };
}

/** A Secret or ConfigMap, or a key of one, that is not there. */
function missingObject(
  what: string,
  cause: string,
  settings: Settings,
  commands: Commands,
): Finding | undefined {
  const name =
    /(?:secret|configmap) "([^"]+)" not found/.exec(cause)?.[1] ??
    /couldn't find key .+ in (?:Secret|ConfigMap) [^/\s]+\/(\S+)/.exec(cause)?.[1] ??
    /references non-existent (?:secret|config) key: (\S+)/.exec(cause)?.[1];
  if (name === undefined) return undefined;
  const reference = secretReferences(settings).find((each) => each.name === name);
  return {
    id: 'secret-missing',
    about: name,
    what,
    cause,
    next:
      reference === undefined
        ? // One that the stack makes itself.
          commands.up
        : `create what mlflow-stack:${reference.setting} names, then check it with ${commands.verifySecret}`,
  };
}

/** Some say it in the words of a program that gave up, which tell more than the crash itself. */
function crash(what: string, cause: string, component: string, patient: Patient): Finding {
  return (
    databaseFinding(what, cause, patient) ?? {
      id: 'crash',
      what,
      cause,
      next: `${logsOf(component, patient.commands)} --previous`,
    }
  );
}

function unschedulable(
  what: string,
  text: string,
  pod: Pod,
  { seen, commands }: Patient,
): Finding | undefined {
  // Told of the claim.
  if (
    /unbound immediate PersistentVolumeClaims|persistentvolumeclaim "[^"]+" not found/.test(text) &&
    hasPendingClaim(seen)
  )
    return undefined;
  const isFull = /Insufficient (cpu|memory|ephemeral-storage)|Too many pods|enough free storage/.test(text);
  return {
    id: isFull ? 'no-room' : 'unschedulable',
    what,
    cause: text,
    next: isFull
      ? `lower mlflow-stack:${sectionOf(componentOf(pod)).resources}.requests, or add a node`
      : `${commands.kubectl} describe pod ${pod.metadata.name}`,
  };
}

const hasPendingClaim = ({ claims }: Observation): boolean =>
  claims.some(({ status }) => status?.phase !== 'Bound');

/** Kubernetes may take a server for finished that was killed: MLflow ends with 0 when its process is gone. */
function outOfMemory(pod: Pod): ContainerStatus | undefined {
  return containersOf(pod).find(({ state, lastState }) =>
    [state, lastState].some((each) => each?.terminated?.reason === 'OOMKilled'),
  );
}

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

const isRunning = ({ status }: Pod): boolean => status?.phase === 'Running';

const isStarting = ({ status }: Pod): boolean => status?.phase === 'Pending';

/** The pods in which `wait-for-database` still waits: nobody but its log says what for. */
export const waitingPods = (pods: readonly Pod[]): string[] =>
  pods
    .filter(({ status }) =>
      status?.initContainerStatuses?.some(
        ({ name, state }) => name === 'wait-for-database' && state?.running !== undefined,
      ),
    )
    .map(({ metadata }) => metadata.name);

const serverSection = { resources: 'server.resources', image: 'server.image' };
/** Where the settings have resources and image of components. */
const sections: Readonly<Record<string, typeof serverSection>> = {
  postgres: { resources: 'backendStore.resources', image: 'backendStore.image' },
  'postgres-vacuum': { resources: 'backendStore.resources', image: 'backendStore.image' },
  s3: { resources: 'artifactStore.resources', image: 'artifactStore.image' },
  gc: { resources: 'gc.resources', image: 'server.image' },
};

const sectionOf = (component: string) => sections[component] ?? serverSection;

export const logsOf = (component: string, { logs }: Commands): string =>
  logs.replace('logs --', `logs -- ${shortName(component)}`);
