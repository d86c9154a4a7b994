// npm run quickstart:down: takes away what the quickstart brought, and looks whether anything is left.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { destroyCluster, kubeconfigPath } from './cluster/index.ts';
import { update } from './lib/deploy.ts';
import {
  LOCAL_STACK,
  endOrphans,
  ownStacks,
  prepareEngine,
  pulumi,
  pulumiDir,
  stackFile,
} from './lib/engine.ts';
import { forwardedPorts, stopForwards } from './lib/forward.ts';
import { command } from './lib/command.ts';
import { cacheDir, stateDir } from './lib/paths.ts';
import { ensureEngine, logDir } from './lib/plan.ts';
import { acquireLock, listProcesses } from './lib/process.ts';
import type { Step } from './lib/step.ts';
import { runSteps } from './lib/steps.ts';
import { contextSettings, QUICKSTART, quickstartTarget, type Target } from './lib/target.ts';
import { toolPath } from './toolchain/index.ts';

const COMMAND = {
  usage: 'npm run quickstart:down -- [OPTIONS]',
  about: 'Destroys the stack and the embedded cluster with all its data.',
  options: {
    context: {
      value: 'NAME',
      help: 'destroy the stack in this context of your kubeconfig; the cluster stays',
    },
    purge: { help: 'also delete built tools, downloaded packages, images and logs' },
  },
  afterInterruption: 'Interrupted. Type the same command again: it continues where it stopped.',
} as const;

await command(COMMAND, async (options, { signal }) => {
  const target = quickstartTarget(options.context);
  const others = ownStacks(QUICKSTART).filter((stack) => stack !== target.stack);
  if (options.purge && others.length > 0) {
    throw new Error(
      `--purge would delete the state of ${others.join(', ')} as well: first npm run quickstart:down -- --context NAME for each.`,
    );
  }
  const lock = acquireLock(join(stateDir(QUICKSTART), 'lock'));
  if (typeof lock !== 'function')
    throw new Error(`A quickstart is at work (process ${lock.pid}). Wait for it, or end it.`);

  const embedded = options.context === undefined;
  if (!embedded && !ownStacks(QUICKSTART).includes(target.stack)) {
    console.log(
      `There is no stack ${target.stack}, so there is nothing to remove. Known stacks: ${others.join(', ') || 'none'}.`,
    );
    return;
  }
  const steps: Step[] = [
    {
      title: 'Destroy the stack',
      run: (context) => (embedded ? destroyLocal(target, context) : destroyNamed(target, context)),
    },
    {
      title: 'End what runs in the background',
      async run() {
        await stopForwards(QUICKSTART, target.stack);
        await endOrphans(QUICKSTART);
      },
    },
  ];
  if (embedded) {
    steps.push({ title: 'Destroy the cluster', run: (context) => destroyCluster(QUICKSTART, context) });
    steps.push({ title: 'Check that nothing is left', run: async () => expectNothingLeft() });
  }
  await runSteps(steps, { logDir: join(logDir(QUICKSTART), 'down'), signal });
  if (options.purge)
    for (const dir of [cacheDir, stateDir(QUICKSTART)]) rmSync(dir, { recursive: true, force: true });
  console.log(
    `\n${embedded ? 'The embedded cluster and all its data are gone.' : `Stack ${target.stack} is gone.`}`,
  );
});

/**
 * The cluster's data goes with it, so the stack's state may be dropped whenever the cluster does not answer, or does not
 * let go: nothing outside of it belongs to the stack.
 */
async function destroyLocal({ stack }: Target, context: Parameters<Step['run']>[0]): Promise<void> {
  if (!ownStacks(QUICKSTART).includes(stack)) return;
  if (await clusterAnswers()) {
    try {
      await update(QUICKSTART, stack, 'destroy', ['--skip-preview'], context);
    } catch (error) {
      context.signal.throwIfAborted();
      context.log.write(`\n${String(error)}\nThe state is dropped, and the resources with the cluster.\n`);
    }
  }
  await removeStack(stack);
}

async function destroyNamed(
  { stack, context: name }: Target,
  context: Parameters<Step['run']>[0],
): Promise<void> {
  if (!ownStacks(QUICKSTART).includes(stack)) return;
  await ensureEngine(QUICKSTART, context.signal);
  await prepareEngine(QUICKSTART, stack);
  await update(QUICKSTART, stack, 'destroy', ['--skip-preview'], context);
  await removeStack(stack);
  // Settings that the user changed are not ours to delete.
  const untouched = contextSettings(readFileSync(stackFile(LOCAL_STACK), 'utf8'), name);
  if (existsSync(stackFile(stack)) && readFileSync(stackFile(stack), 'utf8') === untouched)
    rmSync(stackFile(stack));
}

async function clusterAnswers(): Promise<boolean> {
  if (!existsSync(kubeconfigPath(QUICKSTART))) return false;
  const env = { KUBECONFIG: kubeconfigPath(QUICKSTART) };
  const { exitCode } = await execa(toolPath('kubectl'), ['get', '--raw', '/readyz', '--request-timeout=5s'], {
    env,
    reject: false,
  });
  return exitCode === 0;
}

async function removeStack(stack: string): Promise<void> {
  const args = [
    'stack',
    'rm',
    stack,
    '--yes',
    '--force',
    '--preserve-config',
    '--remove-backups',
    '--non-interactive',
  ];
  // Without an engine, as after --purge was interrupted, the state is what remains to be deleted.
  if (existsSync(toolPath('pulumi'))) await pulumi(QUICKSTART, stack, args);
  else rmSync(pulumiDir(QUICKSTART), { recursive: true, force: true });
}

/** Looks at the machine itself, not at records that may be wrong. */
function expectNothingLeft(): void {
  const roots = ['cluster', 'pulumi', 'forwards'].map((name) => join(stateDir(QUICKSTART), name, '/'));
  const ours = (path: string) => roots.some((root) => path.startsWith(root));
  const left = ownStacks(QUICKSTART).includes(LOCAL_STACK) ? ['the state of stack local'] : [];
  if (forwardedPorts(QUICKSTART, LOCAL_STACK).length > 0) left.push('a port-forward');
  for (const { pid, command } of listProcesses()) {
    if (command.some(ours)) left.push(`process ${pid} (${command[0]})`);
  }
  if (existsSync('/proc/self/mountinfo')) {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '');
    left.push(...mounts.filter(ours).map((path) => `the mount ${path}`));
  }
  if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
}
