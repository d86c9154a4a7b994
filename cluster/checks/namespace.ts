import type { Settings } from '../../config.ts';
import { isOwn } from '../../lib/labels.ts';
import { plannedObjects } from '../../lib/names.ts';
import type { KubernetesObject } from '../client.ts';
import { type ClusterView, unreadable } from '../view.ts';
import { foreignObject } from './foreign.ts';

export interface NamespaceFindings {
  readonly mistakes: string[];
  /** Whether it is there and may be used, so that its content counts. */
  readonly usable: boolean;
}

export async function inspectNamespace(
  view: ClusterView,
  { name, create }: Settings['namespace'],
): Promise<NamespaceFindings> {
  const namespace = await view.read(`/api/v1/namespaces/${name}`, `namespace ${name}`);
  const mistake = mistakeOf(namespace, name, create);
  return {
    mistakes: mistake === undefined ? [] : [mistake],
    usable: mistake === undefined && namespace !== undefined,
  };
}

function mistakeOf(
  namespace: KubernetesObject | undefined | typeof unreadable,
  name: string,
  create: boolean,
): string | undefined {
  if (namespace === unreadable) return undefined;
  if (namespace === undefined) {
    return create
      ? undefined
      : `namespace "${name}" does not exist; create it, or set mlflow-stack:namespace.create to true`;
  }
  if (namespace.metadata.deletionTimestamp !== undefined)
    return `namespace "${name}" is being deleted; wait until it is gone`;
  return create && !isOwn(namespace.metadata.labels)
    ? `namespace "${name}" exists and is not this stack's own; choose another mlflow-stack:namespace.name, ` +
        'or set mlflow-stack:namespace.create to false to use it as it is'
    : undefined;
}

/** Objects of somebody else with names that the stack would take over. */
export async function foreignObjects(view: ClusterView, namespace: string): Promise<string[]> {
  const remedy = 'remove it, or choose another mlflow-stack:namespace.name';
  const checks = plannedObjects.map((place) => foreignObject(view, { ...place, namespace, remedy }));
  return (await Promise.all(checks)).flat();
}
