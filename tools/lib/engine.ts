import { createHash, randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { execa, type Options, type ResultPromise } from 'execa';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { kubeconfigPath } from '../cluster/index.ts';
import { engineBinDir, toolPath } from '../toolchain/index.ts';
import { cacheDir, projectDir, stateDir } from './paths.ts';
import { identify, listProcesses, stopProcess } from './process.ts';

/** The stack of the embedded cluster. */
export const LOCAL_STACK = 'local';

const PLUGINS = ['kubernetes', 'random'] as const;

/** The repository's settings of a stack. */
export function stackFile(stack: string): string {
  return join(projectDir, `Pulumi.${stack}.yaml`);
}

/** Whether the stack's state is the instance's own. Stack `local` always is; others follow PULUMI_BACKEND_URL if it is set. */
export function hasOwnBackend(stack: string): boolean {
  return stack === LOCAL_STACK || !process.env.PULUMI_BACKEND_URL;
}

/**
 * The environment in which Pulumi runs for an instance, the same for every tool and test. Stack `local` sees the
 * embedded cluster's kubeconfig and nothing of the user's; any other stack uses what the user has set.
 */
export function engineEnvironment(instance: string, stack = LOCAL_STACK): NodeJS.ProcessEnv {
  const home = pulumiDir(instance);
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    // The engine, and the Node that runs this, which also runs the program.
    PATH: [engineBinDir, dirname(process.execPath), process.env.PATH].join(delimiter),
    PULUMI_HOME: home,
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
    // Plugins come from PULUMI_HOME/plugins. Those on PATH would be used with two warnings at every command.
    PULUMI_IGNORE_AMBIENT_PLUGINS: 'true',
    // See withStackFile.
    PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: 'true',
    NODE_COMPILE_CACHE: join(cacheDir, 'node'),
  };
  if (stack === LOCAL_STACK) {
    environment.KUBECONFIG = kubeconfigPath(instance);
    // Wins over the file when set.
    delete environment.PULUMI_CONFIG_PASSPHRASE;
    delete environment.PULUMI_CONFIG_PASSPHRASE_FILE;
  }
  if (hasOwnBackend(stack)) {
    environment.PULUMI_BACKEND_URL = `file://${join(home, 'backend')}`;
    environment.PULUMI_CONFIG_PASSPHRASE_FILE ??= passphraseFile(instance);
  }
  return environment;
}

/** Makes what engineEnvironment points to. Quick when it is there. */
export async function prepareEngine(instance: string, stack = LOCAL_STACK): Promise<void> {
  const home = pulumiDir(instance);
  mkdirSync(join(home, 'backend'), { recursive: true, mode: 0o700 });
  for (const name of PLUGINS) {
    const version = packageJson.dependencies[`@pulumi/${name}`];
    const link = join(home, 'plugins', `resource-${name}-v${version}`, `pulumi-resource-${name}`);
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(toolPath(`pulumi-resource-${name}`), link);
  }
  await endOrphans(instance);
  if (!existsSync(passphraseFile(instance))) {
    writeFileSync(passphraseFile(instance), randomBytes(24).toString('base64url'), {
      mode: 0o600,
      flag: 'wx',
    });
  }
  await initStack(instance, stack);
  if (stack === LOCAL_STACK && selectedStack(instance) === undefined) {
    await pulumi(instance, stack, ['stack', 'select', stack, '--non-interactive']);
  }
}

/**
 * Creates the stack unless it is there. `stack init` writes the salt of the passphrase into the stack file, which would
 * change a committed file, each time differently; so it runs beside copies of the two files. The salt is also in the
 * stack's state, where the engine finds it from then on.
 */
async function initStack(instance: string, stack: string): Promise<void> {
  if (hasOwnBackend(stack) && existsSync(checkpointFile(instance, stack))) return;
  const scratch = mkdtempSync(join(tmpdir(), 'mlflow-stack-'));
  try {
    copyFileSync(join(projectDir, 'Pulumi.yaml'), join(scratch, 'Pulumi.yaml'));
    if (existsSync(stackFile(stack)))
      copyFileSync(stackFile(stack), join(scratch, basename(stackFile(stack))));
    const { exitCode, stderr } = await pulumi(
      instance,
      stack,
      ['stack', 'init', stack, '--no-select', '--non-interactive'],
      { cwd: scratch, reject: false },
    );
    if (exitCode !== 0 && !/already exists/.test(String(stderr)))
      throw new Error(`Stack ${stack} could not be created: ${String(stderr)}`);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** The stack chosen with `pulumi stack select` in this checkout, as the CLI remembers it. */
export function selectedStack(instance: string): string | undefined {
  const id = createHash('sha1').update(join(projectDir, 'Pulumi.yaml')).digest('hex');
  const file = join(pulumiDir(instance), 'workspaces', `mlflow-stack-${id}-workspace.json`);
  if (!existsSync(file)) return undefined;
  const { stacks } = JSON.parse(readFileSync(file, 'utf8')) as { stacks?: Record<string, string> };
  return stacks?.[engineEnvironment(instance).PULUMI_BACKEND_URL ?? '']?.split('/').at(-1);
}

/** An engine that was killed leaves behind its plugins, which may wait for it forever, and its copy of the stack file. */
export async function endOrphans(instance: string): Promise<void> {
  if (!existsSync(pulumiDir(instance))) return;
  const mark = `PULUMI_HOME=${pulumiDir(instance)}`;
  const ours = listProcesses().filter(({ environment }) => environment.includes(mark));
  const pids = new Set(ours.map(({ pid }) => pid));
  for (const { pid, parent, command } of ours) {
    const orphan = !pids.has(parent) && /^pulumi-(language|resource)-/.test(basename(command[0] ?? ''));
    const identity = orphan ? identify(pid) : undefined;
    if (identity) await stopProcess(identity);
  }
  for (const name of readdirSync(pulumiDir(instance)).filter((name) => name.startsWith('settings-'))) {
    if (!identify(Number(name.split('-')[1]))) rmSync(join(pulumiDir(instance), name), { recursive: true });
  }
}

/** Starts the Pulumi CLI on a stack. */
export function pulumi(
  instance: string,
  stack: string,
  args: string[],
  options: Options = {},
): ResultPromise {
  return execa('pulumi', args, {
    cwd: projectDir,
    env: engineEnvironment(instance, stack),
    extendEnv: false,
    ...options,
  });
}

/**
 * Runs `action` with the arguments that make Pulumi read a copy of the stack file. Updates and previews write the salt
 * of the passphrase into the file that they read. A committed file would be dirty after the first one, and another
 * machine could do nothing with that salt. In the copy it does no harm: it is made anew each time, and a missing salt is
 * taken from the stack's state (PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER). What the user changes on the way
 * (`up --config key=value`) goes back to the file; its secrets go back together with their salt. `pulumi config` is
 * given the file itself: it writes a salt only beside the first secret, where it belongs.
 */
export async function withStackFile<T>(
  instance: string,
  stack: string,
  action: (args: string[]) => Promise<T>,
): Promise<T> {
  const file = stackFile(stack);
  if (!existsSync(file)) return action([]);
  const dir = mkdtempSync(join(pulumiDir(instance), `settings-${process.pid}-`));
  const copy = join(dir, basename(file));
  const before = readFileSync(file, 'utf8');
  writeFileSync(copy, before);
  try {
    return await action(['--config-file', copy]);
  } finally {
    const written = readFileSync(copy, 'utf8');
    const salted = /^encryptionsalt:/m.test(before) || /^\s+(- )?secure:/m.test(written);
    const after = salted ? written : written.replace(/^encryptionsalt:.*\n/m, '');
    // Compared by meaning, because Pulumi drops empty lines when it writes.
    if (!isDeepStrictEqual(parse(after), parse(before))) writeFileSync(file, after);
    rmSync(dir, { recursive: true });
  }
}

/** Process numbers of the engines that hold the stack's lock. A killed engine leaves its lock behind. */
export function stackLocks(instance: string, stack: string): number[] {
  const dir = join(pulumiDir(instance), 'backend/.pulumi/locks/organization', packageJson.name, stack);
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .map((name) => Number(/"pid":\s*(\d+)/.exec(readFileSync(join(dir, name), 'utf8'))?.[1]));
}

/**
 * Puts right what a killed engine left: its plug-ins, its lock, and notes of creations whose outcome it never learned. What
 * was created is found again by the next update, which would otherwise warn of those notes for ever.
 */
export async function recoverStack(
  instance: string,
  stack: string,
  fileArgs: string[],
  options: Options = {},
): Promise<void> {
  await endOrphans(instance);
  const common = ['--yes', '--stack', stack];
  await pulumi(instance, stack, ['cancel', ...common], options);
  const refresh = ['refresh', '--skip-preview', '--clear-pending-creates', '--non-interactive'];
  await pulumi(instance, stack, [...refresh, ...common, ...fileArgs], options);
}

/** Names of the stacks in the instance's own backend. */
export function ownStacks(instance: string): string[] {
  const dir = dirname(checkpointFile(instance, LOCAL_STACK));
  if (!existsSync(dir)) return [];
  return readdirSync(dir)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length));
}

export function pulumiDir(instance: string): string {
  return join(stateDir(instance), 'pulumi');
}

function checkpointFile(instance: string, stack: string): string {
  return join(pulumiDir(instance), 'backend/.pulumi/stacks', packageJson.name, `${stack}.json`);
}

function passphraseFile(instance: string): string {
  return join(pulumiDir(instance), 'passphrase');
}
