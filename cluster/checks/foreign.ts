// What somebody else has, where the stack would put its own.
import { isOwn } from '../../lib/labels.ts';
import { objectPath } from '../client.ts';
import { type ClusterView, readOrNothing } from '../view.ts';

export interface Place {
  readonly kind: string;
  /** Part of the path that tells group and version, such as `api/v1`. */
  readonly group: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  /** What to do when it is taken. */
  readonly remedy: string;
  /** Name for people. Default: kind and name. */
  readonly what?: string;
}

/** One sentence when an object of somebody else is there. */
export async function foreignObject(view: ClusterView, place: Place): Promise<string[]> {
  const { kind, group, resource, namespace, name, remedy, what = `${kind} ${name}` } = place;
  const found = await readOrNothing(view, objectPath(group, namespace, resource, name), what);
  return found === undefined || isOwn(found.metadata.labels)
    ? []
    : [`${kind} "${name}" exists in namespace "${namespace}" and is not this stack's own; ${remedy}`];
}

/** Whether a namespace that a setting names is missing: one sentence, but for the stack's own, which may be made by it. */
export async function missingNamespace(
  view: ClusterView,
  { name, own, setting }: { readonly name: string; readonly own: string; readonly setting: string },
): Promise<string[] | undefined> {
  const found = await view.read(`/api/v1/namespaces/${name}`, `namespace ${name}`);
  if (found !== undefined) return undefined;
  return name === own
    ? []
    : [`namespace "${name}", which mlflow-stack:${setting} names, does not exist; create it`];
}
