// Plain data that one component hands to the next. Components never take components: any of these can also be written
// by hand, for a bucket or a database that is already there.
import type { Input, Output } from '@pulumi/pulumi';
import type { core } from '@pulumi/kubernetes/types/input.js';
import type { KeptSecret } from '../lib/kept-secrets.ts';

/** One value in a Secret of the pods' namespace. */
export interface SecretKey {
  readonly secretName: Input<string>;
  readonly key: string;
}

/** What the stack itself made secret, for whoever keeps it elsewhere, too. */
export type GeneratedSecrets = Readonly<Partial<Record<KeptSecret, Output<string>>>>;

/** The same key, known only once its Secret is there, where that is among those that are being made. */
export const awaitedKey = (
  from: { readonly secretName: string; readonly key: string } | undefined,
  made: Readonly<Record<string, Output<string>>>,
): SecretKey | undefined => from && { key: from.key, secretName: made[from.secretName] ?? from.secretName };

/** Variables of a container: those that anybody may read, and those that only a Secret holds. */
export interface Variables {
  readonly settings: Readonly<Record<string, Input<string>>>;
  readonly secrets: Readonly<Record<string, SecretKey>>;
}

/** Storage that a pod mounts. */
export interface Mounts {
  readonly volumes: readonly core.v1.Volume[];
  readonly volumeMounts: readonly core.v1.VolumeMount[];
}

/** Where artifacts are kept and what a pod needs to reach them. */
export interface ArtifactConnection extends Variables, Mounts {
  /** What identities must be granted; undefined where the cloud's own are not asked. */
  readonly bucket?: BucketAccess | undefined;
  /** A path in the pod, or `s3://bucket/prefix`, `gs://bucket/prefix` and the like. */
  readonly uri: Input<string>;
  /** `proxy`: the server moves artifacts for its clients. `direct`: clients have rights of their own. */
  readonly mode: 'proxy' | 'direct';
}

/** A bucket of the cloud, and what belongs to its use. */
export interface BucketAccess {
  readonly name: Input<string>;
  /** Folder in it that artifacts are in, without slashes around it. */
  readonly prefix: string;
  /** Key of the cloud's key management that encrypts it, where that is the user's own. */
  readonly keyId?: Input<string> | undefined;
  /** Further buckets that may be read. */
  readonly readBuckets: readonly string[];
}

/** A managed database, and how its users log in. */
export interface InstanceAccess {
  /** By which the cloud knows it: `project:region:instance`, or the identifier of an RDS instance. */
  readonly id: Input<string>;
  /** User of the stack in it. */
  readonly user: Input<string>;
  /** What the right to log in as that user is given for, where that is more than the instance. */
  readonly logIn?: Input<string> | undefined;
  /** Whether identities log in, instead of a password. */
  readonly iam: boolean;
  /** Whether identities need the right to connect through the cloud's own proxy. */
  readonly proxy: boolean;
}

/** How to reach the database: variables of libpq, or a URI that a Secret holds. */
export interface BackendConnection extends Variables, Mounts {
  /** Where it is, for people: host name, or a path. */
  readonly host: Input<string>;
  /** Certificate of the authority that signed the server's, where that is none of the public ones. */
  readonly ca?: Input<string>;
  /** Run beside each client of the database, as native sidecars. */
  readonly sidecars?: readonly core.v1.Container[] | undefined;
  /** What the migration does first, before it connects as others do. */
  readonly setup?: PodStep | undefined;
  /** The managed database that this leads to; undefined where it is none of the cloud's. */
  readonly instance?: InstanceAccess | undefined;
  /** Variables of a replica that answers reads: for the server alone. */
  readonly readReplica?: Variables | undefined;
}

/** A database as it is made. */
export interface MadeBackend extends BackendConnection {
  readonly generated?: GeneratedSecrets | undefined;
}

/** What ties a ServiceAccount to its rights: what the cloud wants to see on it and on its pods. */
export interface WorkloadIdentity {
  readonly annotations: Readonly<Record<string, Input<string>>>;
  readonly podLabels: Readonly<Record<string, Input<string>>>;
  /** By which name the cloud knows it, for people. */
  readonly principal: Input<string>;
}

/** How to reach the server inside the cluster. */
export interface ServiceConnection {
  readonly namespace: Input<string>;
  readonly name: Input<string>;
  readonly port: number;
  /** Where the authority is by which clients know the server, where it speaks TLS itself. */
  readonly ca?: SecretKey | undefined;
  /** Path under which UI and API live; empty for none. */
  readonly prefix: string;
  /** `http(s)://<service>.<namespace>.svc:<port>`, with the prefix. */
  readonly url: Input<string>;
}

/** One of the scripts, run to its end before what follows. */
export interface PodStep {
  readonly name: string;
  readonly script: string;
  readonly secrets: Readonly<Record<string, SecretKey>>;
}

/** What users add to pods, in Kubernetes' own terms. */
export interface PodParts extends Mounts {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, Input<string>>>;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly core.v1.Toleration[];
  readonly affinity?: core.v1.Affinity | undefined;
  readonly priorityClassName?: string | undefined;
  /** Run after the database is reachable and before MLflow. */
  readonly initContainers: readonly core.v1.Container[];
  /** Run beside MLflow. They are native sidecars, so a Job ends although they would go on. */
  readonly sidecars: readonly core.v1.Container[];
}

/** What every pod that runs MLflow has in common, whatever it runs. */
export interface PodRuntime extends PodParts {
  readonly namespace: Input<string>;
  /** Identities of the cloud, by component. */
  readonly identities: Readonly<Record<string, WorkloadIdentity>>;
  /** Image with `mlflow`, the database driver and the storage client, by tag or digest. */
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly imagePullSecrets: readonly string[];
  /** User and group id, or `none` to leave them to the cluster. */
  readonly runAsUser: number | 'none';
  /** ConfigMap with the variables that are no secrets. */
  readonly settingsName: Input<string>;
  /** ConfigMap with the scripts and certificates below `filesPath`. */
  readonly filesName: Input<string>;
  readonly secrets: Readonly<Record<string, SecretKey>>;
  /** Variables of a replica of the database that answers reads: for the server alone. */
  readonly readReplica?: Variables | undefined;
  /** First step of the migration. */
  readonly setup?: PodStep | undefined;
  /** Further ConfigMaps and Secrets whose keys become variables. */
  readonly envFrom: readonly core.v1.EnvFromSource[];
}

/** How people and programs show who they are. Default: the server asks nobody. */
export interface AuthConnection {
  /** App of MLflow that asks, as `--app-name` has it. Default: MLflow itself asks nobody. */
  readonly appName?: string | undefined;
  /** Variables of every pod: where users are kept. */
  readonly settings: Readonly<Record<string, Input<string>>>;
  /** What the server needs to know beside them. */
  readonly server: Variables;
  /** ConfigMaps and Secrets whose keys become variables of the server. */
  readonly serverEnvFrom: readonly core.v1.EnvFromSource[];
  /** Users that the migration makes. */
  readonly migration: Variables;
  /** How garbage collection logs in. */
  readonly gc: Variables;
  /** Secret with the `username` and `password` of whoever reads the metrics. Default: they are open to the cluster. */
  readonly scraperSecretName?: Input<string> | undefined;
  /** What stands before MLflow in its pod and takes its port over. */
  readonly proxy?: AuthProxy | undefined;
}

export interface AuthProxy {
  readonly container: core.v1.Container;
  readonly volumes: readonly core.v1.Volume[];
}
