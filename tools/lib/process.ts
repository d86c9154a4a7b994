import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that can be told apart from a later one that was given the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
}

export function identify(pid: number): ProcessIdentity | undefined {
  const started = startTime(pid);
  return started === undefined ? undefined : { pid, started };
}

export function isRunning(process: ProcessIdentity): boolean {
  return startTime(process.pid) === process.started;
}

/** Asks the process to end, then insists. Returns when it is gone. Never touches a stranger with the same number. */
export async function stopProcess(target: ProcessIdentity, graceSeconds = 5): Promise<void> {
  for (const [signal, seconds] of [
    ['SIGTERM', graceSeconds],
    ['SIGKILL', 5],
  ] as const) {
    if (!isRunning(target)) return;
    process.kill(target.pid, signal);
    for (let waited = 0; waited < seconds * 20 && isRunning(target); waited++) await sleep(50);
  }
  if (isRunning(target)) throw new Error(`process ${target.pid} does not end`);
}

function startTime(pid: number): string | undefined {
  try {
    if (existsSync('/proc/self/stat')) {
      const fields = statFields(pid);
      // A zombie is gone for us.
      return fields[0] === 'Z' ? undefined : fields[19];
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', `${pid}`], { encoding: 'utf8' }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Takes a lock that ends with this process, however that ends. The owner is recorded with its start time, so that a
 * file left behind by kill -9 is recognised and replaced. Returns the release, or who holds it.
 */
export function acquireLock(file: string): (() => void) | ProcessIdentity {
  mkdirSync(dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identify(process.pid)));
  try {
    for (;;) {
      try {
        linkSync(mine, file);
        const release = () => rmSync(file, { force: true });
        process.on('exit', release);
        return release;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const owner = readIdentity(file);
      if (owner && isRunning(owner)) return owner;
      // Moved aside before it is deleted: between reading and moving, someone else may have replaced the dead owner's file.
      const aside = `${mine}.stale`;
      try {
        renameSync(file, aside);
      } catch {
        continue;
      }
      const moved = readIdentity(aside);
      if (moved && isRunning(moved)) linkSync(aside, file);
      rmSync(aside);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

export function readIdentity(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}

/** What the system tells about a running process; empty where there is no /proc. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly command: readonly string[];
  readonly environment: readonly string[];
}

export function listProcesses(): ProcessInfo[] {
  if (!existsSync('/proc/self/stat')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const lines = (file: string) => readFileSync(`/proc/${name}/${file}`, 'utf8').split('\0');
        const fields = statFields(Number(name));
        return [
          {
            pid: Number(name),
            parent: Number(fields[1]),
            group: Number(fields[2]),
            command: lines('cmdline'),
            environment: lines('environ'),
          },
        ];
      } catch {
        // Ended meanwhile, or another user's.
        return [];
      }
    });
}

/** From the state on: the command name before it stands in parentheses and may contain anything. */
function statFields(pid: number): string[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
}
