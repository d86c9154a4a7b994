// MLflow as a part of a larger program: the components of mlflow-stack, wired as its own program does, with overrides for their
// children and with objects of one's own beside them.
import * as pulumi from '@pulumi/pulumi';
import { PodDisruptionBudget } from '@pulumi/kubernetes/policy/v1/podDisruptionBudget.js';
import {
  ArtifactStore,
  BackendStore,
  GcCronJob,
  MlflowRuntime,
  MlflowServer,
  ServerKeys,
  args,
  names,
  openSite,
  settingsOf,
} from 'mlflow-stack';

// Typed, with a default for all that is left out, and refused as in a stack file. The keys are those of docs/configuration.md.
const settings = settingsOf({
  cloud: 'local',
  kubernetes: { context: new pulumi.Config().require('context') },
  namespace: { name: 'team-a' },
  backendStore: { size: '20Gi' },
  gc: { schedule: '0 4 * * 6' },
});
const site = await openSite(settings);
const { inside } = site;

/** Whatever a component makes can be changed on its way. */
const costCentre: pulumi.ResourceTransformation = ({ type, props, opts }) => {
  if (!type.startsWith('kubernetes:')) return undefined;
  const { metadata } = props as { metadata?: { labels?: object } };
  const labels = { ...metadata?.labels, 'example.com/cost-centre': 'research' };
  return { props: { ...props, metadata: { ...metadata, labels } }, opts };
};
const labelled = { ...inside, transformations: [costCentre] };

const artifactStore = new ArtifactStore(names.artifactStore, args.artifactStore(site), labelled);
const backendStore = new BackendStore(names.backendStore, args.backendStore(site, artifactStore), labelled);
const stores = { artifacts: artifactStore.connection, backend: backendStore.connection };
const keys = new ServerKeys(names.keys, args.serverKeys(site), inside);
const { pods: runtime } = new MlflowRuntime(names.runtime, args.runtime(site, stores), inside);

const server = new MlflowServer(
  names.server,
  // What is computed from the settings is plain data, too.
  { ...args.server(site, { ...stores, runtime, keys }), logLevel: 'DEBUG' },
  {
    ...inside,
    transformations: [
      ({ type, props, opts }) =>
        type === 'kubernetes:apps/v1:Deployment'
          ? { props: { ...props, spec: { ...(props.spec as object), minReadySeconds: 10 } }, opts }
          : undefined,
    ],
  },
);
new GcCronJob(names.gc, args.gc(site, { ...stores, runtime, service: server.connection }), inside);

new PodDisruptionBudget(
  'team-database',
  {
    metadata: { namespace: server.connection.namespace },
    spec: { maxUnavailable: 0, selector: { matchLabels: { 'app.kubernetes.io/component': 'postgres' } } },
  },
  { parent: backendStore },
);

export default { trackingUrl: server.connection.url, databaseHost: backendStore.connection.host };
