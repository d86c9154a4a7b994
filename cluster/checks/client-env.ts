import type { Settings } from '../../config.ts';
import { isOwn } from '../../lib/labels.ts';
import { names } from '../../lib/names.ts';
import { objectPath } from '../client.ts';
import { type ClusterView, readOrNothing } from '../view.ts';

/** Namespaces of clients that are not there, or hold somebody else's objects of the names that clients count on. */
export async function clientNamespaceMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const { clientEnv, namespace: own } = settings;
  const mistakes = clientEnv.namespaces.map(async (namespace) => {
    const found = await view.read(`/api/v1/namespaces/${namespace}`, `namespace ${namespace}`);
    // The stack's own may be made by it.
    if (found === undefined)
      return namespace === own.name
        ? []
        : [
            `namespace "${namespace}", which mlflow-stack:clientEnv.namespaces names, does not exist; create it`,
          ];
    const objects = ['configmaps', 'secrets'].map(async (resource) => {
      const path = objectPath('api/v1', namespace, resource, names.clientEnv);
      const object = await readOrNothing(view, path, `${resource} ${names.clientEnv} in ${namespace}`);
      return object === undefined || isOwn(object.metadata.labels)
        ? []
        : [
            `${resource === 'secrets' ? 'Secret' : 'ConfigMap'} "${names.clientEnv}" exists in namespace "${namespace}" and is not ` +
              "this stack's own; remove it, or take the namespace out of mlflow-stack:clientEnv.namespaces",
          ];
    });
    return (await Promise.all(objects)).flat();
  });
  return (await Promise.all(mistakes)).flat();
}
