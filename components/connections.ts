// Plain data that one component hands to the next. Components never take components: any of these can also be written
// by hand, for a bucket or a database that is already there.
import type { Input } from '@pulumi/pulumi';
import type { core } from '@pulumi/kubernetes/types/input.js';

/** Where artifacts are kept and what a pod needs to reach them. */
export interface ArtifactConnection {
  /** Destination of the artifact proxy: a path in the pod, `s3://bucket/prefix` or `gs://bucket/prefix`. */
  readonly uri: Input<string>;
  /** Variables for the storage client, without credentials in plain text. */
  readonly env: core.v1.EnvVar[];
  readonly volumes: core.v1.Volume[];
  readonly volumeMounts: core.v1.VolumeMount[];
  /** Whether pods on several nodes can use it at the same time. False makes the server stop before it starts anew. */
  readonly shareable: boolean;
}

/** How to reach the database, in terms of PostgreSQL's client library. */
export interface BackendConnection {
  readonly host: Input<string>;
  readonly port: number;
  readonly database: Input<string>;
  readonly user: Input<string>;
  /** Secret in the pods' namespace that holds the password. */
  readonly password: { readonly secretName: Input<string>; readonly key: string };
  /** `sslmode` of libpq: https://www.postgresql.org/docs/current/libpq-ssl.html */
  readonly sslMode: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** Connections that the database accepts in all. */
  readonly maxConnections: number;
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
  /** `http://<service>.<namespace>.svc:<port>` */
  readonly url: Input<string>;
}
