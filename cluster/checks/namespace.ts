import type { Settings } from '../../config.ts';
import { isOwn } from '../../lib/labels.ts';
import { plannedObjects } from '../../lib/names.ts';
import { type KubernetesObject, objectPath } from '../client.ts';
import { type ClusterView, readOrNothing, unreadable } from '../view.ts';

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
  const checks = plannedObjects.map(async ({ kind, group, resource, name }) => {
    const found = await readOrNothing(view, objectPath(group, namespace, resource, name), `${kind} ${name}`);
    return found === undefined || isOwn(found.metadata.labels)
      ? []
      : [
          `${kind} "${name}" exists in namespace "${namespace}" and is not this stack's own; ` +
            'remove it, or choose another mlflow-stack:namespace.name',
        ];
  });
  return (await Promise.all(checks)).flat();
}
