import { createHash } from 'node:crypto';
import { Transform } from 'node:stream';

export interface Meter {
  /** Lets everything pass as it is. */
  readonly stream: Transform;
  /** Bytes so far. */
  bytes(): number;
  /** SHA-256, hexadecimal; to be asked once, at the end. */
  digest(): string;
}

/** Counts and hashes what passes through. */
export function meter(): Meter {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, bytes: () => bytes, digest: () => hash.digest('hex') };
}
