import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { mlflowPackagesDir } from '../images/index.ts';
import { pulumi, stackLocks, withStackFile } from './engine.ts';
import { projectDir } from './paths.ts';
import { identify } from './process.ts';
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
    // In a process group of its own, so that Ctrl-C reaches the engine once, from here: it finishes what it has begun. A
    // second one would make it drop everything.
    const child = pulumi(instance, stack, [command, ...common, ...args, ...fileArgs], {
      all: true,
      buffer: false,
      detached: true,
      cancelSignal: signal,
      killSignal: 'SIGINT',
      forceKillAfterDelay: 60_000,
    });
    let changed = false;
    let diagnosing = false;
    const reasons: string[] = [];
    for await (const line of createInterface({ input: child.all as Readable })) {
      log.write(`${line}\n`);
      const [, sign, type, name, verb] = /^ *([-+~]+) +(\S+) +(\S+) (\w+)/.exec(line) ?? [];
      if (sign) {
        changed = true;
        report(`${verb} ${type?.split(':').at(-1)} ${name}`);
      }
      diagnosing = diagnosing ? !/^\S/.test(line) : line === 'Diagnostics:';
      if (diagnosing) reasons.push(line);
    }
    await child.catch((error: unknown) => {
      signal.throwIfAborted();
      throw new Error(explain(reasons) ?? sentence(error), { cause: error });
    });
    return changed;
  });
}

/** What Pulumi's diagnostics say, without the lines that only tell that something was said elsewhere. */
function explain(diagnostics: string[]): string | undefined {
  const text = diagnostics
    .map((line) => line.replace(/^\s+(error: )?/, ''))
    .filter((line) => !/^(update failed|Resources:)?$/.test(line));
  // The headings name resources whose message is gone.
  const lines = text.filter(
    (line, index) => !(line.endsWith('):') && (text[index + 1] ?? '):').endsWith('):')),
  );
  return lines.length > 0 ? lines.join('\n  ') : undefined;
}

async function waitForLocks(instance: string, stack: string, { signal, report }: StepContext): Promise<void> {
  for (;;) {
    const locks = stackLocks(instance, stack);
    if (locks.length === 0) return;
    const living = locks.find(({ pid }) => identify(pid));
    if (living === undefined) {
      await pulumi(instance, stack, ['cancel', '--yes', '--stack', stack], { cancelSignal: signal });
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
