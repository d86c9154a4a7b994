import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { basename, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { StepContext } from '../lib/step.ts';

/** How long a host may be silent: where releases can't be reached, that must cost seconds, not minutes. */
const SILENCE_MS = 3000;

/** Hosts that didn't answer in this run. They are not asked again. */
const unreachable = new Map<string, string>();

/** Downloads a file into `dir`, compares it with its published checksum, and returns its path. */
export async function download(
  url: string,
  checksumsUrl: string,
  dir: string,
  context: StepContext,
): Promise<string> {
  const file = join(dir, basename(url));
  const checksums = await new Response((await open(checksumsUrl, context)).body).text();
  const expected = findChecksum(checksums, basename(url));
  if (expected === undefined) throw new Error(`${checksumsUrl} has no checksum of ${basename(url)}`);
  const hash = createHash(expected.length === 128 ? 'sha512' : 'sha256');
  const { body, alive } = await open(url, context);
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      alive();
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(body, meter, createWriteStream(file));
  if (hash.digest('hex') !== expected) throw new Error(`${url} doesn't match its published checksum`);
  return file;
}

/** The SHA-256 or SHA-512 in a checksum file, which has one line per file, or the sum alone. */
export function findChecksum(text: string, name: string): string | undefined {
  for (const line of text.split('\n')) {
    const [, sum, file] = /^([0-9a-f]{64}|[0-9a-f]{128})(?:\s+\*?(.+?))?\s*$/i.exec(line) ?? [];
    if (sum !== undefined && (file === undefined || basename(file) === name)) return sum.toLowerCase();
  }
  return undefined;
}

/** Starts a request. Whoever reads the body says `alive` for every piece. */
async function open(
  url: string,
  { log, signal }: StepContext,
): Promise<{ body: Readable; alive: () => void }> {
  const { origin, host } = new URL(url);
  const known = unreachable.get(origin);
  if (known !== undefined) throw new Error(known);
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  let response: Response;
  try {
    log.write(`GET ${url}\n`);
    response = await fetch(url, { signal: AbortSignal.any([signal, silence.signal]) });
  } catch {
    clearTimeout(timer);
    signal.throwIfAborted();
    const reason = `${host} can't be reached`;
    unreachable.set(origin, reason);
    throw new Error(reason);
  }
  if (!response.ok || response.body === null) {
    silence.abort();
    clearTimeout(timer);
    throw new Error(`${url} answers ${response.status}`);
  }
  const body = Readable.fromWeb(response.body);
  body.once('close', () => clearTimeout(timer));
  return { body, alive: () => timer.refresh() };
}
