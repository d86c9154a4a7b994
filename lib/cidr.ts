import { isIP } from 'node:net';

const longest: Readonly<Record<number, number>> = { 4: 32, 6: 128 };

/** Whether a text is a range of addresses, IPv4 or IPv6, with the length of its prefix: `10.0.0.0/8`. */
export function isCidr(text: string): boolean {
  const [, address = '', bits = ''] = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  return Number(bits) <= (longest[isIP(address)] ?? -1);
}
