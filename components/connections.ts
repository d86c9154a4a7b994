// Plain data that one component hands to the next. Components never take components: any of these can also be written
// by hand, for a bucket or a database that is already there.
import type { Input } from '@pulumi/pulumi';
import type { core } from '@pulumi/kubernetes/types/input.js';

/** One value in a Secret of the pods' namespace. */
export interface SecretKey {
  readonly secretName: Input<string>;
  readonly key: string;
}

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
  /** A path in the pod, or `s3://bucket/prefix`, `gs://bucket/prefix` and the like. */
  readonly uri: Input<string>;
  /** `proxy`: the server moves artifacts for its clients. `direct`: clients have rights of their own. */
  readonly mode: 'proxy' | 'direct';
}

/** How to reach the database: variables of libpq, or a URI that a Secret holds. */
export interface BackendConnection extends Variables, Mounts {
  /** Where it is, for people: host name, or a path. */
  readonly host: Input<string>;
  /** Certificate of the authority that signed the server's, where that is none of the public ones. */
  readonly ca?: Input<string>;
  /** Variables of a replica that answers reads: for the server alone. */
  readonly readReplica?: Variables | undefined;
}

/** What ties a pod to its rights: a Kubernetes ServiceAccount and what the cloud wants to see on it and on the pod. */
export interface WorkloadIdentity {
  readonly serviceAccount: string;
  readonly annotations: Record<string, Input<string>>;
  readonly podLabels: Record<string, Input<string>>;
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

/** What users add to pods, in Kubernetes' own terms. */
export interface PodParts extends Mounts {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
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
  /** Further ConfigMaps and Secrets whose keys become variables. */
  readonly envFrom: readonly core.v1.EnvFromSource[];
}

/** MLflow's own users: where they are kept, and the first of them. */
export interface AuthConnection {
  readonly adminUsername: string;
  readonly adminPassword: SecretKey;
  /** Database on the server of the backend store. */
  readonly database: string;
  readonly defaultPermission: string;
  readonly cacheSeconds: number;
}
