// Objects of others that the ways in from outside need.
import type { Settings } from '../../config.ts';
import { type KubernetesObject, objectPath } from '../client.ts';
import { type ClusterView, readOrNothing, unreadable } from '../view.ts';

/** The issuer that cert-manager is to ask. */
export async function issuerMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const { ingress, namespace } = settings;
  const { issuer, clusterIssuer } = ingress.certificate ?? {};
  if (!ingress.enabled) return [];
  const group = 'apis/cert-manager.io/v1';
  const [kind, key, name, path, where] =
    issuer === undefined
      ? [
          'ClusterIssuer',
          'clusterIssuer',
          clusterIssuer,
          `/${group}/clusterissuers/${clusterIssuer ?? ''}`,
          '',
        ]
      : [
          'Issuer',
          'issuer',
          issuer,
          objectPath(group, namespace.name, 'issuers', issuer),
          ` in namespace "${namespace.name}"`,
        ];
  // Without cert-manager there is more to say than that: see apis.ts.
  if (name === undefined || (await readOrNothing(view, `/${group}`, `${kind}s`)) === undefined) return [];
  return (await view.read(path, `${kind} ${name}`)) === undefined
    ? [
        `${kind} "${name}", which mlflow-stack:ingress.certificate.${key} names, does not exist${where}; create it`,
      ]
    : [];
}

interface Listener {
  readonly name: string;
  readonly port: number;
  readonly protocol: string;
  readonly allowedRoutes?: { readonly namespaces?: { readonly from?: string } };
}

interface Gateway extends KubernetesObject {
  readonly spec: { readonly listeners: readonly Listener[] };
}

type ParentRef = Settings['httpRoute']['parentRefs'][number];

const gatewayApi = 'apis/gateway.networking.k8s.io/v1';

/** The Gateways that a route belongs to, and whether they let it in. */
export async function gatewayMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const { httpRoute, namespace } = settings;
  // Without the Gateway API there is more to say than that: see apis.ts.
  if (!httpRoute.enabled || (await readOrNothing(view, `/${gatewayApi}`, 'HTTPRoutes')) === undefined)
    return [];
  const checks = httpRoute.parentRefs.map(async (parent, index) => {
    const home = parent.namespace ?? namespace.name;
    const path = objectPath(gatewayApi, home, 'gateways', parent.name);
    const gateway = await view.read<Gateway>(path, `Gateway ${parent.name}`);
    if (gateway === unreadable) return [];
    const what = `Gateway "${parent.name}", which mlflow-stack:httpRoute.parentRefs[${index}] names,`;
    if (gateway === undefined) return [`${what} does not exist in namespace "${home}"; create it`];
    const problem = listenerProblem(gateway.spec.listeners, parent, {
      isForeign: home !== namespace.name,
      tls: httpRoute.tls,
    });
    return problem === undefined ? [] : [`${what} ${problem}`];
  });
  return (await Promise.all(checks)).flat();
}

/** https://gateway-api.sigs.k8s.io/concepts/api-overview/#attaching-routes-to-gateways */
function listenerProblem(
  listeners: readonly Listener[],
  { sectionName, port }: ParentRef,
  { isForeign, tls }: { readonly isForeign: boolean; readonly tls: boolean },
): string | undefined {
  const meant = listeners.filter(
    (each) =>
      (sectionName === undefined || each.name === sectionName) && (port === undefined || each.port === port),
  );
  if (meant.length === 0) {
    const known = listeners.map((each) => `${each.name} at port ${each.port}`).join(', ') || 'none';
    return `has no such listener (it has ${known}); name one of them`;
  }
  const open = meant.filter(
    ({ allowedRoutes }) => !isForeign || (allowedRoutes?.namespaces?.from ?? 'Same') !== 'Same',
  );
  if (open.length === 0)
    return 'lets in only routes of its own namespace; set allowedRoutes.namespaces.from of its listener to All or Selector';
  const protocol = tls ? 'HTTPS' : 'HTTP';
  return open.some((each) => each.protocol === protocol)
    ? undefined
    : `serves no ${protocol}, but mlflow-stack:httpRoute.tls is ${tls}; set it to ${!tls}, or name another listener`;
}
