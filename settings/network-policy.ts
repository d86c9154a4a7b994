// Which connections the pods of the stack may have, beyond those that the other settings make necessary.
import type { networking } from '@pulumi/kubernetes/types/input.js';
import * as v from 'valibot';
import { cidr, flag, manifests, namespaceName, optionalSection, section, texts } from '../lib/schema.ts';

const namespaces = () => v.array(namespaceName(), 'a list of namespaces');
const cidrs = () => v.array(cidr(), 'a list of ranges of addresses');

/**
 * Where pods find name servers that are no pods: the address of the Service, where a cache on the node answers in its
 * place (https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/), the cache's own, or the cloud's. Private and
 * link-local addresses, and GKE's range for Services
 * (https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips).
 */
const nameServerCidrs = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '34.118.224.0/20',
];

export const networkPolicy = optionalSection({
  /**
   * Makes a NetworkPolicy for each workload of the stack, in both directions. What they open: [network](network.md). They need
   * a network plug-in that enforces them.
   */
  enabled: v.optional(flag(), true),
  /**
   * Namespaces of the controllers of Ingresses and Gateways, which reach the server where `ingress` or `httpRoute` is on.
   */
  ingressNamespaces: v.optional(namespaces(), ['ingress-nginx', 'traefik', 'kube-system']),
  /** Namespaces that scrape metrics, which reach the server where `metrics.enabled` is on. */
  monitoringNamespaces: v.optional(namespaces(), ['monitoring']),
  /** Who else reaches the server, beside all pods in its namespace: pods elsewhere, or addresses. */
  clients: v.optional(
    v.array(
      section({
        /** All pods of a namespace. */
        namespace: v.optional(namespaceName()),
        /** Only those with these labels. */
        podLabels: texts(),
        /** Addresses outside the cluster: of load balancers, nodes, people. */
        cidr: v.optional(cidr()),
      }),
      'a list of clients, each with namespace or cidr',
    ),
    [],
  ),
  /** Addresses of databases outside the stack. Default: every address at their port, or the one that `backendStore.host` is. */
  databaseCidrs: v.optional(cidrs(), []),
  /**
   * Addresses of an object store outside the stack, and of the log-in to it. Default: every address at its port, or the one in
   * `artifactStore.endpointUrl`.
   */
  objectStoreCidrs: v.optional(cidrs(), []),
  /**
   * Addresses of name servers that are no pods, such as caches on nodes: port 53, beside the name servers in `kube-system` and
   * `openshift-dns`.
   */
  dnsCidrs: v.optional(cidrs(), nameServerCidrs),
  /** Further connections that pods of MLflow may open, in Kubernetes' own terms. */
  additionalEgressRules: manifests<networking.v1.NetworkPolicyEgressRule>(
    'an egress rule of a NetworkPolicy',
  ),
});
