// Everything that a stack file can say, key by key.
import * as v from 'valibot';
import { aws } from '../clouds/aws/settings.ts';
import { gcp } from '../clouds/gcp/settings.ts';
import { cloudNames } from '../clouds/plans.ts';
import { oneOf, section, text } from '../lib/schema.ts';
import type { DataProtection } from '../lib/data-protection.ts';
import type { SslMode } from '../lib/database.ts';
import type { Resources } from '../lib/pod.ts';
import { auth } from './auth.ts';
import { clientEnv } from './clients.ts';
import { httpRoute, ingress } from './entry.ts';
import { externalSecrets } from './external-secrets.ts';
import {
  audit,
  backup,
  dataProtection,
  gc,
  logRetentionDays,
  migrations,
  traceArchival,
} from './housekeeping.ts';
import { networkPolicy } from './network-policy.ts';
import {
  autoscaling,
  clientIdentity,
  identity,
  metrics,
  namespace,
  pods,
  secrets,
  server,
  workspaces,
} from './server.ts';
import { artifactStore, backendStore, registryStore } from './stores.ts';

export const settingsSchema = section({
  /**
   * Where the stack lives, which decides where stores and identities come from. `local`: any cluster, with the stores inside
   * it or where you say. `gcp`: GKE, Cloud Storage, Cloud SQL. `aws`: EKS, S3, RDS.
   */
  cloud: oneOf(cloudNames),

  kubernetes: section({
    /**
     * Context in the kubeconfig. The current context is never used. Default: required, unless `clusterStack` has one in its
     * kubeconfig.
     */
    context: v.optional(text('the name of a context in your kubeconfig', /^\S+$/)),
    /** Path of the kubeconfig. Default: `KUBECONFIG`, else `~/.kube/config`. */
    kubeconfig: v.optional(text('a path', /^\S.*$/, 4096)),
    /** Stack that made the cluster, whose output `kubeconfig` leads to it. In place of `kubeconfig`. */
    clusterStack: v.optional(
      text('the name of a stack such as organization/mlflow-cluster/dev', /^[\w.-]+(\/[\w.-]+){0,2}$/),
    ),
  }),

  gcp,
  aws,

  namespace,
  dataProtection,
  /**
   * `standard`: one pod. `high`: two or more, an autoscaler, a disruption budget and spreading, each of which can still be
   * set. Needs artifacts that several pods can share.
   */
  availability: v.optional(oneOf(['standard', 'high']), 'standard'),
  artifactStore,
  backendStore,
  registryStore,
  server,
  pods,
  autoscaling,
  auth,
  workspaces,
  identity,
  clientIdentity,
  secrets,
  externalSecrets,
  metrics,
  audit,
  logRetentionDays,
  migrations,

  ingress,
  httpRoute,
  networkPolicy,
  clientEnv,
  gc,
  traceArchival,
  backup,
});

/** What the schema makes of a stack file, before dependent defaults are filled in. */
export type RawSettings = Readonly<v.InferOutput<typeof settingsSchema>>;

/** The keys that a section knows: the schema's own type also allows any other key, with no value. */
type Known<T> = { [K in keyof T as string extends K ? never : K]: T[K] };
type Replace<T, R> = Readonly<Omit<Known<T>, keyof R> & R>;

type ArtifactStoreKind = NonNullable<RawSettings['artifactStore']['kind']>;
type BackendStoreKind = NonNullable<RawSettings['backendStore']['kind']>;

/** The settings of one stack, complete with defaults. */
export type Settings = Replace<
  RawSettings,
  {
    server: Replace<
      RawSettings['server'],
      {
        replicas: number;
        workers: number;
        resources: Resources;
        tmpSize: string;
        poolSize: number;
        maxOverflow: number;
      }
    >;
    dataProtection: DataProtection;
    artifactStore: Replace<RawSettings['artifactStore'], { kind: ArtifactStoreKind }>;
    backendStore: Replace<
      RawSettings['backendStore'],
      {
        kind: BackendStoreKind;
        maxConnections: number;
        highAvailability: boolean;
        sslMode: SslMode;
      }
    >;
    identity: Replace<RawSettings['identity'], { secretName: string }>;
    autoscaling: Replace<RawSettings['autoscaling'], { enabled: boolean; min: number; max: number }>;
  }
>;
