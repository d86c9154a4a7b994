import { createHash, scryptSync } from 'node:crypto';

/** Eight hexadecimal digits that change with the value; the order of an object's keys does not matter. */
export function shortHash(value: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(value)))
    .digest('hex')
    .slice(0, 8);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

/** A mark that changes with a secret, slow to compute, so that the secret cannot be found by trying. */
export function secretMark(secret: string, salt: string): string {
  return scryptSync(secret, salt, 8).toString('hex');
}
