import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KubeconfigParts {
  readonly context?: string;
  readonly cluster?: object;
  readonly user?: object;
}

/** A kubeconfig of one context, whose cluster and user are called after it. JSON is YAML, too. */
export function kubeconfig({ context = 'test', cluster, user }: KubeconfigParts): string {
  return JSON.stringify({
    contexts: [{ name: context, context: { cluster: context, user: context } }],
    clusters: cluster && [{ name: context, cluster }],
    users: [{ name: context, user: user ?? {} }],
  });
}

/** A temporary folder with these files in it; `remove` takes it away. */
export function folderOf(files: Record<string, string>): {
  path: (name: string) => string;
  remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'mlflow-stack-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o700 });
  return { path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true }) };
}
