// The one recipe for pods that run MLflow's image: server, migration and garbage collection. What they need to know about
// the database or the artifact store is written here and nowhere else.
import type { Input } from '@pulumi/pulumi';
import type { core } from '@pulumi/kubernetes/types/input.js';
import type { BackendConnection } from '../components/connections.ts';
import { waitForDatabaseScript } from './scripts.ts';

/** Driver without address: libpq takes the rest from its variables, so nothing has to be escaped or hidden. */
export const backendStoreUri = 'postgresql+psycopg2://';

/** Requests and limits of one container, as Kubernetes quantities. */
export interface Resources {
  readonly requests: { readonly cpu: string; readonly memory: string };
  readonly limits: { readonly cpu?: string | undefined; readonly memory: string };
}

export interface MlflowPodArgs {
  /** Name of the main container. */
  readonly name: string;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly serviceAccount: Input<string>;
  readonly backend: BackendConnection;
  readonly command: string[];
  readonly args?: string[];
  /** Variables beside those of the database. */
  readonly env?: core.v1.EnvVar[];
  readonly resources: Resources;
  /** Size limit of `/tmp`, the only place that the process can write to. */
  readonly tmpSize: string;
  /** StorageClass of a claim for `/tmp` that goes with the pod. Default: the node's own disk. */
  readonly tmpStorageClassName?: string | undefined;
  /** Whether the pod gets a token for the Kubernetes API. Default: false. */
  readonly mountToken?: boolean;
  /** User and group id, or none to leave them to the cluster. */
  readonly runAsUser: number | 'none';
  readonly volumes?: core.v1.Volume[];
  readonly volumeMounts?: core.v1.VolumeMount[];
  /** Ports, probes and the like of the main container. */
  readonly container?: Partial<core.v1.Container>;
}

/** A pod that passes the `restricted` pod security level and waits for the database before its main container starts. */
export function mlflowPodSpec(args: MlflowPodArgs): core.v1.PodSpec {
  const shared = {
    image: args.image,
    imagePullPolicy: args.imagePullPolicy,
    env: [...homeEnv, ...databaseEnv(args.backend, args.name), ...(args.env ?? [])],
    securityContext: restrictedContainer,
    // The last lines of the log become the reason that `pulumi up` shows when the container fails.
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
  const tmpMount = { name: 'tmp', mountPath: '/tmp' };
  return {
    serviceAccountName: args.serviceAccount,
    automountServiceAccountToken: args.mountToken ?? false,
    // A Service called mlflow would set MLFLOW_PORT=tcp://..., which the server takes for its port and stops at.
    enableServiceLinks: false,
    securityContext: restrictedPod(args.runAsUser),
    initContainers: [
      {
        ...shared,
        name: 'wait-for-database',
        command: ['python3', '-c', waitForDatabaseScript],
        resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
        volumeMounts: [tmpMount],
      },
    ],
    containers: [
      {
        ...shared,
        name: args.name,
        command: args.command,
        args: args.args,
        resources: {
          requests: {
            ...args.resources.requests,
            ...(args.tmpStorageClassName === undefined ? { 'ephemeral-storage': args.tmpSize } : {}),
          },
          limits: definedOnly(args.resources.limits),
        },
        volumeMounts: [tmpMount, ...(args.volumeMounts ?? [])],
        ...args.container,
      },
    ],
    volumes: [{ name: 'tmp', ...tmpVolume(args) }, ...(args.volumes ?? [])],
  };
}

function tmpVolume({ tmpSize, tmpStorageClassName }: MlflowPodArgs): Omit<core.v1.Volume, 'name'> {
  if (tmpStorageClassName === undefined) return { emptyDir: { sizeLimit: tmpSize } };
  const spec = {
    accessModes: ['ReadWriteOnce'],
    storageClassName: tmpStorageClassName,
    resources: { requests: { storage: tmpSize } },
  };
  return { ephemeral: { volumeClaimTemplate: { spec } } };
}

const homeEnv: core.v1.EnvVar[] = [
  { name: 'HOME', value: '/tmp' },
  { name: 'MLFLOW_DISABLE_TELEMETRY', value: 'true' },
];

/** https://www.postgresql.org/docs/current/libpq-envars.html */
function databaseEnv(backend: BackendConnection, applicationName: string): core.v1.EnvVar[] {
  const { host, port, database, user, password, sslMode } = backend;
  return [
    { name: 'PGHOST', value: host },
    { name: 'PGPORT', value: String(port) },
    { name: 'PGDATABASE', value: database },
    { name: 'PGUSER', value: user },
    { name: 'PGPASSWORD', valueFrom: { secretKeyRef: { name: password.secretName, key: password.key } } },
    { name: 'PGSSLMODE', value: sslMode },
    { name: 'PGAPPNAME', value: applicationName },
    { name: 'PGCONNECT_TIMEOUT', value: '10' },
  ];
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

export const restrictedContainer: core.v1.SecurityContext = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

/** Leaves out a limit that is not set, which must not reach the API as a key without a value. */
export function definedOnly<T extends object>(quantities: T): Record<string, string> {
  return Object.fromEntries(Object.entries(quantities).filter(([, value]) => value !== undefined));
}
