// npm run bench: how long things take and how much memory they need, on an embedded cluster of its own. Prints a table.
// npm run bench -- server: what the server needs and does; see bench/server.ts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { execa } from 'execa';
import { parse } from 'yaml';
import { benchServer } from './bench/server.ts';
import {
  emptyStack,
  instance,
  mebibytes,
  printPlaces,
  printTable,
  type Run,
  secondsToReady,
  serverMemory,
  serverPod,
  stack,
  withOwnCluster,
} from './bench/shared.ts';
import { clusterSteps, contextName, kubeconfigPath } from './cluster/index.ts';
import { stackImages } from './images/index.ts';
import { smoke } from './lib/deploy.ts';
import { main } from './lib/main.ts';
import { projectDir } from './lib/paths.ts';
import type { Step } from './lib/step.ts';

const runs = 5;

await main(async ([what, secondsEach = '8', ...rest], signal) => {
  if (what === undefined) await withOwnCluster(stackImages, signal, benchStack);
  else if (what === 'server' && /^[1-9]\d?$/.test(secondsEach) && rest.length === 0)
    await benchServer(Number(secondsEach), signal);
  else throw new Error('Usage: npm run bench [-- server [SECONDS]], with at most 99 seconds.');
}, 'Interrupted.');

async function benchStack(run: Run): Promise<void> {
  const client: Step = {
    title: 'MLflow client',
    run: async (context) => void (await stack.reach((url) => smoke(url, undefined, context))),
  };
  const cluster = await seconds(() => run(clusterSteps(instance)));
  await emptyStack();
  const firstUp = await seconds(() => stack.up());
  const verified = await seconds(() => run([client]));
  const noOp = await median(() => stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes']));
  const preview = await median(() => stack.run(['preview', '--expect-no-changes']));
  let change = 0;
  const changed = await median(() => stack.up({ server: { env: { CHANGE: `${++change}` } } }));
  const { sinceContainerStarted: start } = secondsToReady(await serverPod());
  const program = await programStart();
  const server = await serverMemory();
  printTable(
    ['what', 'measured', 'limit'],
    [
      ['from no cluster to a verified MLflow, with caches', time(cluster + firstUp + verified), '120 s'],
      ['cluster start', time(cluster), ''],
      ['first `up` on a running cluster, until the server answers', time(firstUp), '60 s'],
      ['a client logs, registers and reads everything back', time(verified), ''],
      [`\`up\` without a change (median of ${runs})`, time(noOp), '4.0 s'],
      [`\`preview\` without a change (median of ${runs})`, time(preview), '3.0 s'],
      [`\`up\` that changes a setting of the server (median of ${runs})`, time(changed), time(start + 10)],
      [`program start (median of ${runs})`, time(program.seconds), '1.0 s'],
      ['memory of the program (RSS)', `${program.megabytes.toFixed(0)} MB`, '160 MB'],
      ['memory of the server pod at rest (RSS)', mebibytes(server?.rssBytes ?? NaN), '450 MiB'],
    ],
  );
  printPlaces();
}

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

function time(value: number): string {
  return `${value.toFixed(1)} s`;
}
