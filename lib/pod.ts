// The one recipe for pods that run MLflow's image: server, migration, garbage collection, trace archival. What they need to
// know about the database or the artifact store is written here and nowhere else.
import type { Input } from '@pulumi/pulumi';
import type { core } from '@pulumi/kubernetes/types/input.js';
import type { Mounts, PodParts, PodRuntime, PodStep, SecretKey } from '../components/connections.ts';
import { objectLabels, selectorLabels } from './labels.ts';
import { serverComponent } from './names.ts';

/** Where scripts and certificates are in a pod. */
export const filesPath = '/opt/mlflow-stack';
/** Volume that holds them. */
export const filesVolume = 'mlflow-stack';
/** Certificate of the authority that signed the database's, where the connection brings one. */
export const databaseCaPath = `${filesPath}/database-ca.crt`;
/** Certificates of the authorities that the user trusts. */
export const caBundlePath = '/etc/mlflow-stack/ca';

/** Requests and limits of one container, as Kubernetes quantities. */
export interface Resources {
  readonly requests: { readonly cpu: string; readonly memory: string };
  readonly limits: { readonly cpu?: string | undefined; readonly memory: string };
}

export interface MlflowPodArgs {
  /** Label `app.kubernetes.io/component` of the pod. */
  readonly component: string;
  /** Name of the main container; also how its sessions are called in the database. */
  readonly name: string;
  readonly serviceAccount: Input<string>;
  /** One of the scripts, and its arguments. */
  readonly script: string;
  readonly args: readonly string[];
  /** Steps before the main container, with all that it has. */
  readonly before?: readonly Step[];
  readonly env?: readonly core.v1.EnvVar[];
  readonly secrets?: Readonly<Record<string, SecretKey>>;
  /** Run before all else but sidecars. */
  readonly first?: PodStep | undefined;
  /** Further ConfigMaps and Secrets whose keys become variables. */
  readonly envFrom?: readonly core.v1.EnvFromSource[];
  readonly resources: Resources;
  /** Size limit of `/tmp`, the only place that the process can write to. */
  readonly tmpSize: string;
  /** StorageClass of a claim for `/tmp` that goes with the pod. Default: the node's own disk. */
  readonly tmpStorageClassName?: string | undefined;
  /** Whether the pod gets a token for the Kubernetes API. Default: false. */
  readonly mountToken?: boolean;
  readonly mounts?: Mounts;
  /** Additions to this pod alone. */
  readonly parts?: PodParts;
  /** Ports, probes and the like of the main container. */
  readonly container?: Partial<core.v1.Container>;
  /** Whether the main container does nothing, and nothing runs before it. Default: false. */
  readonly idle?: boolean;
  /** Restart policy and the like. */
  readonly pod?: Partial<core.v1.PodSpec>;
}

export interface Step {
  readonly name: string;
  /** Default: MLflow's. */
  readonly image?: string;
  readonly command: readonly string[];
  readonly resources: Resources;
}

/** A pod that passes the `restricted` pod security level and waits for the database before its main container starts. */
export function mlflowPod(
  runtime: PodRuntime,
  args: MlflowPodArgs,
): {
  metadata: { labels: Record<string, Input<string>>; annotations: Record<string, Input<string>> };
  spec: core.v1.PodSpec;
} {
  const parts = [runtime, ...(args.parts ? [args.parts] : [])];
  const mounts = distinctMounts([ownMounts(runtime, args), ...(args.mounts ? [args.mounts] : []), ...parts]);
  const shared = {
    image: runtime.image,
    imagePullPolicy: runtime.imagePullPolicy,
    envFrom: [{ configMapRef: { name: runtime.settingsName } }, ...runtime.envFrom, ...(args.envFrom ?? [])],
    env: [
      { name: 'PGAPPNAME', value: args.name },
      ...secretVariables({ ...runtime.secrets, ...args.secrets }),
      ...(args.env ?? []),
    ],
    volumeMounts: mounts.volumeMounts,
    ...containerBasics,
  };
  const command = (script: string) => ['python3', `${filesPath}/${script}.py`];
  const step = ({ name, script, secrets }: PodStep) => ({
    ...shared,
    name,
    command: command(script),
    env: [...shared.env, ...secretVariables(secrets)],
    resources: stepResources,
  });
  const steps = [
    ...(args.first === undefined ? [] : [step(args.first)]),
    step({ name: 'wait-for-database', script: 'wait_for_database', secrets: {} }),
    ...parts.flatMap(({ initContainers }) => initContainers),
    ...(args.before ?? []).map((step) => ({
      ...shared,
      ...step,
      command: [...step.command],
      resources: { requests: step.resources.requests, limits: definedOnly(step.resources.limits) },
    })),
  ];
  const merged = <T>(of: (each: PodParts) => Readonly<Record<string, T>>) =>
    Object.assign({}, ...parts.map(of)) as Record<string, T>;
  return {
    metadata: {
      // What selectors match comes last, so that nobody can take a pod out of its workload.
      labels: {
        ...merged(({ labels }) => labels),
        ...runtime.identities[args.component]?.podLabels,
        ...objectLabels(args.component),
      },
      annotations: merged(({ annotations }) => annotations),
    },
    spec: {
      ...podBasics({ ...runtime, serviceAccount: args.serviceAccount, user: runtime.runAsUser }),
      automountServiceAccountToken: args.mountToken ?? false,
      nodeSelector: merged(({ nodeSelector }) => nodeSelector),
      tolerations: parts.flatMap(({ tolerations }) => tolerations),
      affinity:
        parts.map(({ affinity }) => affinity).findLast((each) => each !== undefined) ??
        claimAffinity(args.component, mounts),
      priorityClassName: parts
        .map(({ priorityClassName }) => priorityClassName)
        .findLast((each) => each !== undefined),
      initContainers: [
        ...parts
          .flatMap(({ sidecars }) => sidecars)
          .map((sidecar) => ({ ...sidecar, restartPolicy: 'Always' })),
        ...(args.idle ? [] : steps),
      ],
      containers: [
        {
          ...shared,
          name: args.name,
          command: command(args.script),
          args: [...args.args],
          resources: {
            requests: {
              ...args.resources.requests,
              ...(args.tmpStorageClassName === undefined ? { 'ephemeral-storage': args.tmpSize } : {}),
            },
            limits: definedOnly(args.resources.limits),
          },
          ...args.container,
          ...(args.idle && idleContainer),
        },
      ],
      volumes: mounts.volumes,
      ...args.pod,
    },
  };
}

/** Whoever is the first process of a container hears a signal only when it asks for it. */
export const idleCommand = ['sh', '-c', 'trap exit TERM; sleep infinity & wait'];

const idleContainer: Partial<core.v1.Container> = {
  command: idleCommand,
  args: [],
  startupProbe: undefined,
  readinessProbe: undefined,
  livenessProbe: undefined,
};

const stepResources = { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } };

/** What a pod has without anybody asking: a place to write to, and the scripts. */
function ownMounts(runtime: PodRuntime, { tmpSize, tmpStorageClassName }: MlflowPodArgs): Mounts {
  return {
    volumes: [
      { name: 'tmp', ...tmpVolume(tmpSize, tmpStorageClassName) },
      { name: filesVolume, configMap: { name: runtime.filesName } },
    ],
    volumeMounts: [
      { name: 'tmp', mountPath: '/tmp' },
      { name: filesVolume, mountPath: filesPath, readOnly: true },
    ],
  };
}

function claimAffinity(component: string, { volumes }: Mounts): core.v1.Affinity | undefined {
  const sharesClaim = volumes.some(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined);
  if (component === serverComponent || !sharesClaim) return undefined;
  return besidePods(selectorLabels(serverComponent));
}

/** A claim can often be mounted on one node only, and the pods with these labels have it already. */
export function besidePods<Labels extends object>(matchLabels: Labels) {
  const podAffinityTerm = { labelSelector: { matchLabels }, topologyKey: 'kubernetes.io/hostname' };
  return {
    podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] },
  };
}

function tmpVolume(size: string, storageClassName: string | undefined): Omit<core.v1.Volume, 'name'> {
  if (storageClassName === undefined) return { emptyDir: { sizeLimit: size } };
  const spec = {
    accessModes: ['ReadWriteOnce'],
    storageClassName,
    resources: { requests: { storage: size } },
  };
  return { ephemeral: { volumeClaimTemplate: { spec } } };
}

/** Stores may share a volume, which a pod must name once only. */
function distinctMounts(all: readonly Mounts[]): {
  volumes: core.v1.Volume[];
  volumeMounts: core.v1.VolumeMount[];
} {
  const byKey = <T>(items: T[], key: (item: T) => unknown) => [
    ...new Map(items.map((item) => [key(item), item])).values(),
  ];
  return {
    volumes: byKey(
      all.flatMap(({ volumes }) => volumes),
      ({ name }) => name,
    ),
    volumeMounts: byKey(
      all.flatMap(({ volumeMounts }) => volumeMounts),
      ({ mountPath }) => mountPath,
    ),
  };
}

/** Variables that anybody may read, in an order that does not change. */
export function plainVariables(settings: Readonly<Record<string, Input<string>>>): core.v1.EnvVar[] {
  return Object.entries(settings)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ({ name, value }));
}

/** Variables whose values only Secrets hold, in an order that does not change. */
export function secretVariables(secrets: Readonly<Record<string, SecretKey>>): core.v1.EnvVar[] {
  return Object.entries(secrets)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { secretName, key }]) => ({ name, valueFrom: { secretKeyRef: { name: secretName, key } } }));
}

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
export function restrictedPod(user: number | 'none'): core.v1.PodSecurityContext {
  return {
    runAsNonRoot: true,
    seccompProfile: { type: 'RuntimeDefault' },
    ...(user === 'none'
      ? {}
      : { runAsUser: user, runAsGroup: user, fsGroup: user, fsGroupChangePolicy: 'OnRootMismatch' }),
  };
}

/** What the spec of each pod of the stack begins with: no token for the Kubernetes API, and no rights on the node. */
export function podBasics(args: {
  readonly serviceAccount: Input<string>;
  readonly imagePullSecrets: readonly string[];
  /** User and group of the processes, or `none` to leave them to the cluster. */
  readonly user: number | 'none';
}) {
  return {
    serviceAccountName: args.serviceAccount,
    automountServiceAccountToken: false,
    // A Service called mlflow would set MLFLOW_PORT=tcp://..., which the server takes for its port and stops at.
    enableServiceLinks: false,
    imagePullSecrets: args.imagePullSecrets.map((name) => ({ name })),
    securityContext: restrictedPod(args.user),
  };
}

export const restrictedContainer: core.v1.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/** What each container of the stack has. */
export const containerBasics = {
  securityContext: restrictedContainer,
  // The last lines of the log become the reason that `pulumi up` shows when the container fails.
  terminationMessagePolicy: 'FallbackToLogsOnError',
};

/** Leaves out a limit that is not set, which must not reach the API as a key without a value. */
export function definedOnly<T extends object>(quantities: T): Record<string, string> {
  return Object.fromEntries(Object.entries(quantities).filter(([, value]) => value !== undefined));
}
