// Objects of others that the ways in from outside need.
import type { Settings } from '../../config.ts';
import { objectPath } from '../client.ts';
import { type ClusterView, readOrNothing } from '../view.ts';

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
