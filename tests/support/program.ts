// Runs index.ts against a stand-in for a cluster.
import { readFileSync, writeFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type Answers, readyCluster, startApiServer } from './api-server.ts';
import { folderOf, kubeconfig } from './kubeconfig.ts';
import { type Run, type RunOptions, runStack } from './mocks.ts';

export interface ProgramOptions extends RunOptions {
  /** What the cluster answers. Default: an empty cluster with all that a stack needs. */
  readonly cluster?: Answers;
}

let runs = 0;
/** The same path in every run: the provider keeps it among its inputs. */
const folder = folderOf({});
process.on('exit', folder.remove);

/** One `up` or preview of the program. The stack's context is in a temporary kubeconfig. */
export async function runProgram(
  settings: Record<string, unknown>,
  { cluster = readyCluster(), ...options }: ProgramOptions = {},
): Promise<Run> {
  const { context } = settings['mlflow-stack:kubernetes'] as { context: string };
  const api = await startApiServer();
  api.answers = cluster;
  const before = process.env.KUBECONFIG;
  process.env.KUBECONFIG = folder.path('config');
  writeFileSync(process.env.KUBECONFIG, kubeconfig({ context, cluster: { server: api.url } }));
  try {
    // A new address makes Node run the module once more.
    return await runStack(() => import(`../../index.ts?run=${++runs}`), { ...options, settings });
  } finally {
    if (before === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = before;
    await api.close();
  }
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
