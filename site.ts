// Where a stack goes: its settings, its cloud, its cluster and its namespace, all of them checked before anything is registered.
import type { ComponentResourceOptions, Input, Output, Resource } from '@pulumi/pulumi';
import { Provider } from '@pulumi/kubernetes/provider.js';
import type { Cloud, ClusterAccess } from './clouds/cloud.ts';
import { loadCloud } from './clouds/index.ts';
import { followPods } from './cluster/followed-pods.ts';
import { type ClusterFacts, checkCluster } from './cluster/preflight.ts';
import { clusterRollout, realSurroundings } from './cluster/rollout.ts';
import { targetNamespace } from './components/namespace.ts';
import type { Rollout } from './components/rollout.ts';
import { type Settings, loadSettings } from './config.ts';
import { together } from './lib/together.ts';

export interface Site {
  readonly settings: Settings;
  readonly cloud: Cloud;
  readonly access: ClusterAccess;
  /** What there is of the stack already. */
  readonly facts: ClusterFacts;
  /** What an earlier stack left in the cloud's secret manager, by what it is. */
  readonly kept: Readonly<Record<string, string>>;
  /** Changes with the Secrets that the stack does not make itself. */
  readonly externalRevision: Input<string>;
  /** Names of the Secrets that an operator makes for the stack, known only once they are there. */
  readonly secretNames: Readonly<Record<string, Output<string>>>;
  /** How one MLflow version takes the place of another. */
  readonly rollout: Rollout;
  readonly namespace: Input<string>;
  /** Options of what is in the namespace, and goes with it. */
  readonly inside: ComponentResourceOptions;
  /** Options of what also has resources in the cloud, and does not go with the namespace. */
  readonly across: ComponentResourceOptions;
  /** Options of what is in other namespaces. */
  readonly elsewhere: ComponentResourceOptions;
}

/**
 * @param settings those of the stack file, by default.
 * @param parent what everything of it is below, where it is a part of something.
 * @throws RunError with every mistake of settings, cloud or cluster in one message.
 */
export async function openSite(settings: Settings = loadSettings(), parent?: Resource): Promise<Site> {
  const cloud = await loadCloud(settings);
  const access = await cloud.cluster();
  const [facts] = await together(checkCluster(access, settings), cloud.prepare?.() ?? Promise.resolve());
  followPods(access, settings);
  const kept = (await cloud.keptValues?.()) ?? {};
  const rollout = await clusterRollout(access, settings, facts, { ...realSurroundings, cloud });
  const below = parent === undefined ? {} : { parent };
  const provider = new Provider(
    'kubernetes',
    {
      ...access,
      // An empty text leaves it to the plug-in to find the kubeconfig, as kubectl does, and keeps its path out of the state.
      kubeconfig: access.kubeconfig ?? '',
    },
    below,
  );
  const { namespace, dataProtection } = settings;
  const target = targetNamespace({ ...namespace, dataProtection }, provider, below);
  const inside = target.contentOptions;
  return {
    settings,
    cloud,
    access,
    facts,
    kept,
    rollout,
    namespace: target.name,
    inside,
    externalRevision: facts.externalRevision,
    secretNames: {},
    across: cloud.providers.length > 0 ? { ...below, providers: [provider, ...cloud.providers] } : inside,
    elsewhere: { ...below, providers: [provider] },
  };
}
