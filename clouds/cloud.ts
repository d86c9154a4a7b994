import type { ComponentResourceOptions, Input, Output, ProviderResource } from '@pulumi/pulumi';
import type {
  ArtifactConnection,
  BucketAccess,
  GeneratedSecrets,
  InstanceAccess,
  MadeBackend,
  SecretKey,
  WorkloadIdentity,
} from '../components/connections.ts';
import type { KeptSecret } from '../lib/kept-secrets.ts';
import type { WorkloadRights } from '../lib/rights.ts';

/** Where the stack's cluster is and how to log in to it. */
export interface ClusterAccess {
  /** Path or text of a kubeconfig. Default: the KUBECONFIG variable, else ~/.kube/config. */
  readonly kubeconfig?: string;
  /** Context in that kubeconfig. There is no default: the current context is never used. */
  readonly context: string;
}

export interface StoreArgs {
  readonly namespace: Input<string>;
}

export interface DatabaseArgs extends StoreArgs {
  /** Existing Secret with the password. */
  readonly passwordFrom?: SecretKey | undefined;
  /** Password that an earlier stack left with the data. */
  readonly keptPassword?: string | undefined;
}

export interface IdentitiesArgs {
  readonly namespace: Input<string>;
  /** Workloads that need something of the cloud, each with a ServiceAccount of its own. */
  readonly workloads: readonly WorkloadRights[];
  /** The bucket of the stack; undefined where artifacts are elsewhere. */
  readonly bucket: BucketAccess | undefined;
  /** The managed database; undefined where it is none of the cloud's. */
  readonly instance: InstanceAccess | undefined;
}

export interface SecretReaderArgs {
  readonly namespace: Input<string>;
  /** ServiceAccount that reads. */
  readonly serviceAccount: string;
  /** Names of secrets in the secret manager. */
  readonly secrets: readonly string[];
}

/** Who reads secrets, and how the External Secrets Operator is told. */
export interface SecretReader {
  readonly identity: WorkloadIdentity;
  /** Part `provider` of a SecretStore. */
  readonly provider: Input<object>;
}

export interface ExtrasArgs extends IdentitiesArgs {
  /** What the stack keeps in the secret manager. */
  readonly keptSecrets: readonly string[];
}

/** Names in the secret manager, by what is kept there. */
export type KeptNames = Readonly<Partial<Record<KeptSecret, Output<string>>>>;
/** Values of the same. */
export type KeptValues = Readonly<Partial<Record<KeptSecret, string>>>;

/** What the cloud adds to an Ingress: annotations that name its addresses, certificates and log-ins. */
export interface EntryParts {
  readonly annotations: Readonly<Record<string, Input<string>>>;
  /** Annotations of the Service behind it. */
  readonly serviceAnnotations: Readonly<Record<string, Input<string>>>;
  /** What the controller is told of the server beside what it is told in any cloud: log-ins, limits of sources. */
  readonly backend?: object | undefined;
  /** Reserved address of the way in, or several with commas between them. */
  readonly address?: Output<string> | undefined;
  /** Whether an update waits for the address that the controller reports, for `records`. */
  readonly awaitsAddress?: boolean | undefined;
}

/**
 * What a cloud plugs in for a stack with given settings. Everything that needs a cloud's SDK stands behind this interface,
 * in the cloud's own folder; components and index.ts know no cloud. What is known of a cloud without its SDK, such as its
 * defaults and rules, is its plan, beside it.
 */
export interface Cloud {
  /** The cluster that the stack deploys to. */
  cluster(): Promise<ClusterAccess>;

  /**
   * Looks at what the stack builds on in the cloud, before anything is registered but the cloud's own providers.
   *
   * @throws RunError with every mistake in one message.
   */
  prepare?(): Promise<void>;

  /** Providers of the cloud's resources, for the components that have such children. */
  readonly providers: readonly ProviderResource[];

  /** Makes or finds the bucket of the cloud's own kind of artifact store. */
  bucket?(name: string, opts: ComponentResourceOptions): Omit<ArtifactConnection, 'mode'>;

  /** Makes or finds the managed database, and in it the user of the stack. */
  database?(name: string, args: DatabaseArgs, opts: ComponentResourceOptions): MadeBackend;

  /** Binds ServiceAccounts to identities of the cloud with the rights that they need; by component label. */
  identities?(
    name: string,
    args: IdentitiesArgs,
    opts: ComponentResourceOptions,
  ): Readonly<Record<string, WorkloadIdentity>>;

  /** Addresses, certificates, host names and log-ins of the Ingress, and of a Service that is a load balancer. */
  entry?(name: string, args: StoreArgs, opts: ComponentResourceOptions): EntryParts;

  /** Makes the hosts' names lead to the address that the controller of the Ingress has reported. */
  records?(name: string, args: { readonly address: Input<string> }, opts: ComponentResourceOptions): void;

  /** Further resources: audit, identities of clients, rights on images. Returns outputs of the stack. */
  extras?(
    name: string,
    args: ExtrasArgs,
    opts: ComponentResourceOptions,
  ): Readonly<Record<string, Input<unknown>>>;

  /** Lets one ServiceAccount read exactly the given secrets of the secret manager. */
  secretReader?(name: string, args: SecretReaderArgs, opts: ComponentResourceOptions): SecretReader;

  /** Keeps what the stack generates in the secret manager, where only whoever deploys reads it. */
  secrets?(name: string, values: GeneratedSecrets, opts: ComponentResourceOptions): KeptNames;

  /**
   * What an earlier stack left there, as far as data depends on it.
   *
   * @throws RunError with all that cannot be read.
   */
  keptValues?(): Promise<KeptValues>;

  /**
   * Copies the managed database before its schema changes, with the log-in of whoever deploys. Resolves to the copy's name
   * once it is complete.
   */
  snapshot?(instance: string, label: string): Promise<string>;
}
