import * as pulumi from '@pulumi/pulumi';
import { Provider } from '@pulumi/kubernetes/provider.js';
import { loadCloud } from './clouds/index.ts';
import { checkCluster } from './cluster/preflight.ts';
import { clusterRollout } from './cluster/rollout.ts';
import {
  ArtifactStore,
  BackendStore,
  GcCronJob,
  HttpRoute,
  Ingress,
  MlflowRuntime,
  MlflowServer,
  NetworkPolicies,
  ServerKeys,
  TraceArchival,
} from './components/index.ts';
import { targetNamespace } from './components/namespace.ts';
import { loadSettings } from './config.ts';
import { publicEntry } from './lib/allowed-hosts.ts';
import { canRoll, connectionSummary } from './lib/connection-budget.ts';
import { serviceAnnotations, waysIn } from './lib/entry.ts';
import { imageReference, mlflowVersion as versionOf } from './lib/image.ts';
import { inNamespace } from './lib/ingress-controllers.ts';
import { migrationInputs } from './lib/migration-inputs.ts';
import { names } from './lib/names.ts';
import { workloadPolicies } from './lib/network.ts';
import { nextCommands as commandsFor } from './lib/next-commands.ts';

const settings = loadSettings();
const { dataProtection } = settings;
const cloud = await loadCloud(settings.cloud);
const access = cloud.cluster(settings.kubernetes);
const facts = await checkCluster(access, settings);
const rollout = await clusterRollout(access, settings, facts);

const provider = new Provider('kubernetes', {
  ...access,
  // An empty text leaves it to the plug-in to find the kubeconfig, as kubectl does, and keeps its path out of the state.
  kubeconfig: access.kubeconfig ?? '',
});
const target = targetNamespace({ ...settings.namespace, dataProtection }, provider);
const opts = target.contentOptions;
const common = { namespace: target.name, dataProtection, imagePullSecrets: settings.pods.imagePullSecrets };

if (settings.networkPolicy.enabled) {
  const policies = workloadPolicies(settings, facts);
  new NetworkPolicies(names.networkPolicies, { namespace: target.name, policies }, opts);
}

const artifactStore = new ArtifactStore(names.artifactStore, { ...settings.artifactStore, ...common }, opts);
const artifacts = artifactStore.connection;

const backendStore = new BackendStore(
  names.backendStore,
  {
    ...settings.backendStore,
    ...common,
    rotation: settings.secrets.rotation.database,
    certificate: facts.databaseTls,
    externalRevision: facts.externalRevision,
    sharedMounts: artifactStore.claimMounts,
  },
  opts,
);

const keys = new ServerKeys(
  names.keys,
  {
    ...settings.secrets,
    ...common,
    existing: facts.keys,
    auth: settings.auth,
  },
  opts,
);

const { pods } = new MlflowRuntime(
  names.runtime,
  {
    ...common,
    image: imageReference(settings.server.image),
    imagePullPolicy: settings.server.image.pullPolicy,
    runAsUser: settings.server.runAsUser,
    backend: backendStore.connection,
    artifacts,
    registry: settings.registryStore,
    auth: keys.auth,
    workspaces: settings.workspaces.enabled,
    caBundle: settings.server.caBundle,
    env: settings.server.env,
    envFrom: settings.server.envFrom,
    externalRevision: facts.externalRevision,
    parts: settings.pods,
  },
  opts,
);

const server = new MlflowServer(
  names.server,
  {
    ...settings.server,
    runtime: pods,
    mlflowVersion: versionOf(settings.server.image),
    artifacts,
    identity: cloud.identity(names.server, { namespace: target.name, serviceAccount: names.server }, opts),
    keys: keys.variables,
    auth: keys.auth,
    workspaces: settings.workspaces.enabled,
    metrics: settings.metrics,
    autoscaling: settings.autoscaling,
    service: {
      ...settings.server.service,
      annotations: inNamespace(
        { ...serviceAnnotations(settings), ...settings.server.service.annotations },
        target.name,
      ),
    },
    entry: publicEntry(waysIn(settings)),
    migrations: { ...settings.migrations, inputs: migrationInputs(settings, facts) },
    rollout,
    canRoll: canRoll(settings),
  },
  opts,
);

const ingress = settings.ingress.enabled
  ? new Ingress(
      names.ingress,
      { ...settings.ingress, service: server.connection, existingCertificate: facts.ingressTls },
      opts,
    )
  : undefined;

const httpRoute = settings.httpRoute.enabled
  ? new HttpRoute(names.httpRoute, { ...settings.httpRoute, service: server.connection }, opts)
  : undefined;

const afterServer = {
  runtime: pods,
  artifacts,
  service: server.connection,
  workspaces: settings.workspaces.enabled,
};

const gc = settings.gc.enabled
  ? new GcCronJob(names.gc, { ...settings.gc, ...afterServer, hasUsers: keys.auth !== undefined }, opts)
  : undefined;

if (settings.traceArchival.enabled) {
  new TraceArchival(names.traceArchival, { ...settings.traceArchival, ...afterServer }, opts);
}

/** Namespace and name of the server's Service. */
export const service = pulumi.output({
  namespace: server.connection.namespace,
  name: server.connection.name,
  port: server.connection.port,
});
/** Tracking URL for clients outside the cluster; without an Ingress or a route, the one that the port-forward of `nextCommands` opens. */
export const trackingUrl = `${ingress?.url ?? httpRoute?.url ?? `${settings.server.tls.enabled ? 'https' : 'http'}://127.0.0.1:5000`}${settings.server.staticPrefix}`;
/** Tracking URL for clients inside the cluster. */
export const internalTrackingUrl = server.connection.url;
export const artifactUri = artifacts.uri;
export const databaseHost = backendStore.connection.host;
/** Connections that the stack may open to the database, and how many it accepts. */
export const databaseConnections = connectionSummary(settings) ?? null;
export const mlflowVersion = versionOf(settings.server.image);
/** Revision of the database's schema, and the copy that was made before it changed last. */
export const schemaRevision = server.migration.revision;
export const databaseSnapshot = server.migration.snapshot;
/** First administrator, where MLflow has users of its own. */
export const adminUsername = keys.auth?.adminUsername ?? null;
export const adminPassword = keys.adminPassword ?? null;
/** What to type next, each with a word on what it does. */
export const nextCommands = commandsFor({ context: access.context, service, gcCronJob: gc?.cronJobName });
