// Who is at the other end of a connection, in the words of NetworkPolicies.
import { isIP } from 'node:net';
import type { networking } from '@pulumi/kubernetes/types/input.js';
import type { Settings } from '../settings/index.ts';

export type Peer = networking.v1.NetworkPolicyPeer;
export type Port = networking.v1.NetworkPolicyPort;

const port = (number: number, protocol: 'TCP' | 'UDP' = 'TCP'): Port => ({ protocol, port: number });
export const tcp = (...numbers: readonly number[]): Port[] => numbers.map((number) => port(number));
export const dns = [port(53, 'UDP'), port(53)];
/** Of the Service, and of what is behind it on most clusters. */
export const apiServer = tcp(443, 6443);

export const range = (cidr: string): Peer => ({ ipBlock: { cidr } });
/** Kubernetes itself gives each namespace this label. */
const namespace = (name: string) => ({ matchLabels: { 'kubernetes.io/metadata.name': name } });
export const podsOf = (name: string): Peer => ({ namespaceSelector: namespace(name) });
/** Every pod in the namespace of the policy. */
export const everyPodBeside: Peer = { podSelector: {} };

/**
 * Pods that answer for names: kube-dns or CoreDNS, caches on nodes where the network plug-in leads to them
 * (https://cloud.google.com/kubernetes-engine/docs/how-to/nodelocal-dns-cache), and OpenShift's. Their own port is not always
 * 53.
 */
export const nameServers: readonly Peer[] = [
  {
    namespaceSelector: namespace('kube-system'),
    podSelector: {
      matchExpressions: [{ key: 'k8s-app', operator: 'In', values: ['kube-dns', 'node-local-dns'] }],
    },
  },
  podsOf('openshift-dns'),
];

/** AWS, Azure, Google; the second port with GKE's Dataplane V2. */
const nodeMetadata = { to: [range('169.254.169.254/32')], ports: tcp(80, 8080) };
/** GKE: https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity */
const gkeMetadata = { to: [range('169.254.169.252/32')], ports: tcp(987, 988) };
/** EKS Pod Identity: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html */
const eksAgent = { to: [range('169.254.170.23/32')], ports: tcp(80) };

/** Where a pod learns who it is in its cloud. On EKS that need not be the node, which may do more. */
export function metadataServers({ cloud, identity }: Pick<Settings, 'cloud' | 'identity'>) {
  if (cloud !== 'aws') return [nodeMetadata, gkeMetadata, eksAgent];
  const ofKind = { workload: [], podIdentity: [eksAgent], keys: [], node: [nodeMetadata] };
  return ofKind[identity.kind];
}

export function clientPeer({
  namespace: name,
  podLabels,
  cidr,
}: Settings['networkPolicy']['clients'][number]): Peer {
  if (cidr !== undefined) return range(cidr);
  const podSelector = Object.keys(podLabels).length > 0 ? { podSelector: { matchLabels: podLabels } } : {};
  return { ...podsOf(name ?? ''), ...podSelector };
}

/** As close as settings allow: a policy knows addresses only, and of a host that has a name it sees the port. */
export function addresses(cidrs: readonly string[], host: string | undefined): Peer[] | 'anywhere' {
  if (cidrs.length > 0) return cidrs.map(range);
  const version = isIP(host ?? '');
  return version === 0 ? 'anywhere' : [range(`${host ?? ''}/${version === 4 ? 32 : 128}`)];
}
