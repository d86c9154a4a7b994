import type { ComponentResourceOptions, Input } from '@pulumi/pulumi';
import type { WorkloadIdentity } from '../components/connections.ts';
import type { Settings } from '../config.ts';

/** Where the stack's cluster is and how to log in to it. */
export interface ClusterAccess {
  /** Path or text of a kubeconfig. Default: the KUBECONFIG variable, else ~/.kube/config. */
  readonly kubeconfig?: string;
  /** Context in that kubeconfig. There is no default: the current context is never used. */
  readonly context: string;
}

/** A workload that may need rights in the cloud. */
export interface IdentityArgs {
  readonly namespace: Input<string>;
  /** Name of the Kubernetes ServiceAccount that the identity is bound to. */
  readonly serviceAccount: string;
}

/**
 * What a cloud plugs in. Everything that needs a cloud's SDK stands behind this interface, in the cloud's own folder;
 * components and index.ts know no cloud. A cloud whose stores are managed services extends it by what it makes.
 */
export interface Cloud {
  /** The cluster that a stack with these settings deploys to. */
  cluster(settings: Settings['kubernetes']): ClusterAccess;

  /** Binds a ServiceAccount to an identity of the cloud, as child resources of `opts.parent`. */
  identity(name: string, args: IdentityArgs, opts: ComponentResourceOptions): WorkloadIdentity;
}
