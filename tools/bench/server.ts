// npm run bench -- server [SECONDS]: what the server needs and does, per number of workers and pods. SECONDS is how long each
// kind of request is measured. Prints tables.
import { join } from 'node:path';
import { execa } from 'execa';
import { clusterSteps } from '../cluster/index.ts';
import { seaweedfs, stackImages } from '../images/index.ts';
import { toolPath } from '../toolchain/index.ts';
import {
  emptyStack,
  instance,
  kubectl,
  kubectlArgs,
  mebibytes,
  type Pod,
  printPlaces,
  printTable,
  secondsToReady,
  serverPod,
  settledMemory,
  stack,
  withOwnCluster,
} from './shared.ts';

interface Plan {
  readonly title: string;
  readonly server: { readonly workers?: number; readonly replicas?: number; readonly jobs?: boolean };
  readonly artifactStore?: 's3Compatible';
  readonly measured: readonly ('rest' | 'requests' | 'transfer')[];
}

/** The last of those at rest is what `mlflow server` does by itself. */
const plans: readonly Plan[] = [
  { title: '1 worker', server: {}, measured: ['rest', 'requests', 'transfer'] },
  { title: '2 workers', server: { workers: 2 }, measured: ['rest', 'requests'] },
  { title: '4 workers', server: { workers: 4 }, measured: ['rest', 'requests'] },
  { title: '1 worker, jobs', server: { jobs: true }, measured: ['rest'] },
  { title: '4 workers, jobs', server: { workers: 4, jobs: true }, measured: ['rest'] },
  { title: '1 worker', server: {}, artifactStore: 's3Compatible', measured: ['transfer'] },
  {
    title: '3 pods of 1 worker',
    server: { replicas: 3 },
    artifactStore: 's3Compatible',
    measured: ['requests'],
  },
];

const mebibytesOfArtifact = 1024;
/** Far more than any of it takes. */
const transferSeconds = 300;

interface Table {
  readonly head: readonly string[];
  readonly measure: (plan: Plan, pod: Pod) => Promise<string[][]>;
  readonly rows: string[][];
}

export async function benchServer(seconds: number, signal: AbortSignal): Promise<void> {
  const images = [...stackImages, seaweedfs];
  const tables: Record<Plan['measured'][number], Table> = {
    rest: {
      head: ['server', 'RSS at rest', 'working set', 'pod made to Ready', 'container started to Ready'],
      measure: (plan, pod) => atRest(plan, pod, signal),
      rows: [],
    },
    requests: {
      head: ['server', 'request', 'per second', 'p50', 'p95', 'RSS afterwards'],
      measure: (plan, pod) => requests(plan, pod, seconds, signal),
      rows: [],
    },
    transfer: {
      head: ['artifacts', 'direction', 'time', 'peak of `/tmp`', 'peak of RSS', 'longest wait of others'],
      measure: (plan, pod) => transfers(plan, pod, signal),
      rows: [],
    },
  };
  await withOwnCluster(images, signal, async (run) => {
    await run(clusterSteps(instance, images));
    await emptyStack();
    for (const [index, plan] of plans.entries()) {
      signal.throwIfAborted();
      // A store that holds artifacts is not given up for another.
      if (plan.artifactStore !== plans[index - 1]?.artifactStore) await stack.destroy();
      await stack.up(settings(plan));
      for (const name of plan.measured) {
        const rows = await tables[name].measure(plan, await serverPod());
        for (const row of rows) console.error(row.join(', '));
        tables[name].rows.push(...rows);
      }
    }
  });
  for (const { head, rows } of Object.values(tables)) printTable(head, rows);
  printPlaces();
}

/** Three pods with the usual requests would not fit on two cores. */
function settings({ server, artifactStore }: Plan) {
  return {
    server: { ...server, resources: { requests: { cpu: '100m' } } },
    ...(artifactStore && { artifactStore: { kind: artifactStore } }),
  };
}

async function atRest({ title }: Plan, pod: Pod, signal: AbortSignal): Promise<string[][]> {
  const { rssBytes, workingSetBytes } = await settledMemory(signal);
  const { sincePodMade, sinceContainerStarted } = secondsToReady(pod);
  const memory = [rssBytes, workingSetBytes].map(mebibytes);
  return [[title, ...memory, `${sincePodMade} s`, `${sinceContainerStarted} s`]];
}

interface Figures {
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly failed: number;
}

async function requests(plan: Plan, pod: Pod, seconds: number, signal: AbortSignal): Promise<string[][]> {
  const results = await load<Record<string, Figures>>('requests', seconds, 60 + 10 * seconds, signal);
  const { rss } = peaks(await kubectl(...inPod(pod, sampling(1))));
  const milliseconds = (value: number) => `${(value * 1000).toFixed(0)} ms`;
  return Object.entries(results).map(([kind, { perSecond, p50, p95, failed }]) => [
    plan.title,
    kind,
    perSecond.toFixed(0) + (failed > 0 ? ` (${failed} failed)` : ''),
    ...[p50, p95].map(milliseconds),
    mebibytes(rss),
  ]);
}

async function transfers(plan: Plan, pod: Pod, signal: AbortSignal): Promise<string[][]> {
  const rows = [];
  for (const direction of ['upload', 'download']) {
    const script = sampling(2 * transferSeconds);
    const watcher = execa(toolPath('kubectl'), kubectlArgs(...inPod(pod, script)), { reject: false });
    const { seconds, longestWait } = await load<{ seconds: number; longestWait: number }>(
      direction,
      mebibytesOfArtifact,
      transferSeconds,
      signal,
    ).finally(() => watcher.kill());
    const { tmp, rss } = peaks((await watcher).stdout);
    const store = plan.artifactStore ?? 'pvc';
    const wait = `${longestWait.toFixed(1)} s`;
    rows.push([store, direction, `${seconds.toFixed(1)} s`, mebibytes(tmp), mebibytes(rss), wait]);
  }
  return rows;
}

const inPod = ({ metadata }: Pod, script: string) =>
  ['exec', metadata.name, '--container', 'mlflow', '--', 'sh', '-c', script] as const;

/** Twice a second what `/tmp` and the processes' own memory take, in KiB; the kubelet looks only every ten seconds. */
const sampling = (times: number): string =>
  `for i in $(seq ${times}); do
    test $i = 1 || sleep 0.5
    echo $(du -sk /tmp) $(cat /proc/[0-9]*/status | awk '/^RssAnon/ { sum += $2 } END { print sum }') || exit
  done 2> /dev/null`;

/** In bytes. The last line may be cut off. */
function peaks(samples: string): { tmp: number; rss: number } {
  const rows = [...samples.matchAll(/^(\d+) \/tmp (\d+)$/gm)];
  const peak = (column: number) => Math.max(...rows.map((row) => Number(row[column]) * 1024));
  return { tmp: peak(1), rss: peak(2) };
}

/** Runs load.py against the Service. */
async function load<T>(mode: string, amount: number, timeout: number, signal: AbortSignal): Promise<T> {
  const jsonpath = 'jsonpath={.spec.clusterIP}:{.spec.ports[0].port}';
  const address = await kubectl('get', 'service/mlflow', '--output', jsonpath);
  const script = join(import.meta.dirname, 'load.py');
  const { stdout } = await execa('python3.11', [script, address, mode, `${amount}`], {
    timeout: timeout * 1000,
    cancelSignal: signal,
  });
  return JSON.parse(stdout) as T;
}
