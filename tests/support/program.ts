// Runs index.ts against a stand-in for a cluster.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { program } from '../../tools/render/program.ts';
import { type Answers, list, readyCluster, startApiServer } from './api-server.ts';
import { folderOf, kubeconfig } from './kubeconfig.ts';
import { type Registered, type Run, type RunOptions, runStack } from './mocks.ts';

export interface ProgramOptions extends RunOptions {
  /** What the cluster answers. Default: an empty cluster with all that a stack needs. Migrations always succeed in it. */
  readonly cluster?: Answers;
}

/** What the stand-in for a migration leaves. */
export const migrated = { before: null, revision: '0123456789ab', snapshot: null };

/** An empty cluster with all that a stack with these settings needs. */
export function clusterFor(settings: Record<string, unknown>): Answers {
  const { className = 'traefik' } = (settings['mlflow-stack:ingress'] ?? {}) as { className?: string };
  return {
    ...readyCluster(),
    '/apis/networking.k8s.io/v1/ingressclasses': list({ name: className }),
  };
}

/** The same time in every run: migration Jobs are named after it. */
const moment = Date.now();
/** The same path in every run: the provider keeps it among its inputs. */
const folder = folderOf({});
process.on('exit', folder.remove);

/** One `up` or preview of the program. The stack's context is in a temporary kubeconfig. */
export async function runProgram(
  settings: Record<string, unknown>,
  { cluster = clusterFor(settings), registered = [], ...options }: ProgramOptions = {},
): Promise<Run> {
  const { context } = settings['mlflow-stack:kubernetes'] as { context: string };
  const api = await startApiServer();
  api.answers = living(cluster, registered);
  const { now } = Date;
  Date.now = () => moment;
  const before = process.env.KUBECONFIG;
  process.env.KUBECONFIG = folder.path('config');
  writeFileSync(process.env.KUBECONFIG, kubeconfig({ context, cluster: { server: api.url } }));
  try {
    return await runStack(program, { ...options, registered, settings });
  } finally {
    Date.now = now;
    if (before === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = before;
    await api.close();
  }
}

/** The same cluster, in which each migration succeeds, and the server is ready once it is registered. */
function living(cluster: Answers, registered: readonly Registered[]): Answers {
  const conditions = [{ type: 'Complete', status: 'True' }];
  const terminated = { exitCode: 0, message: JSON.stringify(migrated) };
  const status = { phase: 'Succeeded', containerStatuses: [{ name: 'migration', state: { terminated } }] };
  const isServerThere = () => registered.some(({ type }) => type === 'kubernetes:apps/v1:Deployment');
  const answers: [RegExp, () => unknown][] = [
    [/^\/apis\/batch\/v1\/namespaces\/[^/]+\/jobs\/mlflow-migration-/, () => ({ status: { conditions } })],
    [/^\/api\/v1\/namespaces\/[^/]+\/pods$/, () => ({ items: [{ metadata: {}, status }] })],
    [
      /^\/apis\/apps\/v1\/namespaces\/[^/]+\/deployments\/mlflow$/,
      () => (isServerThere() ? { metadata: {}, spec: { replicas: 0 } } : 404),
    ],
  ];
  const found = (key: string | symbol) =>
    typeof key === 'string' ? answers.find(([path]) => path.test(key))?.[1] : undefined;
  return new Proxy(cluster, {
    has: (target, key) => key in target || found(key) !== undefined,
    get: (target, key) => (key in target ? target[String(key)] : found(key)),
  });
}

/** One update of a stack with the settings of its file, in which sections are changed or values replaced. */
export async function updateOf(
  stack: string,
  changes: Record<string, object | string> = {},
  /** What the cluster has beyond what every stack needs. */
  cluster: Answers = {},
): Promise<Run> {
  const file = stackFile(join(import.meta.dirname, `../../Pulumi.${stack}.yaml`));
  const changed = Object.entries(changes).map(([key, value]) => {
    const name = `mlflow-stack:${key}`;
    return [name, typeof value === 'string' ? value : { ...(file[name] as object | undefined), ...value }];
  });
  const settings = { ...file, ...(Object.fromEntries(changed) as object) };
  return await runProgram(settings, { stack, cluster: { ...clusterFor(settings), ...cluster } });
}

/** The settings in a stack file, with something in place of the values that only Pulumi can decrypt. */
export function stackFile(path: string): Record<string, unknown> {
  const { config } = parse(readFileSync(path, 'utf8')) as { config: Record<string, unknown> };
  return decrypted(config) as Record<string, unknown>;
}

function decrypted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decrypted);
  if (typeof value !== 'object' || value === null) return value;
  if ('secure' in value) return encryptedValue;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decrypted(item)]));
}

/** What stands in for a value that only Pulumi can decrypt. */
export const encryptedValue = 'value-from-an-encrypted-setting';
