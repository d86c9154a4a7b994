// The `restricted` pod security level, as far as pods like ours can fail it, and two habits of ours beyond it.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted

interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly seccompProfile?: { readonly type: string };
  readonly capabilities?: { readonly drop?: string[]; readonly add?: string[] };
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: string[];
  readonly args?: string[];
  readonly env?: { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly ports?: { readonly hostPort?: number }[];
  readonly resources?: {
    readonly requests?: Record<string, string>;
    readonly limits?: Record<string, string>;
  };
  readonly lifecycle?: { readonly postStart?: { readonly exec?: { readonly command: string[] } } };
  readonly securityContext?: SecurityContext;
}

export interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly serviceAccountName?: string;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext;
  readonly initContainers?: Container[];
  readonly containers: Container[];
  readonly volumes?: { readonly name: string }[];
  readonly topologySpreadConstraints?: unknown;
}

const allowedVolumes = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

/** What keeps a pod from passing; nothing when it passes. */
export function violations(pod: PodSpec): string[] {
  const found: string[] = [];
  const demand = (holds: boolean, text: string) => void (holds || found.push(text));
  demand(!pod.hostNetwork && !pod.hostPID && !pod.hostIPC, 'shares a namespace with its node');
  for (const { name, ...source } of pod.volumes ?? []) {
    demand(
      Object.keys(source).every((key) => allowedVolumes.includes(key)),
      `volume ${name} is of a forbidden type`,
    );
  }
  for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
    const { name, securityContext: own = {} } = container;
    const context = { ...pod.securityContext, ...own };
    demand(context.runAsNonRoot === true && context.runAsUser !== 0, `${name} may run as root`);
    demand(context.allowPrivilegeEscalation === false && !context.privileged, `${name} may gain privileges`);
    demand(own.capabilities?.drop?.includes('ALL') ?? false, `${name} keeps capabilities`);
    demand(
      (own.capabilities?.add ?? []).every((one) => one === 'NET_BIND_SERVICE'),
      `${name} adds capabilities`,
    );
    demand(
      ['RuntimeDefault', 'Localhost'].includes(context.seccompProfile?.type ?? ''),
      `${name} has no seccomp profile`,
    );
    demand(
      (container.ports ?? []).every(({ hostPort }) => !hostPort),
      `${name} takes a port of its node`,
    );
    // Beyond the standard.
    demand(context.readOnlyRootFilesystem === true, `${name} may write to its root file system`);
  }
  demand(pod.automountServiceAccountToken === false, 'gets a service account token');
  return found;
}
