// Which connections there may be.
import { outsideDatabases, outsideStores } from '../../lib/network-stores.ts';
import type { Settings } from '../index.ts';
import { repeated, sentences } from './rule.ts';

/** Classes whose load balancers send from subnets that only their owner knows. */
const classesFromSubnets = ['alb', 'gce-internal'];

export function networkPolicy(settings: Settings): string[] {
  const { networkPolicy: policy, ingress, server, backendStore, artifactStore } = settings;
  const { clients, ingressNamespaces, databaseCidrs, objectStoreCidrs } = policy;
  const admitsAddresses = !policy.enabled || clients.some(({ cidr }) => cidr !== undefined);
  return [
    ...clients.flatMap(({ namespace, podLabels, cidr }, index) =>
      sentences([
        [
          (namespace === undefined) === (cidr === undefined),
          `networkPolicy.clients[${index}] needs either namespace or cidr, and not both`,
        ],
        [
          namespace === undefined && Object.keys(podLabels).length > 0,
          `networkPolicy.clients[${index}].podLabels is for the pods of a namespace; add the namespace`,
        ],
      ]),
    ),
    ...sentences([
      [
        policy.enabled && ingress.enabled && ingressNamespaces.length === 0 && clients.length === 0,
        'networkPolicy.ingressNamespaces is empty, so that no Ingress controller reaches the server; name its namespace, or its addresses in networkPolicy.clients',
      ],
      [
        ingress.enabled && classesFromSubnets.includes(ingress.className ?? '') && !admitsAddresses,
        `ingress.className is ${ingress.className ?? ''}, whose load balancer sends from its subnets, but networkPolicy.clients has no cidr; add those of the subnets`,
      ],
      [
        server.service.type !== 'ClusterIP' && !admitsAddresses,
        `server.service.type is ${server.service.type}, but networkPolicy.clients has no cidr, so that nobody outside the cluster reaches the server; add those of nodes, load balancer and clients`,
      ],
      [
        databaseCidrs.length > 0 && outsideDatabases(settings, { databasePorts: {} }).length === 0,
        `networkPolicy.databaseCidrs is for a database outside the stack, but backendStore.kind is ${backendStore.kind}; remove it or change the kind`,
      ],
      [
        objectStoreCidrs.length > 0 && outsideStores(settings).length === 0,
        `networkPolicy.objectStoreCidrs is for a store outside the stack, but artifactStore.kind is ${artifactStore.kind}; remove it or change the kind`,
      ],
    ]),
    ...repeated('networkPolicy.ingressNamespaces', ingressNamespaces),
    ...repeated('networkPolicy.monitoringNamespaces', policy.monitoringNamespaces),
  ];
}
