import { isIPv4 } from 'node:net';
import { sha256 } from '../images/index.ts';

/** The addresses of one instance. The host reaches pods and services through one link, whose other end is in the node's namespace. */
export interface Network {
  /** Name of the host's end of the link; unique on the host. */
  readonly link: string;
  readonly hostAddress: string;
  readonly nodeAddress: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The API server's own service and the cluster's name server. */
  readonly apiServiceAddress: string;
  readonly dnsAddress: string;
  /** Everything above lies in here. */
  readonly slice: string;
}

/** Private ranges that are rarely used for anything else. Each is cut into slices of four /24. */
const SPACES = ['10.245', '172.29', '198.18'];
const SLICES_PER_SPACE = 64;

/**
 * The first free slice. The search begins at a place that depends on the instance's name, so that two instances which
 * start at the same time do not choose the same one.
 */
export function chooseNetwork(instance: string, occupied: readonly string[]): Network {
  const start = Number.parseInt(sha256(instance).slice(0, 8), 16) % SLICES_PER_SPACE;
  for (const [space, prefix] of SPACES.entries()) {
    for (let offset = 0; offset < SLICES_PER_SPACE; offset++) {
      const slice = (start + offset) % SLICES_PER_SPACE;
      const network = networkOf(prefix, slice, space * SLICES_PER_SPACE + slice);
      if (!occupied.some((cidr) => overlaps(cidr, network.slice))) return network;
    }
  }
  throw new Error(
    `All of ${SPACES.map((prefix) => `${prefix}.0.0/16`).join(', ')} is routed elsewhere on this machine; the cluster needs a /22 there.`,
  );
}

function networkOf(prefix: string, slice: number, index: number): Network {
  const at = (part: number, host: number) => `${prefix}.${slice * 4 + part}.${host}`;
  return {
    link: `mlflow-${index}`,
    hostAddress: at(0, 1),
    nodeAddress: at(0, 2),
    podCidr: `${at(1, 0)}/24`,
    serviceCidr: `${at(2, 0)}/24`,
    apiServiceAddress: at(2, 1),
    dnsAddress: at(2, 10),
    slice: `${at(0, 0)}/22`,
  };
}

/** Whether two IPv4 ranges share an address. The default route and other protocols overlap with nothing. */
export function overlaps(a: string, b: string): boolean {
  const [left, right] = [parse(a), parse(b)];
  if (!left || !right) return false;
  const shift = 32 - Math.min(left.bits, right.bits);
  return left.address >>> shift === right.address >>> shift;
}

function parse(range: string): { address: number; bits: number } | undefined {
  const [address = '', bits = '32'] = range.split('/');
  if (!isIPv4(address) || bits === '0') return undefined;
  return {
    address: address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0),
    bits: Number(bits),
  };
}

/** The destinations in the output of `ip -json route show table all`, without those of the instance's own link. */
export function occupiedRanges(routes: readonly { dst: string; dev?: string }[], ownLink?: string): string[] {
  return routes.filter((route) => route.dev === undefined || route.dev !== ownLink).map((route) => route.dst);
}
