// The ways in from outside the cluster.
import { asksPasswords } from '../../lib/auth.ts';
import { isAnyHost } from '../../lib/allowed-hosts.ts';
import { endsTls, ingressNeeds, isInternal, openWaysIn, tlsHosts } from '../../lib/entry.ts';
import { cloudCertificates, controllerOf, controllers } from '../../lib/ingress-controllers.ts';
import type { Settings } from '../index.ts';
import { type Rule, repeated, sentences } from './rule.ts';

export function entry(settings: Settings): string[] {
  const { ingress, httpRoute, auth } = settings;
  const open = openWaysIn(settings);
  const shared = ingress.hosts.filter((host) => httpRoute.hosts.includes(host));
  return [
    ...sentences([
      [
        open.length > 0 && auth.kind === 'none' && !auth.acceptPublic,
        `auth.kind is none, but ${open.join(' and ')} let${open.length > 1 ? '' : 's'} in whoever comes from anywhere; use another auth.kind, let in known networks only, or set mlflow-stack:auth.acceptPublic to true`,
      ],
      [
        httpRoute.enabled && httpRoute.parentRefs.length === 0,
        'httpRoute.parentRefs is empty; name the Gateway that the route belongs to',
      ],
      [
        httpRoute.enabled && httpRoute.hosts.length === 0,
        'httpRoute.hosts is empty; a route needs at least one host, such as mlflow.example.com',
      ],
      [
        ingress.enabled && httpRoute.enabled && shared.length > 0,
        `httpRoute.hosts names ${shared.join(', ')}, which ingress.hosts names, too; choose one way in for each host`,
      ],
      ...serverRules(settings),
      [
        ingress.enabled && ingress.hosts.length === 0,
        'ingress.hosts is empty; an Ingress needs at least one host, such as mlflow.example.com',
      ],
      ...controllerRules(settings),
    ]),
    ...repeated('ingress.hosts', ingress.hosts),
    ...repeated('httpRoute.hosts', httpRoute.hosts),
    ...repeated('server.service.hosts', settings.server.service.hosts),
    ...repeated('server.extraAllowedHosts', settings.server.extraAllowedHosts),
    ...repeated('server.extraAllowedOrigins', settings.server.extraAllowedOrigins),
    ...tls(settings, settings.cloud),
  ];
}

function serverRules({ cloud, server }: Settings): Rule[] {
  const { extraAllowedHosts, allowAnyHost, service } = server;
  const { allowedCidrs, dns, hosts, staticIp, type } = service;
  const needsBalancer = { allowedCidrs: allowedCidrs.length > 0, hosts: hosts.length > 0, staticIp };
  const any = extraAllowedHosts.find(isAnyHost);
  return [
    [
      any !== undefined && !allowAnyHost,
      `server.extraAllowedHosts has ${any ?? ''}, which accepts any host; name the hosts, or set mlflow-stack:server.allowAnyHost to true`,
    ],
    [
      any === undefined && allowAnyHost,
      'server.allowAnyHost is true, but server.extraAllowedHosts has no *; add it there, or remove this',
    ],
    ...Object.entries(needsBalancer).map(([setting, isGiven]): Rule => [
      isGiven && type !== 'LoadBalancer',
      `server.service.${setting} is for type LoadBalancer, but type is ${type}; remove it or change the type`,
    ]),
    [
      staticIp && cloud !== 'aws',
      `server.service.staticIp is for cloud aws, but cloud is ${cloud}; ${cloud === 'gcp' ? 'use ingress.staticIp' : 'remove it'}`,
    ],
    [
      staticIp && Object.entries(service.annotations).some(isInternal),
      'server.service.staticIp reserves public addresses, but server.service.annotations make the load balancer internal; remove one of them',
    ],
    [
      dns.zone !== undefined && !staticIp,
      'server.service.dns.zone is given, but server.service.staticIp is not, so no address is known for its records; set server.service.staticIp to true',
    ],
    [
      dns.zone !== undefined && hosts.length === 0,
      'server.service.hosts is empty, so server.service.dns.zone has no name to make a record for; name one, such as mlflow.example.com',
    ],
  ];
}

/** Ways to get a certificate, of which an entry uses one. */
const sources = ['secretName', 'certificate', 'selfSigned'] as const;

function tls({ ingress }: Settings, cloud: string): string[] {
  const covered = ingress.tls.flatMap((each) => tlsHosts(each, ingress));
  const bare = endsTls(ingress) && ingress.certificate === undefined ? missing(ingress.hosts, covered) : [];
  const unserved = [...new Set(missing(covered, ingress.hosts))];
  const origins = Object.entries(ingress.certificate ?? {}).filter(([, value]) => Boolean(value));
  return [
    ...sentences([
      ...ingress.tls.flatMap((each, index): Rule[] => {
        const entry = `ingress.tls[${index}]`;
        const given = sources.filter((source) => each[source] !== undefined && each[source] !== false);
        return [
          [
            given.length > 1,
            `${entry} has ${given.join(' and ')}, which are several sources of one certificate; keep one`,
          ],
          [
            (each.certificate === undefined) !== (each.key === undefined),
            `${entry} has ${each.key === undefined ? 'certificate but no key' : 'key but no certificate'}; give both, the key as a secret`,
          ],
          [
            each.selfSigned && cloud !== 'local',
            `${entry}.selfSigned is for cloud local, but cloud is ${cloud}; use a certificate that clients trust`,
          ],
        ];
      }),
      [
        ingress.tls.filter(({ selfSigned }) => selfSigned).length > 1,
        'ingress.tls has several entries with selfSigned; use one with all their hosts',
      ],
      [
        unserved.length > 0,
        `ingress.tls is for ${unserved.join(', ')}, which ingress.hosts does not name; add it there, or remove it here`,
      ],
      [
        bare.length > 0,
        `ingress.tls is not for ${bare.join(', ')}, which would stay open to eavesdroppers; add it to an entry, or give it an entry without a certificate to use the controller's own`,
      ],
      [
        ingress.tls.length > 0 && ingress.certificate !== undefined,
        'ingress.tls and ingress.certificate are two sources of one certificate; remove one of them',
      ],
      [
        ingress.certificate !== undefined && origins.length !== 1,
        `ingress.certificate needs one of issuer, clusterIssuer, ${cloudCertificates.join(', ')}, and no other beside it`,
      ],
    ]),
    ...repeated('ingress.tls', covered),
  ];
}

/** What one controller cannot do, or is told by settings of this program. */
function controllerRules(settings: Settings): Rule[] {
  const { ingress } = settings;
  const name = controllerOf(ingress);
  const controller = controllers[name];
  const { canBeInternal, canLimitSources, readsSecrets, owned } = controller;
  const { issuer, clusterIssuer } = ingress.certificate ?? {};
  const able = (can: (each: typeof controller) => boolean) =>
    Object.entries(controllers)
      .filter(([, each]) => can(each))
      .map(([each]) => each)
      .join(', ');
  const hasSecrets = ingress.tls.some((each) => sources.some((source) => each[source]));
  const is = `the controller is ${name}`;
  return [
    [
      ingress.internal && !canBeInternal,
      `ingress.internal is for controllers that make a load balancer for each Ingress (${able((each) => each.canBeInternal)}), but ${is}; make the controller's own load balancer internal, and leave this out`,
    ],
    [
      ingress.allowedCidrs.length > 0 && !canLimitSources,
      `ingress.allowedCidrs is for controllers that can limit the sources of one Ingress (${able((each) => each.canLimitSources)}), but ${is}; limit them at the load balancer or the network, and leave this out`,
    ],
    [
      ingress.allowedCidrs.length > 0 && name === 'gce' && settings.cloud !== 'gcp',
      `ingress.allowedCidrs with class gce takes Cloud Armor, which the stack sets up with cloud gcp, but cloud is ${settings.cloud}; limit the sources at the network, and leave this out`,
    ],
    [
      asksPasswords(settings.auth) && ingress.enabled && !controller.canAskPasswords,
      `auth.kind is edge, but ${is}, which asks for no passwords (those that do: ${able((each) => each.canAskPasswords)}); name one of them by ingress.controller, or use another kind`,
    ],
    [
      !readsSecrets && (hasSecrets || issuer !== undefined || clusterIssuer !== undefined),
      `ingress.tls and ingress.certificate make Secrets, but ${is}, which takes its certificates elsewhere; use ${controller.cloudCertificates ? 'another ingress.certificate, or ' : ''}ingress.tls with hosts alone, and let the controller find the certificate`,
    ],
    ...cloudCertificates
      .filter((each) => ingress.certificate?.[each] && !controller.cloudCertificates?.includes(each))
      .map((each): Rule => [
        true,
        `ingress.certificate.${each} is for controllers of its cloud (${able((known) => known.cloudCertificates?.includes(each) === true)}), but ${is}; use another certificate`,
      ]),
    ...Object.entries(owned)
      .filter(([annotation]) => annotation in ingress.annotations)
      .map(([annotation, setting]): Rule => [
        true,
        `ingress.annotations has ${annotation}, which the program sets itself; use mlflow-stack:${setting}`,
      ]),
    ...limiting(settings)
      .filter((annotation) => annotation in ingress.annotations && !(annotation in owned))
      .map((annotation): Rule => [
        true,
        `ingress.annotations has ${annotation}, which would take the place of ${guards(settings)}; remove one of them`,
      ]),
    [
      ingress.className === 'gce-internal',
      'ingress.className is gce-internal; use gce with mlflow-stack:ingress.internal',
    ],
  ];
}

/** What lets requests in or not, for people. */
const guards = ({ ingress, auth }: Settings): string =>
  [
    ...(ingress.allowedCidrs.length > 0 ? ['ingress.allowedCidrs'] : []),
    ...(asksPasswords(auth) ? ['auth.kind edge'] : []),
  ].join(' and ');

/** Annotations that do it. */
function limiting(settings: Settings): string[] {
  const { annotations } = controllers[controllerOf(settings.ingress)];
  const needs = ingressNeeds(settings);
  const unlimited = annotations({ ...needs, allowedCidrs: [], asksPasswords: false });
  return Object.keys(annotations(needs)).filter((annotation) => !(annotation in unlimited));
}

const missing = (names: readonly string[], known: readonly string[]): string[] =>
  names.filter((name) => !known.includes(name));
