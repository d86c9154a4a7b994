// What the benchmarks share: a cluster of their own, questions to it, tables.
import { execa } from 'execa';
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

export interface PodMemory {
  /** When the kubelet looked. */
  readonly time: string;
  /** Without page cache. */
  readonly rssBytes: number;
  /** With the page cache that is in use. */
  readonly workingSetBytes: number;
}

/** Memory of a server pod's control group, as the kubelet reports it; undefined where it has not looked yet. */
export async function serverMemory(): Promise<PodMemory | undefined> {
  const summary = JSON.parse(await kubectl('get', '--raw', '/api/v1/nodes/node/proxy/stats/summary')) as {
    pods: { podRef: { name: string }; memory?: PodMemory }[];
  };
  return summary.pods.find(({ podRef }) => /^mlflow-[0-9a-f]+-\w+$/.test(podRef.name))?.memory;
}

export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  for (const row of [head, head.map(() => '---'), ...rows]) console.log(`| ${row.join(' | ')} |`);
  console.log();
}

export function printPlaces(): void {
  console.log(`Logs: ${logDir(instance)}; state: ${stateDir(instance)}`);
}
