// Objects of the pretended project behind Google Cloud's APIs: made, shown, changed and removed by the rules and handlers of the
// plug-in's double, in the project's store.
import { existing, part } from '../double/gcp/rules.ts';
import { table } from '../double/gcp/table.ts';
import { isObject } from '../double/inputs.ts';
import { type Context, fromStore, type Kind } from '../double/provider.ts';
import type { CloudObject, Props } from '../double/store.ts';

/** A request, and where what it is about is kept. */
export interface Asked {
  readonly context: Context;
  /** Parts of the path, and what was asked for behind it. */
  readonly named: Readonly<Record<string, string>>;
  readonly body: Props;
}

export type Routes = Readonly<Record<string, (asked: Asked) => Props | Promise<Props>>>;

/** One kind of object behind an API. */
export interface Resource {
  readonly type: string;
  /** As the store has it, by what was asked. Without a body: what its id is made of. */
  inputs(asked: Asked): Props;
  /** As the API shows it. */
  shown(object: CloudObject): Props;
  /** What a change is answered with. Default: the object as it is then. */
  changed?(object: CloudObject): Props;
}

const kindOf = (type: string) => table.kinds[type] as Kind;
const served = (type: string) => fromStore(type, kindOf(type));

/** @throws Error that says what the service does not take. */
export async function make(type: string, inputs: Props, context: Context): Promise<CloudObject> {
  check(type, inputs, context);
  const { id } = await served(type).make(inputs, context);
  return existing(context.store, type, id, id);
}

function check(type: string, inputs: Props, context: Context): void {
  const failures: string[] = [];
  kindOf(type).check?.(inputs, (property, reason) => failures.push(`${property}: ${reason}`), context);
  if (failures.length > 0) throw new Error(`googleapi: Error 400: ${failures.join('; ')}, invalid`);
}

export async function unmake(type: string, object: CloudObject, context: Context): Promise<void> {
  await served(type).unmake(object, context);
}

export function lookAt({ type, inputs }: Resource, asked: Asked): CloudObject {
  const id = kindOf(type).id(inputs({ ...asked, body: {} }), asked.context);
  return existing(asked.context.store, type, id, id);
}

export async function create(
  { type, inputs, shown, changed = shown }: Resource,
  asked: Asked,
): Promise<Props> {
  return changed(await make(type, inputs(asked), asked.context));
}

export async function change(resource: Resource, asked: Asked): Promise<Props> {
  const { type, inputs, shown, changed = shown } = resource;
  const old = lookAt(resource, asked);
  const news = inputs({ ...asked, body: { ...old.inputs, ...asked.body } });
  check(type, news, asked.context);
  await served(type).change?.(news, old, asked.context);
  return changed(existing(asked.context.store, type, old.id, old.id));
}

export async function remove(resource: Resource, asked: Asked): Promise<Props> {
  const object = lookAt(resource, asked);
  await unmake(resource.type, object, asked.context);
  return resource.changed?.(object) ?? {};
}

/** https://www.rfc-editor.org/rfc/rfc7396 */
function merged(olds: Props, news: Props): Props {
  const changes = Object.entries(news).map(([name, value]): [string, unknown] => [
    name,
    isObject(value) ? merged(part(olds[name]), value) : value,
  ]);
  const all = { ...olds, ...Object.fromEntries(changes) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

/** The usual paths of a kind of object: in a collection each is under its name. */
export const collection = (path: string, resource: Resource): Routes => ({
  [`POST ${path}`]: (asked) => create(resource, asked),
  [`GET ${path}/{name}`]: (asked) => resource.shown(lookAt(resource, asked)),
  [`PATCH ${path}/{name}`]: (asked) =>
    change(resource, { ...asked, body: merged(lookAt(resource, asked).inputs, asked.body) }),
  [`PUT ${path}/{name}`]: (asked) => change(resource, asked),
  [`DELETE ${path}/{name}`]: (asked) => remove(resource, asked),
});

/** What there is of a kind in what was asked for. */
export const listed = ({ type, shown }: Resource, { context, named }: Asked, property: string): Props[] =>
  context.store
    .list(type)
    .filter(({ inputs }) => inputs[property] === named[property])
    .map(shown);
