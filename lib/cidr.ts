// Ranges of addresses: https://www.rfc-editor.org/rfc/rfc4632#section-3.1
import { isIP } from 'node:net';

/** Bits of the prefix; undefined where a text is no range, such as an address without a prefix. */
export function prefixLength(range: string): number | undefined {
  const [, address = '', bits = ''] = /^([\d.a-fA-F:]+)\/(0|[1-9]\d{0,2})$/.exec(range) ?? [];
  const longest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return bits !== '' && Number(bits) <= longest ? Number(bits) : undefined;
}

/** Whether ranges leave anybody out: none and the whole of the Internet do not. */
export const isLimited = (ranges: readonly string[]): boolean =>
  ranges.length > 0 && ranges.every((range) => prefixLength(range) !== 0);
