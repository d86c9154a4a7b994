// Looks into the cluster of the end-to-end tests.
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { contextName, kubeconfigPath } from '../../../tools/cluster/index.ts';
import { toolPath } from '../../../tools/toolchain/index.ts';
import { instance } from './stack.ts';

export async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await execa(toolPath('kubectl'), kubectlArgs(args));
  return stdout;
}

/** Exit code and everything printed, for commands that may fail. */
export async function tryKubectl(
  ...args: string[]
): Promise<{ exitCode: number | undefined; output: string }> {
  const { exitCode, all } = await execa(toolPath('kubectl'), kubectlArgs(args), { reject: false, all: true });
  return { exitCode, output: all };
}

export async function kubectlJson<T>(...args: string[]): Promise<T> {
  return JSON.parse(await kubectl(...args, '--output', 'json')) as T;
}

function kubectlArgs(args: string[]): string[] {
  return ['--kubeconfig', kubeconfigPath(instance), '--context', contextName(instance), ...args];
}

/** Applies a manifest. */
export async function apply(manifest: object): Promise<void> {
  await execa(toolPath('kubectl'), kubectlArgs(['apply', '--filename', '-']), {
    input: JSON.stringify(manifest),
  });
}

/** SQL on the stack's database, rows as lines. */
export async function sql(query: string): Promise<string[]> {
  const answer = await kubectl(
    ...['--namespace', 'mlflow', 'exec', 'statefulset/mlflow-postgres', '--'],
    ...['psql', '--username', 'mlflow', '--tuples-only', '--no-align', '--command', query],
  );
  return answer.split('\n').filter((line) => line !== '');
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** An HTTP request with a Host header of one's own. */
export async function ask(
  address: string,
  { port = 80, path = '/', host, method = 'GET', headers = {}, body }: AskOptions,
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      { host: address, port, path, method, headers: { ...headers, host } },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export interface AskOptions {
  readonly port?: number;
  readonly path?: string;
  readonly host: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Waits until a condition holds; says what it waited for when it does not. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  seconds = 120,
): Promise<void> {
  const giveUp = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > giveUp) throw new Error(`after ${seconds} s still not: ${what}`);
    await sleep(500);
  }
}
