// npm run bench: how long things take and how much memory they need, on an embedded cluster of its own. Prints a table.
// npm run bench -- server: what the server needs and does; see bench/server.ts.
import { performance } from 'node:perf_hooks';
import { benchServer } from './bench/server.ts';
import {
  emptyStack,
  instance,
  mebibytes,
  middle,
  printPlaces,
  printTable,
  repeat,
  type Run,
  runs,
  secondsToReady,
  serverPod,
  settledMemory,
  stack,
  withOwnCluster,
} from './bench/shared.ts';
import { cloudPrograms, localProgram } from './bench/start.ts';
import { clusterSteps } from './cluster/index.ts';
import { stackImages } from './images/index.ts';
import { smoke } from './lib/deploy.ts';
import { main } from './lib/main.ts';
import type { Step } from './lib/step.ts';

await main(async ([what, secondsEach = '8', ...rest], signal) => {
  if (what === undefined) await withOwnCluster(stackImages, signal, (run) => benchStack(run, signal));
  else if (what === 'server' && /^[1-9]\d?$/.test(secondsEach) && rest.length === 0)
    await benchServer(Number(secondsEach), signal);
  else throw new Error('Usage: npm run bench [-- server [SECONDS]], with at most 99 seconds.');
}, 'Interrupted.');

async function benchStack(run: Run, signal: AbortSignal): Promise<void> {
  const client: Step = {
    title: 'MLflow client',
    run: async (context) => void (await stack.reach((url) => smoke(url, undefined, context))),
  };
  const clouds = await cloudPrograms();
  const cluster = await seconds(() => run(clusterSteps(instance)));
  await emptyStack();
  const firstUp = await seconds(() => stack.up());
  const verified = await seconds(() => run([client]));
  const noOp = await median(() => stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes']));
  const preview = await median(() => stack.run(['preview', '--expect-no-changes']));
  let change = 0;
  const changed = await median(() => stack.up({ server: { env: { CHANGE: `${++change}` } } }));
  const { sinceContainerStarted: start } = secondsToReady(await serverPod());
  const programs = [await localProgram(), ...clouds];
  const { rssBytes } = await settledMemory(signal);
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
      ...programs.flatMap(({ name, seconds, megabytes, limits }) => [
        [`program start of \`${name}\` (median of ${runs})`, time(seconds), limits.start],
        [`memory of the program of \`${name}\` (RSS)`, `${megabytes.toFixed(0)} MB`, limits.memory],
      ]),
      ['memory of the server pod at rest (RSS)', mebibytes(rssBytes), '450 MiB'],
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

function time(value: number): string {
  return `${value.toFixed(1)} s`;
}
