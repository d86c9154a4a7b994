import type { Settings } from '../../config.ts';
import { isOwn } from '../../lib/labels.ts';
import { objectPath } from '../client.ts';
import { type ClusterView, readOrNothing } from '../view.ts';

/** A namespace of programs that is not there, or somebody else's ServiceAccount of the name that theirs is to have. */
export async function clientIdentityMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const { clientIdentity, namespace: own } = settings;
  if (!clientIdentity.enabled) return [];
  const { namespace = own.name, serviceAccount } = clientIdentity;
  const home = await view.read(`/api/v1/namespaces/${namespace}`, `namespace ${namespace}`);
  // The stack's own may be made by it.
  if (home === undefined)
    return namespace === own.name
      ? []
      : [
          `namespace "${namespace}", which mlflow-stack:clientIdentity.namespace names, does not exist; create it`,
        ];
  const path = objectPath('api/v1', namespace, 'serviceaccounts', serviceAccount);
  const found = await readOrNothing(view, path, `ServiceAccount ${serviceAccount} in ${namespace}`);
  return found === undefined || isOwn(found.metadata.labels)
    ? []
    : [
        `ServiceAccount "${serviceAccount}" exists in namespace "${namespace}" and is not this stack's own; remove it, or ` +
          'choose another mlflow-stack:clientIdentity.serviceAccount',
      ];
}
