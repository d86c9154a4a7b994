// Copies of artifacts in a folder of this machine, or in another bucket. What is the same at both ends stays as it is: an
// index in the copy keeps what tells one content of a file from another, at either end.
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract as untar, pack as tar } from 'tar-stream';
import { python } from '../../lib/backup.ts';
import { reasonOf, said } from './backups.ts';
import type { MaintenancePod } from './maintenance-pod.ts';

/** What was copied; all else was there already. */
export interface Copied {
  readonly files: number;
  readonly bytes: number;
}

export interface CopyOptions {
  /** Where the stack keeps its artifacts. */
  readonly store: string;
  /** A folder, or the URI of another bucket. */
  readonly copy: string;
  /** From the copy to the store. */
  readonly back: boolean;
  readonly signal: AbortSignal;
}

export async function copyArtifacts(pod: MaintenancePod, options: CopyOptions): Promise<Copied> {
  const { store, copy, back, signal } = options;
  if (!isUri(copy)) return await (back ? fromFolder(pod, options) : toFolder(pod, options));
  const command = python('copy_artifacts', 'between', store, copy, ...(back ? ['--back'] : []));
  const { stdout } = await said(pod.exec('mlflow', command, { cancelSignal: signal }));
  return JSON.parse(stdout) as Copied;
}

export const isUri = (place: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//.test(place);

/** Marks of a file at both ends, by its path. */
type Index = Record<string, { store: string; copy: string }>;

const indexFile = (folder: string): string => join(folder, '.mlflow-stack-copy.json');
interface Header {
  readonly name: string;
  readonly size?: number;
  readonly pax?: Readonly<Record<string, string>>;
}
/** The one of them in which copy_artifacts.py sends marks. */
const markHeader = 'MLFLOW.mark';

function readIndex(folder: string): Index {
  return existsSync(indexFile(folder)) ? (JSON.parse(readFileSync(indexFile(folder), 'utf8')) as Index) : {};
}

function writeIndex(folder: string, index: Index): void {
  writeFileSync(`${indexFile(folder)}.unfinished`, JSON.stringify(index));
  renameSync(`${indexFile(folder)}.unfinished`, indexFile(folder));
}

function localMark(file: string): string | undefined {
  const status = statSync(file, { throwIfNoEntry: false });
  return status && `${status.size}-${status.mtimeMs}`;
}

async function toFolder(pod: MaintenancePod, { store, copy: folder, signal }: CopyOptions): Promise<Copied> {
  mkdirSync(folder, { recursive: true });
  const index = readIndex(folder);
  const known = Object.fromEntries(
    Object.entries(index)
      .filter(([path, marks]) => localMark(join(folder, path)) === marks.copy)
      .map(([path, marks]) => [path, marks.store]),
  );
  const child = pod.exec('mlflow', python('copy_artifacts', 'send', store), {
    input: JSON.stringify(known),
    buffer: { stdout: false },
    cancelSignal: signal,
  });
  const sent = said(child);
  const entries = untar();
  const received = pipeline(child.stdout, entries);
  let files = 0;
  let bytes = 0;
  try {
    for await (const entry of entries) {
      const { name, size = 0, pax } = entry.header as Header;
      const file = within(folder, name);
      mkdirSync(dirname(file), { recursive: true });
      await write(entry, file);
      index[name] = { store: pax?.[markHeader] ?? '', copy: localMark(file) ?? '' };
      files += 1;
      bytes += size;
    }
    await Promise.all([sent, received]);
  } catch (error) {
    child.kill();
    // Why the stream ended early, the other end knows.
    if (error instanceof Unwritten) await sent.catch(() => undefined);
    else await sent;
    throw error;
  } finally {
    writeIndex(folder, index);
  }
  return { files, bytes };
}

/** A file for which there is no place. */
class Unwritten extends Error {}

/** Under the file's name there is all of it or nothing. */
async function write(content: AsyncIterable<unknown>, file: string): Promise<void> {
  const unfinished = `${file}.unfinished`;
  try {
    await pipeline(content, createWriteStream(unfinished));
    renameSync(unfinished, file);
  } catch (error) {
    rmSync(unfinished, { force: true });
    const { syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const reason = reasonOf(error as NodeJS.ErrnoException);
    throw new Unwritten(`${file} could not be written: ${reason}`, { cause: error });
  }
}

/** @throws Error for a name that leads out of the folder. */
function within(folder: string, name: string): string {
  const file = resolve(folder, name);
  if (!file.startsWith(resolve(folder) + sep)) throw new Error(`${name} is no path within ${folder}.`);
  return file;
}

async function fromFolder(
  pod: MaintenancePod,
  { store, copy: folder, signal }: CopyOptions,
): Promise<Copied> {
  if (!existsSync(folder)) throw new Error(`There is no folder ${folder}.`);
  const index = readIndex(folder);
  const { stdout } = await said(
    pod.exec('mlflow', python('copy_artifacts', 'list', store), { cancelSignal: signal }),
  );
  const there = JSON.parse(stdout) as Record<string, [bytes: number, mark: string]>;
  const changed = filesIn(folder).filter((path) => {
    const marks = index[path];
    return there[path]?.[1] !== marks?.store || localMark(join(folder, path)) !== marks?.copy || !marks;
  });
  if (changed.length === 0) return { files: 0, bytes: 0 };

  const child = pod.exec('mlflow', python('copy_artifacts', 'take', store), {
    stdin: 'pipe',
    cancelSignal: signal,
  });
  const stream = tar();
  let bytes = 0;
  const sending = (async () => {
    for (const path of changed) {
      const file = join(folder, path);
      const { size } = statSync(file);
      await pipeline(createReadStream(file), stream.entry({ name: path, size }));
      bytes += size;
    }
    stream.finalize();
  })();
  try {
    await Promise.all([said(child), pipeline(stream, child.stdin), sending, noted(child)]);
  } finally {
    writeIndex(folder, index);
  }
  return { files: changed.length, bytes };

  async function noted(lines: AsyncIterable<string>): Promise<void> {
    for await (const line of lines) {
      const [path, mark] = JSON.parse(line) as [string, string];
      index[path] = { store: mark, copy: localMark(join(folder, path)) ?? '' };
    }
  }
}

/** Paths of the files in a folder, without what this program keeps there for itself. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.startsWith('.mlflow-stack-copy.json') && !path.endsWith('.unfinished'))
    .sort();
}
