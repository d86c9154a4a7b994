// Drives the real engine on the embedded cluster of the end-to-end tests, which is nobody else's.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { contextName } from '../../../tools/cluster/index.ts';
import { LOCAL_STACK, prepareEngine, pulumi, stackFile, stackLocks } from '../../../tools/lib/engine.ts';

/** Cluster and Pulumi state of the tests. */
export const instance = 'e2e';
const stack = LOCAL_STACK;

/** What a Pulumi command came to. */
export interface Result {
  readonly exitCode: number | undefined;
  /** Standard output and error, as a user sees them. */
  readonly output: string;
}

export type Overrides = Record<string, unknown>;

/** Runs a Pulumi command that may fail, with the settings of `Pulumi.local.yaml` and some of them replaced. */
export async function tryPulumi(args: string[], overrides: Overrides = {}): Promise<Result> {
  return await withSettings(overrides, async (fileArgs) => {
    const { exitCode, all } = await start([...args, ...fileArgs]);
    return { exitCode, output: String(all) };
  });
}

/** Runs a Pulumi command that must succeed. */
export async function runPulumi(args: string[], overrides: Overrides = {}): Promise<string> {
  const { exitCode, output } = await tryPulumi(args, overrides);
  if (exitCode !== 0) throw new Error(`pulumi ${args.join(' ')} ended with ${exitCode}:\n${output}`);
  return output;
}

export const up = (overrides?: Overrides) => runPulumi(['up', '--yes', '--skip-preview'], overrides);
export const destroy = (overrides?: Overrides) =>
  runPulumi(['destroy', '--yes', '--skip-preview'], overrides);

/** Starts an update and kills the engine without warning as soon as `when` says so. */
export async function killedUp(when: () => Promise<boolean>): Promise<void> {
  await withSettings({}, async (fileArgs) => {
    const child = start(['up', '--yes', '--skip-preview', ...fileArgs]);
    while (!(await when())) {
      if (child.exitCode !== null)
        throw new Error(`the update ended before it could be killed:\n${(await child).all}`);
    }
    // The whole group: engine, language host, program and plugins.
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await child;
  });
}

/** What an operator does after an engine was killed. */
export async function unlock(): Promise<void> {
  if (stackLocks(instance, stack).length > 0)
    await pulumi(instance, stack, ['cancel', '--yes', '--stack', stack]);
}

export async function outputs(): Promise<Record<string, unknown>> {
  const { stdout } = await pulumi(instance, stack, ['stack', 'output', '--json', '--stack', stack]);
  return JSON.parse(String(stdout)) as Record<string, unknown>;
}

export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
}

/** The state as `pulumi stack export` shows it, and its resources. */
export async function exportedState(): Promise<{ text: string; resources: StateResource[] }> {
  const { stdout } = await pulumi(instance, stack, ['stack', 'export', '--stack', stack]);
  const text = String(stdout);
  const { deployment } = JSON.parse(text) as { deployment: { resources?: StateResource[] } };
  return { text, resources: deployment.resources ?? [] };
}

/** Makes sure that engine and stack are there. */
export const prepare = (): Promise<void> => prepareEngine(instance);

function start(args: string[]) {
  const command = [...args, '--stack', stack, '--non-interactive', '--color', 'never'];
  return pulumi(instance, stack, command, { all: true, reject: false, detached: true });
}

async function withSettings<T>(overrides: Overrides, action: (fileArgs: string[]) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'mlflow-stack-e2e-'));
  const file = join(folder, `Pulumi.${stack}.yaml`);
  const document = parseDocument(readFileSync(stackFile(stack), 'utf8'));
  const settings = { kubernetes: { context: contextName(instance) }, ...overrides };
  for (const [key, value] of Object.entries(settings))
    document.setIn(['config', `mlflow-stack:${key}`], value);
  writeFileSync(file, document.toString());
  try {
    return await action(['--config-file', file]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
