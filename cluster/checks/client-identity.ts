import type { Settings } from '../../config.ts';
import type { ClusterView } from '../view.ts';
import { foreignObject, missingNamespace } from './foreign.ts';

/** A namespace of programs that is not there, or somebody else's ServiceAccount of the name that theirs is to have. */
export async function clientIdentityMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const { clientIdentity, namespace: own } = settings;
  if (!clientIdentity.enabled) return [];
  const { namespace = own.name, serviceAccount: name } = clientIdentity;
  const missing = await missingNamespace(view, {
    name: namespace,
    own: own.name,
    setting: 'clientIdentity.namespace',
  });
  return (
    missing ??
    (await foreignObject(view, {
      kind: 'ServiceAccount',
      group: 'api/v1',
      resource: 'serviceaccounts',
      namespace,
      name,
      what: `ServiceAccount ${name} in ${namespace}`,
      remedy: 'remove it, or choose another mlflow-stack:clientIdentity.serviceAccount',
    }))
  );
}
