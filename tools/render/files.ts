import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Manifest, yamlOf } from './manifests.ts';

export const isSecret = ({ object }: Manifest): boolean => object.kind === 'Secret';

/**
 * Makes a folder, unless it is there and empty.
 *
 * @throws Error when something is in it, which is somebody's work, or it cannot be written to.
 */
export function newFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    if (readdirSync(path).length === 0) return;
  } catch (error) {
    throw new Error(
      `${path} cannot be written to (${(error as Error).message}); name another folder with --out.`,
      { cause: error },
    );
  }
  throw new Error(`${path} is not empty; nothing was written. Name a new folder with --out, or empty it.`);
}

/** One file for each. Nobody else may read those of Secrets. */
export function writeFiles(folder: string, manifests: readonly Manifest[]): void {
  for (const each of manifests)
    writeFileSync(join(folder, fileName(each)), yamlOf(each), {
      flag: 'wx',
      mode: isSecret(each) ? 0o600 : 0o644,
    });
}

/** The namespace is the first of them, since kubectl takes files by their names. */
function fileName({ id }: Manifest): string {
  const [kind = '', name = ''] = id.toLowerCase().split('/');
  return `${kind === 'namespace' ? '0-' : ''}${kind}-${name}.yaml`;
}
