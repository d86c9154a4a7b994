// What each component of a stack is given: what its settings mean for it, what is there already, and what the components
// before it hand over.
import type { EntryParts } from '../clouds/cloud.ts';
import type {
  ArtifactConnection,
  ArtifactStore,
  Auth,
  BackendConnection,
  PodRuntime,
  ServerKeys,
  ServiceConnection,
  WorkloadIdentity,
} from '../components/index.ts';
import type { Settings } from '../settings/index.ts';
import type { Site } from '../site.ts';
import { asksPasswords } from './auth.ts';
import { publicEntry, publicUrls } from './allowed-hosts.ts';
import { postgresClient } from './backup.ts';
import { canRoll } from './connection-budget.ts';
import { serviceAnnotations, waysIn } from './entry.ts';
import { imageReference, mlflowVersion } from './image.ts';
import { migrationInputs } from './migration-inputs.ts';
import { workloadPolicies } from './network.ts';
import { workloadRights } from './rights.ts';
import { storeRecord as recordOf } from './store-record.ts';

/** Address that people open, where there is a way in from outside the cluster; without the static prefix. */
export const publicUrl = (settings: Settings): string | undefined => waysIn(settings).flatMap(publicUrls)[0];

/** Tracking URL for clients outside the cluster; without a way in, of the port-forward that the outputs propose. */
export function trackingUrl(settings: Settings): string {
  const { staticPrefix, tls } = settings.server;
  const forwarded = `${tls.enabled ? 'https' : 'http'}://127.0.0.1:5000`;
  return `${publicUrl(settings) ?? forwarded}${staticPrefix}`;
}

const common = ({ settings, facts, namespace }: Site) => ({
  namespace,
  dataProtection: settings.dataProtection,
  imagePullSecrets: settings.pods.imagePullSecrets,
  externalRevision: facts.externalRevision,
});

export const networkPolicies = ({ settings, facts, namespace }: Site) => ({
  namespace,
  policies: workloadPolicies(settings, facts),
});

export const artifactStore = (site: Site) => ({
  ...site.settings.artifactStore,
  ...common(site),
  cloud: site.cloud,
});

export const backendStore = (site: Site, { claimMounts }: Pick<ArtifactStore, 'claimMounts'>) => ({
  ...site.settings.backendStore,
  ...common(site),
  cloud: site.cloud,
  rotation: site.settings.secrets.rotation.database,
  certificate: site.facts.databaseTls,
  keptPassword: site.facts.database.password,
  sharedMounts: claimMounts,
});

export const storeRecord = ({ settings, namespace }: Site, { artifacts, backend }: Stores) => ({
  namespace,
  record: recordOf(settings),
  places: [artifacts.uri, backend.host],
});

export const serverKeys = (site: Site) => ({
  ...site.settings.secrets,
  ...common(site),
  existing: site.facts.keys,
});

export function auth({ settings, namespace }: Site, { sessionKey }: Pick<ServerKeys, 'sessionKey'>) {
  const { clientEnv, gc, metrics, secrets, server } = settings;
  return {
    ...settings.auth,
    rotation: secrets.rotation.admin,
    // What log-ins have to know of the rest of the stack.
    wiring: {
      url: publicUrl(settings),
      staticPrefix: server.staticPrefix,
      readinessPath: server.probes.readinessPath,
      caBundleKey: server.caBundle?.key,
      poolSize: server.poolSize,
      maxOverflow: server.maxOverflow,
      gc: gc.enabled,
      metrics: metrics.enabled,
      clients: clientEnv.namespaces,
      namespace,
      sessionKey,
    },
  };
}

interface Stores {
  readonly artifacts: ArtifactConnection;
  readonly backend: BackendConnection;
}

/** What the stack's pods need of the cloud. */
export const cloudNeeds = ({ settings, namespace }: Site, { artifacts, backend }: Stores) => ({
  namespace,
  workloads: workloadRights(settings),
  bucket: artifacts.bucket,
  instance: backend.instance,
});

interface RuntimeParts extends Stores {
  /** Default: nobody is asked who they are. */
  readonly auth?: Pick<Auth, 'connection'>;
  /** Default: no pod has rights in a cloud. */
  readonly identities?: Readonly<Record<string, WorkloadIdentity>>;
}

export function runtime(site: Site, { backend, artifacts, auth, identities = {} }: RuntimeParts) {
  const { pods, registryStore, server, workspaces } = site.settings;
  return {
    ...common(site),
    image: imageReference(server.image),
    imagePullPolicy: server.image.pullPolicy,
    runAsUser: server.runAsUser,
    registry: registryStore,
    workspaces: workspaces.enabled,
    caBundle: server.caBundle,
    env: server.env,
    envFrom: server.envFrom,
    parts: pods,
    ...{ backend, artifacts, auth: auth?.connection, identities },
  };
}

interface ServerParts extends Stores {
  readonly runtime: PodRuntime;
  readonly entry?: EntryParts | undefined;
  readonly keys: Pick<ServerKeys, 'variables'>;
  readonly auth?: Pick<Auth, 'connection'>;
}

export function server({ settings, facts, rollout }: Site, parts: ServerParts) {
  const { autoscaling, metrics, migrations, server, workspaces } = settings;
  const { runtime, artifacts, backend, entry, keys, auth } = parts;
  return {
    ...server,
    mlflowVersion: mlflowVersion(server.image),
    workspaces: workspaces.enabled,
    metrics,
    autoscaling,
    entry: publicEntry(waysIn(settings)),
    migrations: { ...migrations, inputs: migrationInputs(settings, facts) },
    canRoll: canRoll(settings),
    ...{ runtime, artifacts, rollout },
    instance: backend.instance,
    entryAnnotations: { ...serviceAnnotations(settings), ...entry?.serviceAnnotations },
    keys: keys.variables,
    auth: auth?.connection,
  };
}

export const ingress = (
  { settings, facts }: Site,
  service: ServiceConnection,
  parts: EntryParts | undefined,
) => ({
  ...settings.ingress,
  asksPasswords: asksPasswords(settings.auth),
  existingCertificate: facts.ingressTls,
  ...{ service, parts },
});

export const httpRoute = ({ settings }: Site, service: ServiceConnection) => ({
  ...settings.httpRoute,
  service,
});

/** What the server hands to those that work beside it. */
interface ServerSide {
  readonly service: ServiceConnection;
  readonly artifacts: ArtifactConnection;
  readonly runtime: PodRuntime;
  readonly auth?: Pick<Auth, 'connection' | 'clients'>;
}

export const clientEnv = ({ settings }: Site, { service, artifacts, auth }: ServerSide) => ({
  namespaces: settings.clientEnv.namespaces,
  ...{ service, artifacts },
  users: auth?.clients ?? {},
});

export const gc = ({ settings }: Site, { service, artifacts, runtime, auth }: ServerSide) => ({
  ...settings.gc,
  ...{ runtime, artifacts, service },
  workspaces: settings.workspaces.enabled,
  logIn: auth?.connection?.gc,
});

export const traceArchival = ({ settings }: Site, { service, artifacts, runtime }: ServerSide) => ({
  ...settings.traceArchival,
  ...{ runtime, artifacts, service },
});

export const backup = (
  site: Site,
  { artifacts, runtime, keys }: ServerSide & { readonly keys: Pick<ServerKeys, 'variables'> },
) => ({
  ...site.settings.backup,
  clientImage: postgresClient(site.settings),
  ...common(site),
  ...{ runtime, artifacts },
  keys: keys.variables,
});
