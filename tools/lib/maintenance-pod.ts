// A pod for as long as a command of an operator takes. It has what the server's pod has: addresses, Secrets, storage and
// identity; so what it can reach, the server can reach.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Options, ResultPromise } from 'execa';
import type { Mounts } from '../../components/connections.ts';
import { type Pod, failedStep, isFinished, obstacle } from '../../cluster/pods.ts';
import { maintenanceComponent, names } from '../../lib/names.ts';
import { besidePods } from '../../lib/pod.ts';
import type { RunningStack } from './stack.ts';

export interface MaintenanceOptions {
  readonly signal: AbortSignal;
  /** Another image beside MLflow's, with the same variables and volumes: container `client`. */
  readonly clientImage?: string;
  /** Size limit of `/tmp`, which both containers share. Default: the server's. */
  readonly tmpSize?: string;
  /** Storage beside the server's. */
  readonly mounts?: Mounts;
  /** Seconds until the pod ends by itself, should nobody be there any more to delete it. */
  readonly deadlineSeconds?: number;
}

export interface MaintenancePod {
  readonly name: string;
  /** Runs a command in the container `mlflow` or `client`. */
  exec<O extends Options = object>(
    container: 'mlflow' | 'client',
    command: readonly string[],
    options?: O,
  ): ResultPromise<O>;
}

const START_SECONDS = 300;

/**
 * Makes the pod, hands it to `action` once it runs, and deletes it.
 *
 * @throws Error with what kubectl says, when there is no server or the pod does not start.
 */
export async function withMaintenancePod<T>(
  stack: RunningStack,
  options: MaintenanceOptions,
  action: (pod: MaintenancePod) => Promise<T>,
): Promise<T> {
  const { signal } = options;
  const ask = async (args: string[], input = '') => {
    const howTo = { reject: false, cancelSignal: signal, input } as const;
    const { exitCode, stdout, stderr } = await stack.kubectl(args, howTo);
    signal.throwIfAborted();
    if (exitCode === 0) return stdout;
    throw new Error(`kubectl ${args[0]} failed: ${stderr.trim() || 'it could not be started'}`);
  };
  const server = await ask(['get', `deployment/${names.server}`, '--output', 'json']);
  const name = `${names.maintenance}-${randomBytes(4).toString('hex')}`;
  const manifest = podManifest(name, JSON.parse(server) as Deployment, options);
  await ask(['create', '--filename', '-'], JSON.stringify(manifest));
  try {
    await started(name, async () => JSON.parse(await ask(['get', `pod/${name}`, '--output', 'json'])) as Pod);
    return await action({
      name,
      exec: (container, command, options) =>
        stack.kubectl(
          ['exec', name, '--container', container, ...stdinFlag(options), '--', ...command],
          options,
        ),
    });
  } finally {
    await stack.kubectl(['delete', `pod/${name}`, '--wait=false', '--ignore-not-found']);
  }
}

/** Waits until the pod runs, but not for what only luck could bring about. */
async function started(name: string, look: () => Promise<Pod>): Promise<void> {
  const giveUp = Date.now() + START_SECONDS * 1000;
  for (;;) {
    const pod = await look();
    if (pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True')) return;
    const found = obstacle(pod);
    if (found?.hopeless === true || isFinished(pod) || Date.now() > giveUp) {
      const reason = found?.text ?? failedStep([pod]) ?? `it is not ready after ${START_SECONDS} s`;
      throw new Error(`pod ${name} does not start: ${reason}`);
    }
    await sleep(500);
  }
}

/** kubectl ends at once where it reads input that nobody gives. */
function stdinFlag({ input, inputFile, stdin }: Options = {}): string[] {
  if (input === undefined && inputFile === undefined && (stdin ?? 'ignore') === 'ignore') return [];
  return stdin === 'inherit' && process.stdin.isTTY ? ['--stdin', '--tty'] : ['--stdin'];
}

interface Container {
  readonly name: string;
  readonly restartPolicy?: string;
  readonly volumeMounts?: readonly object[];
  readonly [key: string]: unknown;
}

export interface Volume {
  readonly name: string;
  readonly [key: string]: unknown;
}

export interface Deployment {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Record<string, string> };
      readonly spec: {
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
        readonly volumes?: readonly Volume[];
        readonly [key: string]: unknown;
      };
    };
  };
}

/** The server's pod with nothing to do, at a fraction of its requests. */
export function podManifest(
  name: string,
  { spec: { selector, template } }: Deployment,
  { clientImage, tmpSize, mounts, deadlineSeconds = 3600 }: Omit<MaintenanceOptions, 'signal'> = {},
) {
  const {
    containers,
    initContainers = [],
    volumes = [],
    topologySpreadConstraints: _,
    ...pod
  } = template.spec;
  const server = containers.find((container) => container.name === 'mlflow');
  if (server === undefined) throw new Error(`Deployment ${names.server} has no container mlflow`);
  const {
    ports: _ports,
    startupProbe: _s,
    readinessProbe: _r,
    livenessProbe: _l,
    lifecycle: _c,
    ...rest
  } = server;
  const idle = (container: Container): Container => ({
    ...container,
    volumeMounts: [...(container.volumeMounts ?? []), ...(mounts?.volumeMounts ?? [])],
    command: ['sleep', String(deadlineSeconds)],
    args: [],
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '1Gi' } },
  });
  const sharesClaim = volumes.some((volume) => 'persistentVolumeClaim' in volume);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { ...template.metadata.labels, 'app.kubernetes.io/component': maintenanceComponent },
    },
    spec: {
      ...(sharesClaim && { affinity: besidePods(selector.matchLabels) }),
      // Where settings say where pods go, the server's pod says it, too.
      ...pod,
      volumes: [
        ...volumes.map((volume) =>
          tmpSize !== undefined && volume.name === 'tmp'
            ? { name: 'tmp', emptyDir: { sizeLimit: tmpSize } }
            : volume,
        ),
        ...(mounts?.volumes ?? []),
      ],
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      activeDeadlineSeconds: deadlineSeconds,
      // Sidecars that the stores need go on; who stands before the server, or waits for the database, is not needed.
      initContainers: initContainers.filter(
        (container) => container.restartPolicy === 'Always' && container.name !== 'oauth2-proxy',
      ),
      containers: [
        idle(rest),
        ...(clientImage === undefined ? [] : [idle({ ...rest, name: 'client', image: clientImage })]),
      ],
    },
  };
}
