import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ResultPromise } from 'execa';
import { stateDir } from './paths.ts';
import { identify, isRunning, listProcesses, stopProcess, type ProcessIdentity } from './process.ts';

/** One Service of the cluster made reachable on a local port. */
export interface Forward {
  readonly namespace: string;
  readonly service: string;
  readonly servicePort: number;
  readonly localPort: number;
}

/** What tools/port-forward.ts is told. */
export interface ForwardPlan {
  readonly kubectl: string;
  /** Value of KUBECONFIG; the user's own when missing. */
  readonly kubeconfig?: string;
  readonly context: string;
  readonly forwards: readonly Forward[];
}

interface ForwardRecord {
  readonly plan: ForwardPlan;
  /** The supervisor, leader of a process group of its own that holds its kubectl processes as well. */
  readonly supervisor: ProcessIdentity;
}

const ANSWER_SECONDS = 60;

/**
 * Returns when every port answers. Leaves a running supervisor with the same plan alone, otherwise starts one that
 * outlives this process.
 */
export async function ensureForwards(
  instance: string,
  stack: string,
  plan: ForwardPlan,
  signal: AbortSignal,
): Promise<void> {
  const current = readRecord(instance, stack);
  if (!current || !isRunning(current.supervisor) || !isDeepStrictEqual(current.plan, plan)) {
    await stopForwards(instance, stack);
    startSupervisor(instance, stack, plan);
  }
  const deadline = Date.now() + ANSWER_SECONDS * 1000;
  for (const { localPort, service, namespace } of plan.forwards) {
    while (!(await answers(localPort))) {
      if (Date.now() > deadline)
        throw new Error(`Service ${service} in namespace ${namespace} does not answer on port ${localPort}`);
      await sleep(200, undefined, { signal });
    }
  }
}

/** Hands the port on loopback that `kubectl port-forward ... :PORT` opens to `action`, and ends kubectl afterwards. */
export async function whileForwarded<T>(
  kubectl: ResultPromise<{ reject: false }>,
  action: (port: number) => Promise<T>,
): Promise<T> {
  try {
    const port = await new Promise<number>((settle, reject) => {
      kubectl.stdout.on('data', (chunk: Buffer) => {
        const match = /127\.0\.0\.1:(\d+)/.exec(chunk.toString());
        if (match !== null) settle(Number(match[1]));
      });
      void kubectl.then(({ stderr }) => reject(new Error(`the port-forward ended: ${stderr}`)));
    });
    return await action(port);
  } finally {
    kubectl.kill();
    await kubectl;
  }
}

/** Whether HTTP is spoken there. kubectl accepts connections itself, and closes them at once when the pod does not. */
export function answers(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 4000 });
    socket.on('connect', () =>
      socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    );
    socket.on('data', () => (settle(true), socket.destroy()));
    for (const event of ['timeout', 'error', 'close'])
      socket.on(event, () => (settle(false), socket.destroy()));
  });
}

function startSupervisor(instance: string, stack: string, plan: ForwardPlan): void {
  mkdirSync(forwardDir(instance), { recursive: true });
  const log = openSync(join(forwardDir(instance), `${stack}.log`), 'w');
  const script = resolve(import.meta.dirname, '../port-forward.ts');
  const child = spawn(process.execPath, [script, JSON.stringify(plan)], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  const supervisor = child.pid === undefined ? undefined : identify(child.pid);
  if (supervisor === undefined) throw new Error('the port-forward could not be started');
  child.unref();
  writeFileSync(recordFile(instance, stack), JSON.stringify({ plan, supervisor } satisfies ForwardRecord));
}

export async function stopForwards(instance: string, stack: string): Promise<void> {
  const record = readRecord(instance, stack);
  if (record) {
    await stopProcess(record.supervisor);
    for (const orphan of kubectlsOf(record)) await stopProcess(orphan);
  }
  rmSync(recordFile(instance, stack), { force: true });
}

/** The local ports that this stack's running port-forward holds. */
export function forwardedPorts(instance: string, stack: string): number[] {
  const record = readRecord(instance, stack);
  return record && isRunning(record.supervisor) ? record.plan.forwards.map(({ localPort }) => localPort) : [];
}

export async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((settle) => {
    server.once('error', () => settle(false));
    server.listen(port, '127.0.0.1', () => server.close(() => settle(true)));
  });
}

/** A supervisor that was killed leaves its kubectl processes behind, in its process group. */
function kubectlsOf({ supervisor, plan }: ForwardRecord): ProcessIdentity[] {
  return listProcesses()
    .filter(({ group, command }) => group === supervisor.pid && command[0] === plan.kubectl)
    .map(({ pid }) => identify(pid))
    .filter((identity) => identity !== undefined);
}

function readRecord(instance: string, stack: string): ForwardRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordFile(instance, stack), 'utf8')) as ForwardRecord;
  } catch {
    return undefined;
  }
}

function recordFile(instance: string, stack: string): string {
  return join(forwardDir(instance), `${stack}.json`);
}

function forwardDir(instance: string): string {
  return join(stateDir(instance), 'forwards');
}
