// MlflowRuntime: what all pods that run MLflow share, written once: settings, scripts, certificates.
import { basename } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { objectLabels } from '../lib/labels.ts';
import { annotations } from '../lib/names.ts';
import { caBundlePath, databaseCaPath } from '../lib/pod.ts';
import { scripts } from '../lib/scripts.ts';
import type {
  ArtifactConnection,
  AuthConnection,
  BackendConnection,
  Mounts,
  PodParts,
  PodRuntime,
  SecretKey,
  WorkloadIdentity,
} from './connections.ts';

export interface MlflowRuntimeArgs {
  readonly namespace: pulumi.Input<string>;
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly imagePullSecrets: readonly string[];
  /** Identities of the cloud, by component. */
  readonly identities: Readonly<Record<string, WorkloadIdentity>>;
  readonly runAsUser: number | 'none';
  readonly backend: BackendConnection;
  readonly artifacts: ArtifactConnection;
  /** A database of its own for the model registry. Default: the backend store. */
  readonly registry?:
    { readonly database?: string | undefined; readonly uriFrom?: SecretKey | undefined } | undefined;
  readonly auth?: AuthConnection | undefined;
  /** Several teams on one server. */
  readonly workspaces: boolean;
  /** Certificates of further authorities, in an existing ConfigMap or Secret. */
  readonly caBundle?:
    | {
        readonly configMapName?: string | undefined;
        readonly secretName?: string | undefined;
        readonly key: string;
      }
    | undefined;
  /** Further variables, none of them secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly envFrom: readonly core.v1.EnvFromSource[];
  /** Changes with what the stack does not manage itself, such as existing Secrets, and makes new pods then. */
  readonly externalRevision: pulumi.Input<string>;
  /** Additions to every pod. */
  readonly parts: PodParts;
}

/**
 * Both ConfigMaps have names that change with their content: a change makes new pods, and pods of the old kind keep what
 * they started with until they are gone.
 */
export class MlflowRuntime extends pulumi.ComponentResource {
  /** What the recipe for pods needs. */
  public readonly pods: PodRuntime;

  constructor(name: string, args: MlflowRuntimeArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:MlflowRuntime', name, args, opts);
    const { backend, registry } = args;
    const metadata = { namespace: args.namespace, labels: objectLabels('runtime') };
    const settings = new ConfigMap(
      `${name}-settings`,
      { metadata, data: sorted(settingsOf(args)) },
      { parent: this },
    );
    const files = new ConfigMap(
      `${name}-files`,
      {
        metadata,
        data: { ...scripts, ...(backend.ca === undefined ? {} : { [basename(databaseCaPath)]: backend.ca }) },
      },
      { parent: this },
    );
    const bundle = caBundleMounts(args.caBundle);
    this.pods = {
      ...args.parts,
      sidecars: [...(backend.sidecars ?? []), ...args.parts.sidecars],
      annotations: {
        ...args.parts.annotations,
        ...(args.externalRevision === '' ? {} : { [annotations.externalRevision]: args.externalRevision }),
      },
      namespace: args.namespace,
      identities: args.identities,
      image: args.image,
      imagePullPolicy: args.imagePullPolicy,
      imagePullSecrets: args.imagePullSecrets,
      runAsUser: args.runAsUser,
      settingsName: settings.metadata.name,
      filesName: files.metadata.name,
      secrets: {
        ...backend.secrets,
        ...(registry?.uriFrom ? { MLFLOW_REGISTRY_STORE_URI: registry.uriFrom } : {}),
      },
      readReplica: backend.readReplica,
      setup: backend.setup,
      envFrom: args.envFrom,
      volumes: [...backend.volumes, ...bundle.volumes, ...args.parts.volumes],
      volumeMounts: [...backend.volumeMounts, ...bundle.volumeMounts, ...args.parts.volumeMounts],
    };
    this.registerOutputs({ settingsName: settings.metadata.name });
  }
}

function settingsOf(args: MlflowRuntimeArgs): Record<string, pulumi.Input<string>> {
  const { artifacts, auth, registry, caBundle } = args;
  const bundle = caBundle && `${caBundlePath}/${caBundle.key}`;
  return {
    HOME: '/tmp',
    MLFLOW_DISABLE_TELEMETRY: 'true',
    MLFLOW_ENABLE_WORKSPACES: String(args.workspaces),
    ...(bundle === undefined
      ? {}
      : {
          AWS_CA_BUNDLE: bundle,
          REQUESTS_CA_BUNDLE: bundle,
          SSL_CERT_FILE: bundle,
          PGSSLROOTCERT: bundle,
          DATABASE_CA: bundle,
        }),
    ...args.backend.settings,
    ...artifacts.settings,
    // A bucket as default root beside the proxy would silently make clients talk to the bucket: never both.
    ...(artifacts.mode === 'proxy'
      ? { MLFLOW_ARTIFACTS_DESTINATION: artifacts.uri }
      : { MLFLOW_DEFAULT_ARTIFACT_ROOT: artifacts.uri }),
    ...(registry?.database === undefined
      ? {}
      : { MLFLOW_REGISTRY_STORE_URI: `postgresql+psycopg2:///${registry.database}` }),
    ...auth?.settings,
    ...args.env,
  };
}

function caBundleMounts(caBundle: MlflowRuntimeArgs['caBundle']): Mounts {
  if (caBundle === undefined) return { volumes: [], volumeMounts: [] };
  const { configMapName, secretName } = caBundle;
  const source =
    configMapName === undefined ? { secret: { secretName } } : { configMap: { name: configMapName } };
  return {
    volumes: [{ name: 'ca-bundle', ...source }],
    volumeMounts: [{ name: 'ca-bundle', mountPath: caBundlePath, readOnly: true }],
  };
}

function sorted<T>(values: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));
}
