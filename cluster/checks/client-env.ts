import type { Settings } from '../../config.ts';
import { names } from '../../lib/names.ts';
import type { ClusterView } from '../view.ts';
import { foreignObject, missingNamespace } from './foreign.ts';

const kinds = { configmaps: 'ConfigMap', secrets: 'Secret' };

/** Namespaces of clients that are not there, or hold somebody else's objects of the names that clients count on. */
export async function clientNamespaceMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const { clientEnv, namespace: own } = settings;
  const mistakes = clientEnv.namespaces.map(async (namespace) => {
    const setting = 'clientEnv.namespaces';
    const missing = await missingNamespace(view, { name: namespace, own: own.name, setting });
    if (missing !== undefined) return missing;
    const objects = Object.entries(kinds).map(([resource, kind]) =>
      foreignObject(view, {
        kind,
        group: 'api/v1',
        resource,
        namespace,
        name: names.clientEnv,
        what: `${resource} ${names.clientEnv} in ${namespace}`,
        remedy: `remove it, or take the namespace out of mlflow-stack:${setting}`,
      }),
    );
    return (await Promise.all(objects)).flat();
  });
  return (await Promise.all(mistakes)).flat();
}
