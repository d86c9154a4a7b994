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
  /** NetworkPolicies for all pods of the stack, in both directions. They need a network plug-in that enforces them. */
  enabled: v.optional(flag(), true),
  /** Namespaces of the controllers that an Ingress goes through. */
  ingressNamespaces: v.optional(namespaces(), ['ingress-nginx', 'traefik', 'kube-system']),
  /** Namespaces that scrape metrics, where metrics are on. */
  monitoringNamespaces: v.optional(namespaces(), ['monitoring']),
  /** Others that may use the server, beside all pods in its namespace: pods elsewhere, or addresses. */
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
  /** Addresses of external databases. Default: any address at the database's port. */
  databaseCidrs: v.optional(cidrs(), []),
  /** Addresses of an object store outside the stack, and of its log-in. Default: any address at the store's port. */
  objectStoreCidrs: v.optional(cidrs(), []),
  /** Addresses of name servers that are no pods. */
  dnsCidrs: v.optional(cidrs(), nameServerCidrs),
  /** Further connections that pods of MLflow may open. */
  additionalEgressRules: manifests<networking.v1.NetworkPolicyEgressRule>(
    'an egress rule of a NetworkPolicy',
  ),
});
