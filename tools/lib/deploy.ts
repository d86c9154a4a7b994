import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { mlflowPackagesDir } from '../images/index.ts';
import { pulumi, recoverStack, stackLocks, withStackFile } from './engine.ts';
import { projectDir } from './paths.ts';
import { listProcesses } from './process.ts';
import type { StepContext } from './step.ts';
import { sentence } from './steps.ts';

/** What the program tells about a deployed stack. */
export interface Endpoint {
  readonly service: { readonly namespace: string; readonly service: string; readonly servicePort: number };
  /** First host of the Ingress, when there is one. */
  readonly ingressHost?: string;
}

/**
 * Runs `pulumi up` or `destroy` without questions and tells whether anything changed. A lock that a killed engine left is
 * removed, a living engine is waited for.
 */
export async function update(
  instance: string,
  stack: string,
  command: 'up' | 'destroy',
  args: string[],
  context: StepContext,
): Promise<boolean> {
  const { log, signal, report } = context;
  await waitForLocks(instance, stack, context);
  return withStackFile(instance, stack, async (fileArgs) => {
    const common = ['--yes', '--non-interactive', '--color', 'never', '--stack', stack];
    const child = pulumi(instance, stack, [command, ...common, ...args, ...fileArgs], {
      stdin: 'ignore',
      // Straight into the file: should this process be killed, the engine can still finish what it has begun.
      stdout: log,
      stderr: log,
      // In a process group of its own, so that Ctrl-C reaches the engine once, from here, and it winds down. A second one
      // would make it drop everything.
      detached: true,
      cancelSignal: signal,
      killSignal: 'SIGINT',
      forceKillAfterDelay: 60_000,
    });
    const output = watch((log as unknown as { path: string }).path, report);
    try {
      await child;
    } catch (error) {
      signal.throwIfAborted();
      throw new Error(explain(output.end()) ?? sentence(error), { cause: error });
    }
    return output.end().some((line) => CHANGE.test(line));
  });
}

/** A line of progress: sign, type, name, verb. */
const CHANGE = /^ *[-+~]+ +(\S+) +(\S+) (\w+)/;

/** Reports the changes that Pulumi writes into the log. */
function watch(file: string, report: (text: string) => void): { end: () => string[] } {
  const lines = () => readFileSync(file, 'utf8').split('\n');
  const timer = setInterval(() => {
    const [, type, name, verb] = CHANGE.exec(lines().findLast((line) => CHANGE.test(line)) ?? '') ?? [];
    if (type) report(`${verb} ${type.split(':').at(-1)} ${name}`);
  }, 500);
  return {
    end() {
      clearInterval(timer);
      return lines();
    },
  };
}

/** What Pulumi's diagnostics say, without the lines that only tell that something was said elsewhere. */
function explain(output: string[]): string | undefined {
  const start = output.indexOf('Diagnostics:') + 1;
  if (start === 0) return undefined;
  const length = output.slice(start).findIndex((line) => /^\S/.test(line));
  const text = output
    .slice(start, start + length)
    .map((line) => line.replace(/^\s+(error: )?/, ''))
    .filter((line) => line !== '' && line !== 'update failed');
  // The heading of a resource without a message of its own.
  const heading = /^\S+ \(\S+\):$/;
  return text
    .filter((line, index) => !(heading.test(line) && heading.test(text[index + 1] ?? '():')))
    .join('\n  ');
}

async function waitForLocks(
  instance: string,
  stack: string,
  { log, signal, report }: StepContext,
): Promise<void> {
  for (;;) {
    const owners = stackLocks(instance, stack);
    if (owners.length === 0) return;
    const living = listProcesses().find(
      ({ pid, command }) => owners.includes(pid) && command[0]?.endsWith('pulumi'),
    );
    if (living === undefined) {
      report('recovering from an interrupted update');
      await withStackFile(instance, stack, (fileArgs) =>
        recoverStack(instance, stack, fileArgs, { cancelSignal: signal, stdout: log, stderr: log }),
      );
      return;
    }
    report(`waiting for the update that runs already (process ${living.pid})`);
    await sleep(1000, undefined, { signal });
  }
}

export async function readEndpoint(instance: string, stack: string): Promise<Endpoint> {
  const { stdout } = await pulumi(instance, stack, ['stack', 'output', '--json', '--stack', stack]);
  const { service, trackingUrl } = JSON.parse(String(stdout)) as {
    service: { namespace: string; name: string; port: number };
    trackingUrl: string;
  };
  const { hostname } = new URL(trackingUrl);
  return {
    service: { namespace: service.namespace, service: service.name, servicePort: service.port },
    ...(hostname !== '127.0.0.1' && { ingressHost: hostname }),
  };
}

/** Lets a real MLflow client use the server. Returns what it verified. */
export async function smoke(
  trackingUri: string,
  ingress: { url: string; host: string } | undefined,
  { log, signal, report }: StepContext,
): Promise<string[]> {
  const child = execa(
    'python3.11',
    ['tools/smoke/smoke.py', ...(ingress ? [ingress.url, ingress.host] : [])],
    {
      cwd: projectDir,
      env: { PYTHONPATH: mlflowPackagesDir, PYTHONDONTWRITEBYTECODE: '1', MLFLOW_TRACKING_URI: trackingUri },
      buffer: false,
      stderr: log,
      cancelSignal: signal,
    },
  );
  const verified: string[] = [];
  let failure: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    log.write(`${line}\n`);
    if (!line.startsWith('{')) continue;
    const { check, ok, error } = JSON.parse(line) as { check: string; ok: boolean; error?: string };
    report(check);
    if (ok) verified.push(check);
    else failure = `${check}: ${error ?? 'wrong answer'}`;
  }
  await child.catch((error: unknown) => {
    throw failure ? new Error(failure, { cause: error }) : error;
  });
  return verified;
}
