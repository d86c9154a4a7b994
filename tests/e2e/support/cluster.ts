// Looks into the cluster of the end-to-end tests.
import { type IncomingHttpHeaders, request } from 'node:http';
import { request as requestOverTls } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { contextName, kubeconfigPath } from '../../../tools/cluster/index.ts';
import { commandsFor } from '../../../tools/doctor/finding.ts';
import { checkFindings, readChecks } from '../../../tools/doctor/inside.ts';
import { toolPath } from '../../../tools/toolchain/index.ts';
import { settingsWith } from '../../support/settings.ts';
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

/** SQL on a database of the stack's server, rows as lines. */
export async function sql(query: string, database = 'mlflow'): Promise<string[]> {
  const answer = await kubectl(
    ...['--namespace', 'mlflow', 'exec', 'statefulset/mlflow-postgres', '--'],
    ...[
      'psql',
      '--username',
      'mlflow',
      '--dbname',
      database,
      '--tuples-only',
      '--no-align',
      '--command',
      query,
    ],
  );
  return answer.split('\n').filter((line) => line !== '');
}

export const inMlflow = ['--namespace', 'mlflow'];
/** Certificate of the authority beside a server's own in a Secret. */
export async function authorityIn(secretName: string): Promise<string> {
  const { data } = await kubectlJson<{ data: Record<string, string> }>(
    ...[...inMlflow, 'get', `secret/${secretName}`],
  );
  return Buffer.from(data['ca.crt'] ?? '', 'base64').toString();
}

/** Begins a command in the container of the server. */
export const inServer = [...inMlflow, 'exec', 'deployment/mlflow', '--container', 'mlflow', '--'];

/** What the doctor says of the stores from where the server is, and of a bucket that is not the stack's. */
export async function storesFromInside(foreignBucket?: string): Promise<{ who: string; findings: string[] }> {
  const place = foreignBucket === undefined ? [] : ['env', `MLFLOW_ARTIFACTS_DESTINATION=${foreignBucket}`];
  const said = await kubectl(...inServer, ...place, 'python3', '/opt/mlflow-stack/check_stores.py');
  const checks = readChecks(said);
  const findings = checkFindings(
    checks,
    settingsWith(),
    commandsFor('stack', contextName(instance), 'mlflow', false),
  );
  return {
    who: checks.find(({ check }) => check === 'identity')?.detail ?? '',
    findings: findings.map(({ id }) => id),
  };
}

/** Sizes of the stack's databases, as `npm run db:size` has them. */
export async function databaseSizes(): Promise<
  [database: string, bytes: number, tables: [string, number][]][]
> {
  const sizes = await kubectl(...inServer, 'python3', '/opt/mlflow-stack/database_size.py');
  return JSON.parse(sizes) as [string, number, [string, number][]][];
}

/** The server's pods that are ready and not about to end. */
export async function servingPods(): Promise<{ name: string; address: string }[]> {
  const selector = ['--selector', 'app.kubernetes.io/component=tracking-server'];
  const { items } = await kubectlJson<{
    items: {
      metadata: { name: string; deletionTimestamp?: string };
      status: { podIP?: string; conditions?: { type: string; status: string }[] };
    }[];
  }>(...inMlflow, 'get', 'pods', ...selector);
  return items
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .filter(({ status }) =>
      status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
    )
    .map(({ metadata, status }) => ({ name: metadata.name, address: status.podIP ?? '' }));
}

/** Which images servers ran while something happened, in order, and whether two of them ran at the same time. */
export function watchServerPods(): { stop(): Promise<{ versions: string[]; sideBySide: boolean }> } {
  const versions: string[] = [];
  let sideBySide = false;
  const watch = repeatedly(async () => {
    const { output } = await tryKubectl(
      ...[...inMlflow, 'get', 'pods', '--selector', 'app.kubernetes.io/component=tracking-server'],
      ...['--output', 'jsonpath={range .items[*]}{.spec.containers[0].image}{"\\n"}{end}'],
    );
    const tags = new Set(
      output
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(':').at(-1) ?? ''),
    );
    sideBySide ||= tags.size > 1;
    for (const tag of tags) if (!versions.includes(tag)) versions.push(tag);
  });
  return {
    stop: async () => {
      await watch.stop();
      return { versions, sideBySide };
    },
  };
}

/** Looks several times a second until it is stopped, which tells what went wrong. */
export function repeatedly(look: () => Promise<unknown>): { stop(): Promise<void> } {
  const end = new AbortController();
  const looking = (async () => {
    while (!end.signal.aborted) {
      await look();
      await sleep(300);
    }
  })();
  return {
    stop: () => {
      end.abort();
      return looking;
    },
  };
}

/** Runs garbage collection now; says what its pod said when that fails. */
export async function runGc(): Promise<void> {
  await runCronJob('mlflow-gc');
}

let jobs = 0;

/** Starts a run of a CronJob by hand, and waits for its end. */
export async function runCronJob(name: string): Promise<void> {
  const job = `${name}-${process.pid}-${++jobs}`;
  await kubectl(...inMlflow, 'create', 'job', job, `--from=cronjob/${name}`);
  await eventually(`Job ${job} ends`, async () => (await jobCondition(job)) !== undefined, 240);
  if ((await jobCondition(job)) === 'Failed') {
    const { output } = await tryKubectl(...inMlflow, 'logs', `job/${job}`, '--all-containers', '--tail=20');
    throw new Error(`Job ${job} failed:\n${output}`);
  }
}

async function jobCondition(job: string): Promise<string | undefined> {
  const { status } = await kubectlJson<{ status: { conditions?: { type: string; status: string }[] } }>(
    ...[...inMlflow, 'get', `job/${job}`],
  );
  return status.conditions?.find(
    ({ type, status }) => status === 'True' && ['Complete', 'Failed'].includes(type),
  )?.type;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An HTTP request with a Host header of one's own; over TLS where an authority is given. */
export async function ask(
  address: string,
  {
    ca,
    port = ca === undefined ? 80 : 443,
    path = '/',
    host,
    servername = host,
    method = 'GET',
    headers = {},
    body,
  }: AskOptions,
): Promise<Answer> {
  const send = ca === undefined ? request : requestOverTls;
  return await new Promise((resolve, reject) => {
    const outgoing = send(
      { host: address, port, path, method, headers: { ...headers, host }, ca, servername },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks).toString(),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export interface AskOptions {
  /** Certificate that must have signed the answering server's, which must be for `host`. */
  readonly ca?: string;
  /** The name that it must be for instead. */
  readonly servername?: string;
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
