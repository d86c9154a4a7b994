// What settings say of the ways in, put in the terms of those who have to know.
import type { Settings } from '../settings/index.ts';
import { asksPasswords } from './auth.ts';
import type { WayIn } from './allowed-hosts.ts';
import { isLimited } from './cidr.ts';
import { type IngressNeeds, controllerOf, controllers } from './ingress-controllers.ts';
import { names, serviceHost } from './names.ts';
import { probePaths } from './server-paths.ts';

type IngressSettings = Settings['ingress'];
export type TlsEntry = IngressSettings['tls'][number];

/** Whether the Ingress serves HTTPS. */
export const endsTls = (ingress: {
  readonly tls: readonly unknown[];
  readonly certificate?: object | undefined;
}): boolean => ingress.tls.length > 0 || ingress.certificate !== undefined;

/** Hosts that a certificate is for. */
export const tlsHosts = (entry: TlsEntry, { hosts }: Pick<IngressSettings, 'hosts'>): readonly string[] =>
  entry.hosts ?? hosts;

/** Whether the cloud has a part in a way in. */
export const hasCloudEntry = ({ ingress, server }: Pick<Settings, 'ingress' | 'server'>): boolean =>
  ingress.enabled || server.service.staticIp;

/** Every way in that is switched on. */
export function waysIn({
  ingress,
  httpRoute,
  server: { service, tls },
}: Pick<Settings, 'ingress' | 'httpRoute' | 'server'>): WayIn[] {
  const { hosts, port } = service;
  return [
    ...(ingress.enabled ? [{ ...ingress, tls: endsTls(ingress) }] : []),
    // Whether a Gateway redirects is its own affair.
    ...(httpRoute.enabled ? [{ ...httpRoute, redirectHttp: true }] : []),
    ...(hosts.length > 0 ? [{ hosts, port, httpsPort: port, tls: tls.enabled, redirectHttp: true }] : []),
  ];
}

/** Ways in, by the setting that makes them, through which anybody may come from anywhere. */
export function openWaysIn(settings: Settings): string[] {
  const { ingress, httpRoute } = settings;
  const { service } = settings.server;
  const cloud: string = settings.cloud;
  // Whoever calls such a name calls the own machine: https://www.rfc-editor.org/rfc/rfc6761#section-6.3
  const isLocal = (hosts: readonly string[]) =>
    cloud === 'local' && hosts.every((host) => host.endsWith('.localhost'));
  const open: [boolean, string][] = [
    [
      ingress.enabled && !ingress.internal && !isLimited(ingress.allowedCidrs) && !isLocal(ingress.hosts),
      'ingress',
    ],
    [httpRoute.enabled && !isLocal(httpRoute.hosts), 'httpRoute'],
    [
      service.type === 'LoadBalancer' &&
        !isLimited(service.allowedCidrs) &&
        !Object.entries(service.annotations).some(isInternal),
      'server.service',
    ],
  ];
  return open.filter(([isOpen]) => isOpen).map(([, setting]) => setting);
}

/** Annotations by which the clouds make the load balancer of a Service internal. */
export const isInternal = ([annotation, value]: [string, string]): boolean =>
  /load-balancer-(type|scheme|internal)$/.test(annotation) && /^(internal|true)$/i.test(value);

/** What the Ingress of a stack has to do, for whoever looks at it before it is made. */
export function ingressNeeds({ auth, ingress, server, namespace }: Settings): IngressNeeds {
  const { enabled, secretName } = server.tls;
  return {
    ...ingress,
    name: names.ingress,
    tls: endsTls(ingress),
    asksPasswords: asksPasswords(auth),
    healthPath: `${server.staticPrefix}${probePaths.health}`,
    serverTls: enabled ? { host: serviceHost(namespace.name), secretName } : undefined,
  };
}

/** Annotations of the Service that the controller of the Ingress wants to see; a user's own win. */
export function serviceAnnotations(settings: Settings) {
  const { ingress } = settings;
  if (!ingress.enabled) return {};
  return controllers[controllerOf(ingress)].serviceAnnotations?.(ingressNeeds(settings)) ?? {};
}
