// What settings say of the ways in, put in the terms of those who have to know.
import type { Settings } from '../settings/index.ts';
import type { WayIn } from './allowed-hosts.ts';
import { type IngressNeeds, controllerOf, controllers } from './ingress-controllers.ts';
import { names } from './names.ts';

type IngressSettings = Settings['ingress'];
export type TlsEntry = IngressSettings['tls'][number];

/** Whether the Ingress serves HTTPS. */
export const endsTls = ({ tls, certificate }: Pick<IngressSettings, 'tls' | 'certificate'>): boolean =>
  tls.length > 0 || certificate !== undefined;

/** Hosts that a certificate is for. */
export const tlsHosts = (entry: TlsEntry, { hosts }: Pick<IngressSettings, 'hosts'>): readonly string[] =>
  entry.hosts ?? hosts;

/** Every way in that is switched on. */
export function waysIn({ ingress }: Pick<Settings, 'ingress'>): WayIn[] {
  return ingress.enabled ? [{ ...ingress, tls: endsTls(ingress) }] : [];
}

/** What the Ingress of a stack has to do, for whoever looks at it before it is made. */
export function ingressNeeds({ ingress, server }: Pick<Settings, 'ingress' | 'server'>): IngressNeeds {
  return {
    ...ingress,
    name: names.ingress,
    tls: endsTls(ingress),
    healthPath: `${server.staticPrefix}/health`,
    serverTls: false,
  };
}

/** Annotations of the Service that the controller of the Ingress wants to see; a user's own win. */
export function serviceAnnotations(settings: Pick<Settings, 'ingress' | 'server'>) {
  const { ingress } = settings;
  if (!ingress.enabled) return {};
  return controllers[controllerOf(ingress)].serviceAnnotations?.(ingressNeeds(settings)) ?? {};
}
