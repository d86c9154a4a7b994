import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../lib/paths.ts';
import { modulesDir } from './build.ts';
import type { GoBuild, ModuleWay, Tool } from './tools.ts';

/** One folder per tool, named by version and inputs. What stands there under its final name is complete. */
export const storeDir = join(cacheDir, 'bin');

export function toolDir(tool: Tool, store = storeDir, modules = modulesDir): string {
  return join(store, `${tool.name}-${tool.version}-${inputsHash(tool, modules)}`);
}

/** A hash of all that decides what a build yields: the tool's row and its modules' sources and pins. */
function inputsHash(tool: Tool, modules: string): string {
  const hash = createHash('sha256').update(
    JSON.stringify([process.platform, process.arch, { ...tool, estimate: undefined }]),
  );
  for (const way of tool.ways) {
    const builds = way.kind === 'go' ? way.builds : way.kind === 'module' ? [way] : [];
    for (const path of builds.flatMap((build) => sources(build, modules)))
      hash.update(`\0${path}\0`).update(readFileSync(join(modules, path)));
  }
  return hash.digest('hex').slice(0, 12);
}

/** The module's pins, and the code of the package where that is ours. */
function sources(build: GoBuild | ModuleWay, modules: string): string[] {
  const ours = build.package.startsWith('.') ? join(build.module, build.package) : undefined;
  return readdirSync(join(modules, build.module), { recursive: true, encoding: 'utf8' })
    .map((path) => join(build.module, path))
    .filter(
      (path) =>
        /\/go\.(mod|sum)$/.test(path) ||
        (path.endsWith('.go') && ours !== undefined && path.startsWith(`${ours}/`)),
    )
    .sort();
}

/**
 * Fills a folder under a temporary name and gives it its final name when it is complete. A killed run leaves only a
 * temporary name behind, which the next one removes.
 */
export async function fillAtomically(dir: string, fill: (staging: string) => Promise<void>): Promise<void> {
  const parent = join(dir, '..');
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) {
    const pid = /\.tmp-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid)))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
  const staging = `${dir}.tmp-${process.pid}`;
  try {
    await fill(staging);
    try {
      renameSync(staging, dir);
    } catch (error) {
      // Another run was quicker.
      if (!existsSync(dir)) throw error;
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
