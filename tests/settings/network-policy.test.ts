import { expect } from 'chai';
import { mistakes, settingsWith } from '../support/settings.ts';

const ingress = (className: string) => ({ enabled: true, className, hosts: ['a.localhost'] });
const route = { enabled: true, parentRefs: [{ name: 'edge' }], hosts: ['b.localhost'] };
const policy = (networkPolicy: object, others: object = {}) => ({ ...others, networkPolicy });
const cidr = (what: string) =>
  `${what}; allowed: a range of addresses such as 10.0.0.0/8, or 192.0.2.7/32 for a single one`;
const namespace = (what: string) =>
  `${what}; allowed: the name of a namespace: at most 63 lower-case letters, digits and hyphens`;

describe('settings of connections', () => {
  for (const [settings, ...sentences] of [
    // What is no address and no name
    [policy({ clients: [{ cidr: '10.0.0.0' }] }), cidr('networkPolicy.clients[0].cidr is "10.0.0.0"')],
    [
      policy({ databaseCidrs: ['10.0.0.0/8', 'db.example'] }),
      cidr('networkPolicy.databaseCidrs[1] is "db.example"'),
    ],
    [policy({ objectStoreCidrs: ['::/129'] }), cidr('networkPolicy.objectStoreCidrs[0] is "::/129"')],
    [policy({ dnsCidrs: [''] }), cidr('networkPolicy.dnsCidrs[0] is ""')],
    [
      policy({ ingressNamespaces: ['Traefik'] }),
      namespace('networkPolicy.ingressNamespaces[0] is "Traefik"'),
    ],
    [policy({ monitoringNamespaces: ['a.b'] }), namespace('networkPolicy.monitoringNamespaces[0] is "a.b"')],
    [policy({ clients: [{ namespace: '-a' }] }), namespace('networkPolicy.clients[0].namespace is "-a"')],
    [
      policy({ additionalEgressRules: ['443'] }),
      'networkPolicy.additionalEgressRules[0] is "443"; allowed: an egress rule of a NetworkPolicy',
    ],

    // Clients
    [policy({ clients: [{}] }), 'networkPolicy.clients[0] needs either namespace or cidr, and not both'],
    [
      policy({ clients: [{ namespace: 'a' }, { namespace: 'a', cidr: '10.0.0.0/8' }] }),
      'networkPolicy.clients[1] needs either namespace or cidr, and not both',
    ],
    [
      policy({ clients: [{ cidr: '10.0.0.0/8', podLabels: { a: 'b' } }] }),
      'networkPolicy.clients[0].podLabels is for the pods of a namespace; add the namespace',
    ],

    // Ways in that would be closed
    [
      policy({ ingressNamespaces: [] }, { httpRoute: route }),
      'networkPolicy.ingressNamespaces is empty, so that no Ingress controller or Gateway reaches the server; name its namespace, or its addresses in networkPolicy.clients',
    ],
    [
      policy({ ingressNamespaces: [] }, { ingress: ingress('nginx') }),
      'networkPolicy.ingressNamespaces is empty, so that no Ingress controller or Gateway reaches the server; name its namespace, or its addresses in networkPolicy.clients',
    ],
    ...[ingress('alb'), { ...ingress('gce'), internal: true }].map(
      (each) =>
        [
          policy({ clients: [{ namespace: 'a' }] }, { ingress: each }),
          `the controller of the Ingress is ${each.className}, whose load balancer sends from its subnets, but networkPolicy.clients has no cidr; add those of the subnets`,
        ] as const,
    ),
    ...['NodePort', 'LoadBalancer'].map(
      (type) =>
        [
          { server: { service: { type } }, auth: { kind: 'basic' } },
          `server.service.type is ${type}, but networkPolicy.clients has no cidr, so that nobody outside the cluster reaches the server; add those of nodes, load balancer and clients`,
        ] as const,
    ),

    // What nothing uses
    [
      policy({ databaseCidrs: ['10.0.0.0/8'] }),
      'networkPolicy.databaseCidrs is for a database outside the stack, but backendStore.kind is postgres; remove it or change the kind',
    ],
    [
      policy({ objectStoreCidrs: ['10.0.0.0/8'] }, { artifactStore: { kind: 's3Compatible' } }),
      'networkPolicy.objectStoreCidrs is for a store outside the stack, but artifactStore.kind is s3Compatible; remove it or change the kind',
    ],
    [
      policy({ ingressNamespaces: ['a', 'b', 'a'], monitoringNamespaces: ['c', 'c'] }),
      'networkPolicy.ingressNamespaces names a more than once; name each once',
      'networkPolicy.monitoringNamespaces names c more than once; name each once',
    ],
  ] as const) {
    it(`are refused: ${JSON.stringify(settings)}`, () => {
      expect(mistakes(settings)).to.deep.equal(sentences.map((sentence) => `mlflow-stack:${sentence}`));
    });
  }

  const vpc = { clients: [{ cidr: '10.0.0.0/8' }] };
  for (const settings of [
    policy({ clients: [{ namespace: '0-a', podLabels: { a: 'b' } }, { cidr: '::/0' }] }),
    policy(vpc, {
      auth: { kind: 'basic' },
      ingress: ingress('alb'),
      server: { service: { type: 'LoadBalancer' } },
    }),
    policy(
      { enabled: false, ingressNamespaces: [] },
      { ingress: ingress('alb'), server: { service: { type: 'NodePort' } } },
    ),
    policy({ ingressNamespaces: [], ...vpc }, { ingress: ingress('traefik') }),
    policy({ ingressNamespaces: [], ...vpc }, { httpRoute: route }),
    policy({ ingressNamespaces: [] }),
    policy(
      { databaseCidrs: ['10.0.0.0/8'] },
      { registryStore: { uriFrom: { secretName: 'db', key: 'uri' } } },
    ),
    policy({ objectStoreCidrs: ['10.0.0.0/8'] }, { artifactStore: { kind: 'external', uri: 's3://bucket' } }),
    policy({ additionalEgressRules: [{}] }),
    { ingress: ingress('gce') },
  ]) {
    it(`are accepted: ${JSON.stringify(settings)}`, () => void settingsWith(settings));
  }
});
