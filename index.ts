import * as pulumi from '@pulumi/pulumi';
import { Provider } from '@pulumi/kubernetes/provider.js';
import { loadCloud } from './clouds/index.ts';
import { checkCluster } from './cluster/preflight.ts';
import { ArtifactStore, BackendStore, GcCronJob, Ingress, MlflowServer } from './components/index.ts';
import { targetNamespace } from './components/namespace.ts';
import { loadSettings } from './config.ts';
import { imageReference, mlflowVersion as versionOf } from './lib/image.ts';
import { names } from './lib/names.ts';
import { nextCommands as commandsFor } from './lib/next-commands.ts';

const settings = loadSettings();
const { dataProtection } = settings;
const cloud = await loadCloud(settings.cloud);
const access = cloud.cluster(settings.kubernetes);
await checkCluster(access, settings);

// An empty text leaves it to the plug-in to find the kubeconfig, as kubectl does, and keeps its path out of the state.
const provider = new Provider('kubernetes', { ...access, kubeconfig: access.kubeconfig ?? '' });
const target = targetNamespace({ ...settings.namespace, dataProtection }, provider);
const opts = target.contentOptions;
const pods = {
  image: imageReference(settings.server.image),
  imagePullPolicy: settings.server.image.pullPolicy,
  runAsUser: settings.server.runAsUser,
};

const artifactStore = new ArtifactStore(
  names.artifactStore,
  { ...settings.artifactStore, namespace: target.name, dataProtection },
  opts,
);

const backendStore = new BackendStore(
  names.backendStore,
  { ...settings.backendStore, namespace: target.name, dataProtection },
  opts,
);

const server = new MlflowServer(
  names.server,
  {
    ...settings.server,
    ...pods,
    namespace: target.name,
    backend: backendStore.connection,
    artifacts: artifactStore.connection,
    identity: cloud.identity(names.server, { namespace: target.name, serviceAccount: names.server }, opts),
    entry: settings.ingress.enabled ? settings.ingress : { ...settings.ingress, hosts: [] },
    migrations: settings.migrations,
  },
  opts,
);

const ingress = settings.ingress.enabled
  ? new Ingress(names.ingress, { ...settings.ingress, service: server.connection }, opts)
  : undefined;

const gc = settings.gc.enabled
  ? new GcCronJob(
      names.gc,
      { ...settings.gc, ...pods, service: server.connection, backend: backendStore.connection },
      opts,
    )
  : undefined;

/** Namespace and name of the server's Service. */
export const service = pulumi.output({
  namespace: server.connection.namespace,
  name: server.connection.name,
  port: server.connection.port,
});
/** Tracking URL for clients outside the cluster; without an Ingress, the one that the port-forward of `nextCommands` opens. */
export const trackingUrl = ingress?.url ?? 'http://127.0.0.1:5000';
/** Tracking URL for clients inside the cluster. */
export const internalTrackingUrl = server.connection.url;
export const artifactUri = artifactStore.connection.uri;
export const databaseHost = backendStore.connection.host;
export const mlflowVersion = versionOf(settings.server.image);
/** What to type next, each with a word on what it does. */
export const nextCommands = commandsFor({ context: access.context, service, gcCronJob: gc?.cronJobName });
