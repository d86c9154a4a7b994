import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The checkout that these tools belong to. */
export const projectDir = resolve(import.meta.dirname, '../..');

/** Built tools, downloaded packages and images: shared by all instances, safe to delete at any time. */
export const cacheDir = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'mlflow-stack');

/** Everything one instance owns: cluster state, Pulumi state, logs. Instances never share any of it. */
export function stateDir(instance: string): string {
  return join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'mlflow-stack', instance);
}
