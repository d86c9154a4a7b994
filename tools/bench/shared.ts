// What the benchmarks share: a cluster of their own, questions to it, tables.
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { serverComponent } from '../../lib/names.ts';
import { destroyCluster, kubeconfigPath } from '../cluster/index.ts';
import type { ImageRecipe } from '../images/index.ts';
import { prepareEngine } from '../lib/engine.ts';
import { stateDir } from '../lib/paths.ts';
import { logDir, toolSteps } from '../lib/plan.ts';
import { ScratchStack } from '../lib/scratch-stack.ts';
import type { Step } from '../lib/step.ts';
import { runSteps } from '../lib/steps.ts';
import { toolPath } from '../toolchain/index.ts';

export const instance = 'bench';
export const stack = new ScratchStack(instance);

/** How often each is measured where a median is given. */
export const runs = 5;

export type Run = (steps: Step[]) => Promise<void>;

/** Begins with all tools and no cluster, and leaves no cluster behind. */
export async function withOwnCluster(
  images: readonly ImageRecipe[],
  signal: AbortSignal,
  action: (run: Run) => Promise<void>,
): Promise<void> {
  const logs = { logDir: logDir(instance), signal };
  const stop: Step = { title: 'Remove the cluster', run: (context) => destroyCluster(instance, context) };
  await runSteps(toolSteps(images), logs);
  try {
    await runSteps([stop], logs);
    await action((steps) => runSteps(steps, logs));
  } finally {
    // Also after an interruption, so with a signal of its own.
    await runSteps([stop], { ...logs, signal: new AbortController().signal });
  }
}

/** A Pulumi stack of which nothing is there yet. */
export async function emptyStack(): Promise<void> {
  await prepareEngine(instance);
  await stack.reset();
}

export function kubectlArgs(...args: string[]): string[] {
  return ['--kubeconfig', kubeconfigPath(instance), '--namespace', 'mlflow', ...args];
}

export async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await execa(toolPath('kubectl'), kubectlArgs(...args));
  return stdout;
}

export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
  };
  readonly status: {
    readonly conditions: { readonly type: string; readonly lastTransitionTime: string }[];
    readonly containerStatuses: { readonly state: { readonly running?: { readonly startedAt: string } } }[];
  };
}

/** A pod of the server that stays. */
export async function serverPod(): Promise<Pod> {
  const selector = `app.kubernetes.io/component=${serverComponent}`;
  const { items } = JSON.parse(await kubectl('get', 'pods', '--selector', selector, '--output', 'json')) as {
    items: Pod[];
  };
  const pod = items.find(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (pod === undefined) throw new Error('there is no server pod');
  return pod;
}

/** What lies between the making of a pod, the start of its server, and its first good answer; whole seconds. */
export function secondsToReady({ metadata, status }: Pod): {
  sincePodMade: number;
  sinceContainerStarted: number;
} {
  const ready = status.conditions.find(({ type }) => type === 'Ready')?.lastTransitionTime;
  const since = (time?: string) => (Date.parse(ready ?? '') - Date.parse(time ?? '')) / 1000;
  return {
    sincePodMade: since(metadata.creationTimestamp),
    sinceContainerStarted: since(status.containerStatuses[0]?.state.running?.startedAt),
  };
}

export interface PodMemory {
  /** When the kubelet looked. */
  readonly time: string;
  /** Without page cache. */
  readonly rssBytes: number;
  /** With the page cache that is in use. */
  readonly workingSetBytes: number;
}

/** Memory of a server pod's control group, as the kubelet reports it; undefined where it has not looked yet. */
async function serverMemory(): Promise<PodMemory | undefined> {
  const summary = JSON.parse(await kubectl('get', '--raw', '/api/v1/nodes/node/proxy/stats/summary')) as {
    pods: { podRef: { name: string }; memory?: PodMemory }[];
  };
  return summary.pods.find(({ podRef }) => /^mlflow-[0-9a-f]+-\w+$/.test(podRef.name))?.memory;
}

/** Within which a server comes to rest. */
const restSeconds = 120;

/** Memory of a server pod once two readings in a row agree: jobs start after it is ready. */
export async function settledMemory(signal: AbortSignal): Promise<PodMemory> {
  let before: PodMemory | undefined;
  for (let passed = 0; passed < restSeconds; passed += 2) {
    const memory = await serverMemory();
    if (memory !== undefined && memory.time !== before?.time) {
      const change = Math.abs(memory.rssBytes / (before?.rssBytes ?? NaN) - 1);
      if (change < 0.01) return memory;
      before = memory;
    }
    await sleep(2000, undefined, { signal });
  }
  throw new Error('the memory of the server pod does not come to rest');
}

export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);
  console.log();
}

export function printPlaces(): void {
  console.log(`Logs: ${logDir(instance)}; state: ${stateDir(instance)}`);
}

export async function repeat<T>(action: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let count = 0; count < runs; count++) results.push(await action());
  return results;
}

export function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
