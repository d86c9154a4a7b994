// npm test [unit|e2e|lint] [FILE...]: everything, or one kind, or the test files whose path contains one of the words.
// With --real-plugin, stacks of clouds are tested with the cloud's plug-in on PATH instead of a double of it.
import { globSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { stopCluster } from './cluster/index.ts';
import { stackImages, testImages } from './images/index.ts';
import { describe, main } from './lib/main.ts';
import { projectDir } from './lib/paths.ts';
import { embeddedSteps, logDir } from './lib/plan.ts';
import { LOCAL_STACK } from './lib/engine.ts';
import type { StepContext } from './lib/step.ts';
import { duration, runSteps } from './lib/steps.ts';
import { systemPackages } from './toolchain/index.ts';

interface Tally {
  readonly passes: number;
  readonly failures: number;
}

/** Clusters and states of their own: a quickstart that is up is never disturbed. Tests mostly wait, so two go on at once. */
const E2E = ['e2e', 'e2e-2'].slice(0, availableParallelism());

const REAL_PLUGIN = '--real-plugin';

const CHECKS = [
  ['eslint', ['.']],
  ['prettier', ['--check', '--log-level', 'warn', '.']],
  ['tsc', ['--noEmit']],
] as const;

const KINDS = { lint, unit, e2e };

await main(async (args, signal) => {
  const start = performance.now();
  if (args.includes(REAL_PLUGIN)) process.env.REAL_PLUGIN = '1';
  const given = args.filter((arg) => arg !== REAL_PLUGIN);
  const [first = ''] = given;
  const kinds =
    first in KINDS ? [first as keyof typeof KINDS] : (Object.keys(KINDS) as (keyof typeof KINDS)[]);
  const words = first in KINDS ? given.slice(1) : given;
  let passes = 0;
  let failures = 0;
  for (const kind of kinds) {
    console.log(`\n# ${kind}`);
    const tally = await KINDS[kind](words, signal).catch((error: unknown) => {
      console.error(describe(error));
      return { passes: 0, failures: 1 };
    });
    signal.throwIfAborted();
    passes += tally.passes;
    failures += tally.failures;
  }
  console.log(`\nin ${duration((performance.now() - start) / 1000)}\n${passes} passed, ${failures} failed`);
  return failures > 0 || passes === 0 ? 1 : 0;
});

async function lint(_words: string[], cancelSignal: AbortSignal): Promise<Tally> {
  let failures = 0;
  for (const [tool, args] of CHECKS) {
    const { exitCode } = await execa(tool, args, {
      cwd: projectDir,
      preferLocal: true,
      stdio: 'inherit',
      reject: false,
      cancelSignal,
    });
    console.log(`  ${exitCode === 0 ? '✔' : '✖'} ${tool}`);
    if (exitCode !== 0) failures += 1;
  }
  return { passes: CHECKS.length - failures, failures };
}

async function unit(words: string[], signal: AbortSignal): Promise<Tally> {
  const files = testFiles('tests/**/*.test.ts', words).filter((file) => !file.startsWith('tests/e2e/'));
  return files.length > 0 ? mocha(files, 60_000, signal) : { passes: 0, failures: 0 };
}

/** Each cluster takes the next file as soon as it is free; the clusters are stopped whatever happens. */
async function e2e(words: string[], signal: AbortSignal): Promise<Tally> {
  const files = testFiles('tests/e2e/**/*.e2e.ts', words);
  if (files.length === 0) return { passes: 0, failures: 0 };
  // Long files take longest: what is begun last should be short.
  const queue = files.sort((a, b) => sizeOf(b) - sizeOf(a));
  const instances = E2E.slice(0, queue.length);
  const total = { passes: 0, failures: 0 };
  const work = async (instance: string) => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      console.log(`${file} on cluster ${instance}`);
      const { passes, failures } = await mocha([file], 900_000, signal, {
        // One file shows its tests as they go; of several at once each tells when it is through.
        stdio: instances.length === 1 ? 'inherit' : 'pipe',
        env: { E2E_INSTANCE: instance },
      });
      total.passes += passes;
      total.failures += failures;
    }
  };
  const steps = [
    systemPackages(['chromium']),
    ...embeddedSteps(instances, LOCAL_STACK, [...stackImages, ...testImages]),
  ];
  try {
    await runSteps(steps, { logDir: logDir('e2e'), signal });
    await Promise.all(instances.map(work));
    return total;
  } finally {
    // Also after an interruption, so with a signal of its own.
    const own = new AbortController();
    const stop = instances.map((instance) => ({
      title: `Stop cluster ${instance}`,
      run: (context: StepContext) => stopCluster(instance, context),
    }));
    await runSteps(stop, { logDir: join(logDir('e2e'), 'stop'), signal: own.signal });
  }
}

function sizeOf(file: string): number {
  return statSync(join(projectDir, file)).size;
}

function testFiles(pattern: string, words: string[]): string[] {
  const files = globSync(pattern, { cwd: projectDir }).sort();
  return words.length === 0 ? files : files.filter((file) => words.some((word) => file.includes(word)));
}

async function mocha(
  files: string[],
  timeout: number,
  cancelSignal: AbortSignal,
  { stdio, env }: { stdio: 'inherit' | 'pipe'; env: Record<string, string> } = { stdio: 'inherit', env: {} },
): Promise<Tally> {
  const script = join(import.meta.dirname, 'lib/mocha.ts');
  const child = execa(process.execPath, [script, `${timeout}`, ...files], {
    cwd: projectDir,
    env,
    stdio,
    all: true,
    ipc: true,
    reject: false,
    cancelSignal,
  });
  const reported = await child.getOneMessage().catch(() => undefined);
  const { exitCode, all } = await child;
  if (all !== undefined) console.log(all);
  const tally = (reported as unknown as Tally | undefined) ?? { passes: 0, failures: 0 };
  // A file that cannot be loaded, or a crash, fails without a count.
  return exitCode !== 0 && tally.failures === 0 ? { ...tally, failures: 1 } : tally;
}
