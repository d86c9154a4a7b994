// npm run bench: how long things take and how much memory they need, on an embedded cluster of its own. Prints a table.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { execa } from 'execa';
import { parse } from 'yaml';
import { clusterSteps, contextName, destroyCluster, kubeconfigPath } from './cluster/index.ts';
import { smoke } from './lib/deploy.ts';
import { prepareEngine } from './lib/engine.ts';
import { main } from './lib/main.ts';
import { projectDir, stateDir } from './lib/paths.ts';
import { logDir, toolSteps } from './lib/plan.ts';
import { ScratchStack } from './lib/scratch-stack.ts';
import type { Step } from './lib/step.ts';
import { runSteps } from './lib/steps.ts';
import { toolPath } from './toolchain/index.ts';

const instance = 'bench';
const stack = new ScratchStack(instance);
const runs = 5;

interface Row {
  readonly what: string;
  readonly figure: string;
  readonly limit: string;
}

await main(async (_args, signal) => {
  const run = (steps: Step[]) => runSteps(steps, { logDir: logDir(instance), signal });
  const stop: Step = { title: 'Remove the cluster', run: (context) => destroyCluster(instance, context) };
  const client: Step = {
    title: 'MLflow client',
    run: async (context) => void (await stack.reach((url) => smoke(url, undefined, context))),
  };

  await runSteps(toolSteps(), { logDir: logDir(instance), signal });
  try {
    await run([stop]);
    const cluster = await seconds(() => run(clusterSteps(instance)));
    await prepareEngine(instance);
    await stack.unlock();
    await stack.destroy();
    const firstUp = await seconds(() => stack.up());
    const verified = await seconds(() => run([client]));
    const noOp = await median(() => stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes']));
    const preview = await median(() => stack.run(['preview', '--expect-no-changes']));
    const program = await programStart();
    printTable([
      {
        what: 'from no cluster to a verified MLflow, with caches',
        figure: time(cluster + firstUp + verified),
        limit: '120 s',
      },
      { what: 'cluster start', figure: time(cluster), limit: '' },
      {
        what: 'first `up` on a running cluster, until the server answers',
        figure: time(firstUp),
        limit: '60 s',
      },
      { what: 'a client logs, registers and reads everything back', figure: time(verified), limit: '' },
      { what: `\`up\` without a change (median of ${runs})`, figure: time(noOp), limit: '4.0 s' },
      { what: `\`preview\` without a change (median of ${runs})`, figure: time(preview), limit: '3.0 s' },
      { what: `program start (median of ${runs})`, figure: time(program.seconds), limit: '1.0 s' },
      { what: 'memory of the program (RSS)', figure: `${program.megabytes.toFixed(0)} MB`, limit: '160 MB' },
      {
        what: 'memory of the server pod at rest (RSS)',
        figure: `${(await serverMebibytes()).toFixed(0)} MiB`,
        limit: '450 MiB',
      },
    ]);
  } finally {
    await run([stop]);
  }
}, 'Interrupted.');

async function seconds(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return (performance.now() - start) / 1000;
}

async function median(action: () => Promise<unknown>): Promise<number> {
  return middle(await repeat(() => seconds(action)));
}

async function repeat<T>(action: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let count = 0; count < runs; count++) results.push(await action());
  return results;
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** The whole life of a program that registers every resource of the stack against mocks, with real checks of the cluster. */
async function programStart(): Promise<{ seconds: number; megabytes: number }> {
  const project = parse(readFileSync(join(projectDir, 'Pulumi.yaml'), 'utf8')) as {
    runtime: { options: { nodeargs: string } };
  };
  const nodeArgs = project.runtime.options.nodeargs.split(' ');
  const measured = await repeat(async () => {
    const script = join(import.meta.dirname, 'bench/program.ts');
    const { stdout } = await execa(process.execPath, [...nodeArgs, script, contextName(instance)], {
      env: { KUBECONFIG: kubeconfigPath(instance) },
    });
    return JSON.parse(stdout) as { seconds: number; megabytes: number };
  });
  return {
    seconds: middle(measured.map((each) => each.seconds)),
    megabytes: middle(measured.map((each) => each.megabytes)),
  };
}

async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await execa(toolPath('kubectl'), ['--kubeconfig', kubeconfigPath(instance), ...args]);
  return stdout;
}

/** As the kubelet reports it: memory of the pod's control group without page cache. */
async function serverMebibytes(): Promise<number> {
  const summary = JSON.parse(await kubectl('get', '--raw', '/api/v1/nodes/node/proxy/stats/summary')) as {
    pods: { podRef: { name: string }; memory: { rssBytes: number } }[];
  };
  const pod = summary.pods.find(({ podRef }) => /^mlflow-[0-9a-f]+-\w+$/.test(podRef.name));
  if (pod === undefined) throw new Error('the kubelet reports no memory of the server pod');
  return pod.memory.rssBytes / 2 ** 20;
}

function time(value: number): string {
  return `${value.toFixed(1)} s`;
}

function printTable(rows: Row[]): void {
  console.log(['| what | measured | limit |', '| --- | --- | --- |'].join('\n'));
  for (const { what, figure, limit } of rows) console.log(`| ${what} | ${figure} | ${limit} |`);
  console.log(`\nLogs: ${logDir(instance)}; state: ${stateDir(instance)}`);
}
