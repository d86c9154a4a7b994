import * as pulumi from '@pulumi/pulumi';
import { Provider } from '@pulumi/kubernetes/provider.js';
import { loadCloud } from './clouds/index.ts';
import { followPods } from './cluster/followed-pods.ts';
import { checkCluster } from './cluster/preflight.ts';
import { clusterRollout, realSurroundings } from './cluster/rollout.ts';
import {
  ArtifactStore,
  Auth,
  BackendStore,
  BackupCronJob,
  ClientEnv,
  ExternalSecrets,
  GcCronJob,
  HttpRoute,
  Ingress,
  KeptSecrets,
  MlflowRuntime,
  MlflowServer,
  NetworkPolicies,
  ServerKeys,
  StoreRecord,
  TraceArchival,
  WorkloadIdentities,
  awaitedKey,
} from './components/index.ts';
import { targetNamespace } from './components/namespace.ts';
import { loadSettings } from './config.ts';
import {
  authWiring,
  backupArgs,
  externalSecretsArgs,
  ingressArgs,
  runtimeArgs,
  serverArgs,
  trackingUrl as trackingUrlOf,
} from './lib/component-args.ts';
import { connectionSummary } from './lib/connection-budget.ts';
import { mlflowVersion as versionOf } from './lib/image.ts';
import { names } from './lib/names.ts';
import { workloadPolicies } from './lib/network.ts';
import { serviceAnnotations } from './lib/entry.ts';
import { nextCommands as commandsFor } from './lib/next-commands.ts';
import { workloadRights } from './lib/rights.ts';
import { storeRecord } from './lib/store-record.ts';
import { signInGuide } from './lib/sign-in.ts';

const settings = loadSettings();
const { dataProtection } = settings;
const cloud = await loadCloud(settings);
const access = await cloud.cluster();
await cloud.prepare?.();
const facts = await checkCluster(access, settings);
followPods(access, settings);
const kept = (await cloud.keptValues?.()) ?? {};
const rollout = await clusterRollout(access, settings, facts, { ...realSurroundings, cloud });

const provider = new Provider('kubernetes', {
  ...access,
  // An empty text leaves it to the plug-in to find the kubeconfig, as kubectl does, and keeps its path out of the state.
  kubeconfig: access.kubeconfig ?? '',
});
const target = targetNamespace({ ...settings.namespace, dataProtection }, provider);
const opts = target.contentOptions;
// What also has resources outside the namespace does not go with it.
const outerOpts = cloud.providers.length > 0 ? { providers: [provider, ...cloud.providers] } : opts;
const externalSecrets =
  settings.externalSecrets.secrets.length > 0
    ? new ExternalSecrets(
        names.externalSecrets,
        {
          ...externalSecretsArgs(settings),
          namespace: target.name,
          cloud,
          externalRevision: facts.externalRevision,
        },
        outerOpts,
      )
    : undefined;
const common = {
  namespace: target.name,
  dataProtection,
  imagePullSecrets: settings.pods.imagePullSecrets,
};
/** Alone for those that need it: whatever is told of it waits for those Secrets. */
const externalRevision = externalSecrets?.revision ?? facts.externalRevision;

if (settings.networkPolicy.enabled) {
  const policies = workloadPolicies(settings, facts);
  new NetworkPolicies(names.networkPolicies, { namespace: target.name, policies }, opts);
}

const artifactStore = new ArtifactStore(
  names.artifactStore,
  { ...settings.artifactStore, ...common, cloud },
  outerOpts,
);
const artifacts = artifactStore.connection;

const backendStore = new BackendStore(
  names.backendStore,
  {
    ...settings.backendStore,
    ...common,
    externalRevision,
    cloud,
    rotation: settings.secrets.rotation.database,
    certificate: facts.databaseTls,
    passwordFrom: awaitedKey(settings.backendStore.passwordFrom, externalSecrets?.secretNames ?? {}),
    keptPassword: facts.database.password ?? kept['database-password'],
    sharedMounts: artifactStore.claimMounts,
  },
  outerOpts,
);

const record = storeRecord(settings);
if (Object.keys(record).length > 0) {
  const places = [artifacts.uri, backendStore.connection.host];
  new StoreRecord(names.storeRecord, { namespace: target.name, record, places }, opts);
}

const existing = { ...kept, ...facts.keys };
const keys = new ServerKeys(names.keys, { ...settings.secrets, ...common, existing }, opts);

const auth = new Auth(
  names.auth,
  {
    ...settings.auth,
    rotation: settings.secrets.rotation.admin,
    wiring: { ...authWiring(settings), namespace: target.name, sessionKey: keys.sessionKey },
  },
  opts,
);

const generated = {
  ...artifactStore.generated,
  ...backendStore.generated,
  ...keys.generated,
  ...auth.generated,
};
const { names: secretNames } =
  cloud.secrets === undefined
    ? { names: null }
    : new KeptSecrets(names.keptSecrets, { cloud, values: generated }, outerOpts);

const cloudNeeds = {
  namespace: target.name,
  workloads: workloadRights(settings),
  bucket: artifacts.bucket,
  instance: backendStore.connection.instance,
};
const identities =
  cloud.identities === undefined
    ? {}
    : new WorkloadIdentities(names.identities, { ...cloudNeeds, cloud }, outerOpts).byComponent;

const { pods: runtime } = new MlflowRuntime(
  names.runtime,
  {
    ...common,
    ...runtimeArgs(settings),
    externalRevision,
    backend: backendStore.connection,
    artifacts,
    auth: auth.connection,
    identities,
  },
  opts,
);

const entry = settings.ingress.enabled ? cloud.entry?.(names.entry, cloudNeeds, outerOpts) : undefined;

const server = new MlflowServer(
  names.server,
  {
    ...serverArgs(settings, facts),
    runtime,
    artifacts,
    instance: backendStore.connection.instance,
    entryAnnotations: { ...serviceAnnotations(settings), ...entry?.serviceAnnotations },
    keys: keys.variables,
    auth: auth.connection,
    rollout,
  },
  opts,
);
const afterServer = {
  runtime,
  artifacts,
  service: server.connection,
  workspaces: settings.workspaces.enabled,
};

if (settings.ingress.enabled) {
  const { address } = new Ingress(
    names.ingress,
    { ...ingressArgs(settings, facts), service: server.connection, parts: entry },
    opts,
  );
  if (entry?.awaitsAddress === true) cloud.records?.(names.records, { address }, outerOpts);
}

if (settings.httpRoute.enabled) {
  new HttpRoute(names.httpRoute, { ...settings.httpRoute, service: server.connection }, opts);
}

if (settings.clientEnv.namespaces.length > 0) {
  const { namespaces } = settings.clientEnv;
  const args = { namespaces, service: server.connection, artifacts, users: auth.clients };
  new ClientEnv(names.clientEnv, args, { providers: [provider] });
}

const gc = settings.gc.enabled
  ? new GcCronJob(names.gc, { ...settings.gc, ...afterServer, logIn: auth.connection?.gc }, opts)
  : undefined;

if (settings.traceArchival.enabled) {
  new TraceArchival(names.traceArchival, { ...settings.traceArchival, ...afterServer }, opts);
}

const backup = settings.backup.enabled
  ? new BackupCronJob(
      names.backup,
      { ...backupArgs(settings), ...common, runtime, artifacts, keys: keys.variables },
      opts,
    )
  : undefined;

const { namespace, name, port } = server.connection;
/** Namespace and name of the server's Service. */
export const service = pulumi.output({ namespace, name, port });
/** Tracking URL for clients outside the cluster; without an Ingress or a route, the one that the port-forward of `nextCommands` opens. */
export const trackingUrl = trackingUrlOf(settings);
/** Tracking URL for clients inside the cluster. */
export const internalTrackingUrl = server.connection.url;
/** Reserved address of the way in, where the cloud has one for the stack. */
export const entryAddress = entry?.address ?? null;
/** By which names the cloud knows the stack's pods, by component. */
export const identityNames = pulumi.output(
  Object.fromEntries(Object.entries(identities).map(([component, { principal }]) => [component, principal])),
);
/** What the cloud says of its own resources. */
export const cloudOutputs =
  cloud.extras?.(names.extras, { ...cloudNeeds, keptSecrets: Object.keys(secretNames ?? {}) }, outerOpts) ??
  null;
/** Names in the cloud's secret manager, by what is kept there. */
export const keptSecrets = secretNames;
export const artifactUri = artifacts.uri;
/** Where scheduled backups are; null where there are none. */
export const backupUri = backup?.uri ?? null;
export const databaseHost = backendStore.connection.host;
/** Connections that the stack may open to the database, and how many it accepts. */
export const databaseConnections = connectionSummary(settings) ?? null;
export const mlflowVersion = versionOf(settings.server.image);
/** Revision of the database's schema, and the copy that was made before it changed last. */
export const schemaRevision = server.migration.revision;
export const databaseSnapshot = server.migration.snapshot;
/** First administrator, where MLflow has users of its own. */
export const adminUsername = settings.auth.kind === 'basic' ? settings.auth.adminUsername : null;
export const adminPassword = auth.adminPassword ?? null;
/** How people get in, and by which variables programs do. */
export const signIn = signInGuide(settings.auth, trackingUrl);
/** Generated passwords of the users that `auth` names, where a proxy asks for them. */
export const passwords = auth.passwords ?? null;
/** What to type next, each with a word on what it does. */
export const nextCommands = commandsFor({ context: access.context, service, gcCronJob: gc?.cronJobName });
