// Which connections there may be.
import { controllerOf, controllers } from '../../lib/ingress-controllers.ts';
import { outsideDatabases, outsideStores } from '../../lib/network-stores.ts';
import type { Settings } from '../index.ts';
import { repeated, sentences } from './rule.ts';

export function networkPolicy(settings: Settings): string[] {
  const { networkPolicy: policy, ingress, httpRoute, server, backendStore, artifactStore } = settings;
  const { clients, ingressNamespaces, databaseCidrs, objectStoreCidrs } = policy;
  const controller = controllerOf(ingress);
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
        policy.enabled &&
          (ingress.enabled || httpRoute.enabled) &&
          ingressNamespaces.length === 0 &&
          clients.length === 0,
        'networkPolicy.ingressNamespaces is empty, so that no Ingress controller or Gateway reaches the server; name its namespace, or its addresses in networkPolicy.clients',
      ],
      [
        ingress.enabled && controllers[controller].sendsFrom(ingress) === 'subnets' && !admitsAddresses,
        `the controller of the Ingress is ${controller}, whose load balancer sends from its subnets, but networkPolicy.clients has no cidr; add those of the subnets`,
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
