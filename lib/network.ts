// Who talks to whom: every connection that pods of the stack open or accept, in one table. The NetworkPolicies of both ends
// follow from it. What a policy sees are pods and their own ports, never Services and theirs.
import type { networking } from '@pulumi/kubernetes/types/input.js';
import { proxyKind } from '../clouds/gcp/plan.ts';
import type { Settings } from '../settings/index.ts';
import { controllerOf, controllers } from './ingress-controllers.ts';
import { selectorLabels } from './labels.ts';
import { cloudSqlProxyName, maintenanceComponent, names, serverComponent, vacuumCronJob } from './names.ts';
import {
  type Peer,
  type Port,
  addresses,
  apiServer,
  clientPeer,
  dns,
  everyPodBeside,
  metadataServers,
  nameServers,
  podsOf,
  range,
  tcp,
} from './network-peers.ts';
import { identityProviders } from './network-sign-on.ts';
import { type NetworkFacts, outsideDatabases, outsideStores } from './network-stores.ts';
import { workloadRights } from './rights.ts';

/** Ports that the stack's own pods listen on. */
export const podPorts = { server: 5000, postgres: 5432, s3: 8333 } as const;

/** The stack's pods, by their label `app.kubernetes.io/component`: what they are called, and when there are any. */
const workloads = {
  [serverComponent]: { name: names.server, isThere: () => true },
  migration: { name: names.migration, isThere: ({ migrations }: Settings) => migrations.enabled },
  gc: { name: names.gc, isThere: ({ gc }: Settings) => gc.enabled },
  'trace-archival': {
    name: names.traceArchival,
    isThere: ({ traceArchival }: Settings) => traceArchival.enabled,
  },
  backup: { name: names.backup, isThere: ({ backup }: Settings) => backup.enabled },
  [maintenanceComponent]: { name: names.maintenance, isThere: () => true },
  postgres: {
    name: names.backendStore,
    isThere: ({ backendStore }: Settings) => backendStore.kind === 'postgres',
  },
  'postgres-vacuum': {
    name: vacuumCronJob,
    isThere: ({ backendStore }: Settings) => backendStore.kind === 'postgres' && backendStore.vacuum,
  },
  'cloudsql-proxy': {
    name: cloudSqlProxyName,
    isThere: (settings: Settings) => proxyKind(settings) === 'deployment',
  },
  s3: {
    name: names.artifactStore,
    isThere: ({ artifactStore }: Settings) =>
      artifactStore.kind === 's3Compatible' && artifactStore.endpointUrl === undefined,
  },
} as const;

type Workload = keyof typeof workloads;

type End = Workload | Peer;

interface Connection {
  readonly from: readonly End[];
  readonly to: readonly End[] | 'anywhere';
  /** Ports of `to`. Default: all. */
  readonly ports?: readonly Port[];
}

/** Workloads that run MLflow. */
const mlflow: readonly Workload[] = [
  serverComponent,
  'migration',
  'gc',
  'trace-archival',
  'backup',
  maintenanceComponent,
];
/** Workloads that find others by their names. */
const searching: readonly Workload[] = [...mlflow, 'postgres-vacuum', 'cloudsql-proxy'];

const when = <T extends End>(isSo: boolean, ends: readonly T[]): readonly T[] => (isSo ? ends : []);

function connections(settings: Settings, facts: NetworkFacts): Connection[] {
  const { networkPolicy, clientEnv, metrics, server } = settings;
  const toServer = { to: [serverComponent], ports: tcp(podPorts.server) } as const;
  const storing: readonly Workload[] = [
    ...workloadRights(settings)
      .filter(({ artifacts }) => artifacts)
      .map(({ component }) => component),
    maintenanceComponent,
  ];
  const stores = outsideStores(settings);
  const hasIdentity = stores.some(({ usesIdentity }) => usesIdentity);
  const databases = outsideDatabases(settings, facts);
  const proxy = proxyKind(settings);
  const byIdentity = databases.length > 0 && settings.backendStore.auth === 'iam';
  // Those who show the cloud who they are before they get to the database.
  const logsIn: readonly Workload[] =
    byIdentity || proxy === 'sidecar' ? mlflow : when(proxy === 'deployment', ['cloudsql-proxy']);
  const identified = [...new Set([...logsIn, ...when(hasIdentity, storing)])];
  const hasRights = server.rbac.rules.length + server.rbac.clusterRules.length > 0;
  return [
    { from: ['gc', maintenanceComponent], ...toServer },
    { from: [everyPodBeside], ...toServer },
    { from: entryPeers(settings), ...toServer },
    { from: when(metrics.enabled, networkPolicy.monitoringNamespaces.map(podsOf)), ...toServer },
    { from: [...networkPolicy.clients.map(clientPeer), ...clientEnv.namespaces.map(podsOf)], ...toServer },

    { from: searching, to: ['postgres'], ports: tcp(podPorts.postgres) },
    { from: mlflow, to: ['cloudsql-proxy'], ports: tcp(podPorts.postgres) },
    ...databases.map(({ host, port, isReplica, proxy }): Connection => ({
      from: isReplica
        ? [serverComponent, maintenanceComponent]
        : proxy === 'deployment'
          ? ['cloudsql-proxy']
          : mlflow,
      to: addresses(networkPolicy.databaseCidrs, host),
      ports: tcp(port),
    })),

    { from: storing, to: ['s3'], ports: tcp(podPorts.s3) },
    ...stores.map(({ host, port }): Connection => ({
      from: storing,
      to: addresses(networkPolicy.objectStoreCidrs, host),
      ports: tcp(port),
    })),
    ...identityProviders(settings).map(({ host, port }): Connection => ({
      from: [serverComponent],
      to: addresses([], host),
      ports: tcp(port),
    })),

    // Where a pod takes a log-in to the database from, and its proxy the database's certificate.
    { from: logsIn, to: addresses(networkPolicy.objectStoreCidrs, undefined), ports: tcp(443) },
    ...metadataServers(settings).map((server): Connection => ({ from: identified, ...server })),

    { from: searching, to: nameServers },
    { from: searching, to: networkPolicy.dnsCidrs.map(range), ports: dns },
    { from: when(hasRights, [serverComponent]), to: 'anywhere', ports: apiServer },
  ];
}

/** One NetworkPolicy: what is open to and from the pods of a workload. All else is closed. */
export interface WorkloadPolicy {
  readonly name: string;
  readonly component: string;
  readonly ingress: networking.v1.NetworkPolicyIngressRule[];
  readonly egress: networking.v1.NetworkPolicyEgressRule[];
}

/** A policy for each workload of a stack with these settings. */
export function workloadPolicies(settings: Settings, facts: NetworkFacts): WorkloadPolicy[] {
  const isThere = (end: End) => !isWorkload(end) || workloads[end].isThere(settings);
  const open = connections(settings, facts)
    .map(({ from, to, ports }) => ({
      from: from.filter(isThere),
      to: to === 'anywhere' ? to : to.filter(isThere),
      ...(ports && { ports: [...ports] }),
    }))
    .filter(({ from, to }) => from.length > 0 && to.length > 0);
  const own = Object.keys(workloads) as Workload[];
  return own.filter(isThere).map((component) => ({
    name: workloads[component].name,
    component,
    ingress: open
      .filter(({ to }) => to.includes(component))
      .map(({ from, to: _, ...ports }) => ({ from: from.map(peer), ...ports })),
    egress: [
      ...open
        .filter(({ from }) => from.includes(component))
        .map(({ from: _, to, ...ports }) => ({
          ...(to === 'anywhere' ? {} : { to: to.map(peer) }),
          ...ports,
        })),
      ...(mlflow.includes(component) ? settings.networkPolicy.additionalEgressRules : []),
    ],
  }));
}

const isWorkload = (end: End): end is Workload => typeof end === 'string';

const peer = (end: End): Peer =>
  isWorkload(end) ? { podSelector: { matchLabels: selectorLabels(end) } } : end;

/** Controllers of Ingresses and Gateways. */
function entryPeers({ networkPolicy, ingress, httpRoute }: Settings): Peer[] {
  const sources = ingress.enabled ? controllers[controllerOf(ingress)].sendsFrom(ingress) : [];
  return [
    ...when(ingress.enabled || httpRoute.enabled, networkPolicy.ingressNamespaces.map(podsOf)),
    ...(typeof sources === 'string' ? [] : sources.map(range)),
  ];
}
