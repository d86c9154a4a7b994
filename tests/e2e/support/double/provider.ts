// A test double of a cloud's plug-in, driven by a table of resource types: the real engine talks to it as it would to the real
// one. It speaks the plug-in protocol itself, because the provider class of @pulumi/pulumi shows neither the provider's own
// settings nor whether a creation is only previewed, and cannot say which property changed. As the real plug-ins do, it
// leaves secrets to the engine, which marks an output as secret where the input of the same name was one.
import { isDeepStrictEqual } from 'node:util';
// Both come with @pulumi/pulumi.
import grpc from '@grpc/grpc-js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import struct, { type JavaScriptValue } from 'google-protobuf/google/protobuf/struct_pb.js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import service from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import proto from '@pulumi/pulumi/proto/provider_pb.js';
import { type Declaration, Declarations, type Failure, UNKNOWN, isObject } from './inputs.ts';
import type { CloudObject, Props, Store } from './store.ts';

/** What a resource type is told of its surroundings. */
export interface Context {
  readonly store: Store;
  /** Settings of the provider, such as project and region. */
  readonly config: Props;
}

/** What a resource type takes, wherever its objects are. */
interface Rules {
  /** Paths without list indices, such as `name` or `settings.location`, whose change makes a new object. */
  readonly replaceOnChanges?: readonly string[];
  /** The property that is the resource's name and some random letters, unless it is given. */
  readonly autoname?: { readonly property: string; readonly maxLength: number; readonly lowercase?: boolean };
  /** Outputs that are secret whatever the inputs are. */
  readonly secretOutputs?: readonly string[];
  /** Inputs that the plug-in adds where they are left out. */
  defaults?(inputs: Props, config: Props): Props;
  /** Rules of the service beyond the schema. Values that are not known yet are left out of `inputs`. */
  check?(inputs: Props, fail: (property: string, reason: string) => void, context: Context): void;
}

/** An object that the engine no longer looks after may stay in the cloud. */
export type Removal = 'kept' | undefined;

/** A resource type whose objects are in the store. */
export interface Kind extends Rules {
  /** The id that a new object gets. */
  id(inputs: Props, context: Context): string;
  /** What the service adds to the inputs. Without `old` for a new object. */
  computed?(inputs: Props, context: Context, old?: CloudObject): Props;
  /** Whether creating what is there already changes that. Default: it is an error. */
  adopts?(inputs: Props): boolean;
  /** What happens in the cloud, or why it does not. */
  create?(object: CloudObject, context: Context): void | Promise<void>;
  update?(object: CloudObject, context: Context, old: CloudObject): void | Promise<void>;
  /** `object` is what the engine's state has, which is what the real plug-in looks at. */
  delete?(object: CloudObject, context: Context): Removal | Promise<Removal>;
}

/** A resource type whose objects are in a pretended cloud with an API of its own. */
export interface ServedKind extends Rules {
  /** Resolves to the id of the new object, and to what the service says of it beside the inputs. */
  make(inputs: Props, context: Context): Promise<Pick<CloudObject, 'id' | 'outputs'>>;
  /** Resolves to what the service says of it, or to nothing when it is gone. `object` is what the engine's state has. */
  look(object: CloudObject, context: Context): Promise<Props | undefined>;
  /** The same after a change. */
  change?(inputs: Props, old: CloudObject, context: Context): Promise<Props>;
  unmake(object: CloudObject, context: Context): Promise<void>;
}

export type Invoke = (args: Props, context: Context) => Props | Promise<Props>;

/** What a double of one cloud consists of. */
export interface CloudTable {
  readonly kinds: Readonly<Record<string, Kind | ServedKind>>;
  readonly functions?: Readonly<Record<string, Invoke>>;
  /** Why the provider's own settings are refused. */
  checkConfig?(config: Props): Failure[];
  /** Rejects where the cloud does not let this account in. */
  configure?(config: Props, context: Context): Promise<void>;
}

export interface PluginDouble extends CloudTable {
  readonly version: string;
  readonly declarations: Declarations;
  readonly store: Store;
}

const SECRET = { key: '4dabf18193072939515e22adb298388d', value: '1b47061264138c4ac30d75fd1eb44270' };
/** Names of the inputs that the plug-in itself has given a value, as the real ones keep them. */
const DEFAULTS = '__defaults';

/** Serves the plug-in protocol, and prints the port, until the engine ends it. */
export async function serve(double: PluginDouble): Promise<void> {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(service.ResourceProviderService, implementation(double));
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  process.stdout.write(`${port}\n`);
}

function implementation(double: PluginDouble): grpc.UntypedServiceImplementation {
  const { declarations, store, kinds } = double;
  let config: Props = {};
  const context = (): Context => ({ store, config });

  const kindOf = (type: string): ServedKind => {
    const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
    if (kind === undefined) throw new Error(`the test double of this plug-in does not know resource ${type}`);
    return 'make' in kind ? kind : fromStore(type, kind);
  };

  return {
    getPluginInfo: unary(() => {
      const info = new plugin.PluginInfo();
      info.setVersion(double.version);
      return info;
    }),

    checkConfig: unary((request: InstanceType<typeof proto.CheckRequest>) => {
      const news = plain(request.getNews());
      return checked(news, double.checkConfig?.(news) ?? []);
    }),

    diffConfig: unary((request: InstanceType<typeof proto.DiffRequest>) => {
      const [olds, news] = [plain(request.getOlds()), plain(request.getNews())];
      // Another project is another provider; everything else is a way to get there.
      return compared(changedPaths(olds, news), ['project', 'region'], false);
    }),

    configure: unary(async (request: InstanceType<typeof proto.ConfigureRequest>) => {
      config = known(plain(request.getArgs()));
      await double.configure?.(config, context());
      const response = new proto.ConfigureResponse();
      response.setSupportspreview(true);
      return response;
    }),

    check: unary(async (request: InstanceType<typeof proto.CheckRequest>) => {
      const type = typeOf(request.getUrn());
      const kind = kindOf(type);
      const { [DEFAULTS]: _, ...news } = plain(request.getNews());
      const olds = plain(request.getOlds());
      const added = {
        ...autonamed(kind, nameOf(request.getUrn()), news, olds),
        ...withoutThose(kind.defaults?.(news, config) ?? {}, news),
      };
      const inputs = { ...news, ...added };
      const failures = await declarations.check(type, nameOf(request.getUrn()), inputs);
      if (failures.length === 0)
        kind.check?.(known(inputs), (property, reason) => failures.push({ property, reason }), context());
      return checked({ ...inputs, [DEFAULTS]: Object.keys(added) }, failures);
    }),

    diff: unary((request: InstanceType<typeof proto.DiffRequest>) => {
      const kind = kindOf(typeOf(request.getUrn()));
      const { [DEFAULTS]: oldDefaults, ...olds } = plain(request.getOldInputs() ?? request.getOlds());
      const { [DEFAULTS]: _, ...news } = plain(request.getNews());
      const property = kind.autoname?.property;
      // Two objects cannot have one name: a name that somebody chose is free only when the old object is gone.
      const chosen =
        property !== undefined &&
        !(Array.isArray(oldDefaults) && oldDefaults.includes(property)) &&
        olds[property] === news[property];
      return compared(changedPaths(olds, news), kind.replaceOnChanges ?? [], chosen);
    }),

    create: unary(async (request: InstanceType<typeof proto.CreateRequest>) => {
      const type = typeOf(request.getUrn());
      const kind = kindOf(type);
      const { [DEFAULTS]: _, ...inputs } = plain(request.getProperties());
      const declaration = await declarations.resource(type);
      const response = new proto.CreateResponse();
      if (request.getPreview()) {
        response.setProperties(wrapped(foreseen(declaration, inputs)));
        return response;
      }
      const { id, outputs } = await kind.make(inputs, context());
      const object = { id, outputs: declared(type, declaration, { ...inputs, ...outputs }) };
      response.setId(object.id);
      response.setProperties(marked(kind, object.outputs));
      return response;
    }),

    read: unary(async (request: InstanceType<typeof proto.ReadRequest>) => {
      const type = typeOf(request.getUrn());
      const kind = kindOf(type);
      const response = new proto.ReadResponse();
      const outputs = plain(request.getProperties());
      const { [DEFAULTS]: defaults = [], ...inputs } = plain(request.getInputs());
      const found = await kind.look({ id: request.getId(), inputs, outputs }, context());
      if (found === undefined) return response;
      const declaration = await declarations.resource(type);
      // An object that is to be imported has no inputs yet.
      const known = Object.keys(inputs).length > 0 ? Object.keys(inputs) : Object.keys(declaration.inputs);
      const read = Object.entries({ ...outputs, ...found }).filter(([name]) => known.includes(name));
      response.setId(request.getId());
      response.setProperties(marked(kind, declared(type, declaration, { ...outputs, ...found })));
      response.setInputs(wrapped({ ...inputs, ...Object.fromEntries(read), [DEFAULTS]: defaults }));
      return response;
    }),

    update: unary(async (request: InstanceType<typeof proto.UpdateRequest>) => {
      const type = typeOf(request.getUrn());
      const kind = kindOf(type);
      const { [DEFAULTS]: _, ...inputs } = plain(request.getNews());
      const { [DEFAULTS]: __, ...oldInputs } = plain(request.getOldInputs());
      const declaration = await declarations.resource(type);
      const response = new proto.UpdateResponse();
      const outputs = plain(request.getOlds());
      if (request.getPreview()) {
        const kept = Object.entries(outputs).filter(([name]) => !(name in oldInputs));
        response.setProperties(wrapped({ ...Object.fromEntries(kept), ...inputs }));
        return response;
      }
      if (kind.change === undefined) throw new Error(`${type} cannot be changed in place`);
      const old = { id: request.getId(), inputs: oldInputs, outputs };
      const changed = await kind.change(inputs, old, context());
      response.setProperties(marked(kind, declared(type, declaration, { ...inputs, ...changed })));
      return response;
    }),

    delete: unary(async (request: InstanceType<typeof proto.DeleteRequest>) => {
      const outputs = plain(request.getProperties());
      const inputs = { ...outputs, ...plain(request.getOldInputs()) };
      await kindOf(typeOf(request.getUrn())).unmake({ id: request.getId(), outputs, inputs }, context());
      return new empty.Empty();
    }),

    invoke: unary(async (request: InstanceType<typeof proto.InvokeRequest>) => {
      const token = request.getTok();
      const invoke = double.functions?.[token];
      if (invoke === undefined)
        throw new Error(`the test double of this plug-in does not know function ${token}`);
      const response = new proto.InvokeResponse();
      response.setReturn(wrapped(await invoke(plain(request.getArgs()), context())));
      return response;
    }),

    cancel: unary(() => new empty.Empty()),
  };
}

/** A resource type whose objects are in the store, served from there. */
export function fromStore(type: string, kind: Kind): ServedKind {
  const { id: idOf, computed, adopts, create, update, delete: remove, ...rules } = kind;
  return {
    ...rules,
    make: async (inputs, context) => {
      const outputs = { ...inputs, ...computed?.(inputs, context) };
      const object = { id: idOf(inputs, context), inputs, outputs };
      if (context.store.get(type, object.id) !== undefined && adopts?.(inputs) !== true)
        throw new Error(`googleapi: Error 409: ${object.id} already exists., alreadyExists`);
      await create?.(object, context);
      context.store.put(type, object);
      return object;
    },
    look: async ({ id }, { store }) => {
      const object = store.get(type, id);
      return object && { ...object.inputs, ...object.outputs };
    },
    change: async (inputs, { id }, context) => {
      const old = context.store.get(type, id);
      if (old === undefined) throw new Error(`googleapi: Error 404: ${type} ${id} was not found., notFound`);
      const object = { id, inputs, outputs: { ...inputs, ...computed?.(inputs, context, old) } };
      await update?.(object, context, old);
      context.store.put(type, object);
      return object.outputs;
    },
    unmake: async (object, context) => {
      // What is gone already is no reason to fail.
      if (context.store.get(type, object.id) === undefined) return;
      if ((await remove?.(object, context)) !== 'kept') context.store.remove(type, object.id);
    },
  };
}

/** A handler whose errors reach the engine as one sentence. */
function unary<Request, Response>(
  handle: (request: Request) => Response | Promise<Response>,
): grpc.handleUnaryCall<Request, Response> {
  return (call, callback) => {
    (async () => handle(call.request))().then(
      (response) => callback(null, response),
      (error: unknown) =>
        callback({
          code: grpc.status.UNKNOWN,
          details: error instanceof Error ? error.message : String(error),
        }),
    );
  };
}

const typeOf = (urn: string) => urn.split('::')[2]?.split('$').at(-1) ?? '';
const nameOf = (urn: string) => urn.split('::').slice(3).join('::');

const wrapped = (props: Props) =>
  struct.Struct.fromJavaScript(withoutUndefined(props) as Record<string, JavaScriptValue>);

/** Outputs as they go to the engine, secrets in their envelope. */
function marked({ secretOutputs = [] }: Rules, outputs: Props) {
  return wrapped(
    Object.fromEntries(
      Object.entries(outputs).map(([name, value]) => [
        name,
        secretOutputs.includes(name) ? { [SECRET.key]: SECRET.value, value } : value,
      ]),
    ),
  );
}

/** What the engine sends, without the envelopes of secrets. */
const plain = (sent: InstanceType<typeof struct.Struct> | undefined): Props =>
  (opened(sent?.toJavaScript() ?? {}) ?? {}) as Props;

function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (!isObject(value)) return value;
  if (value[SECRET.key] === SECRET.value) return opened(value.value);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, opened(each)]));
}

/** Without what is not known yet. */
function known(props: Props): Props {
  const prune = (value: unknown): unknown => {
    if (value === UNKNOWN) return undefined;
    if (Array.isArray(value)) return value.map(prune);
    return isObject(value) ? known(value) : value;
  };
  return withoutUndefined(
    Object.fromEntries(Object.entries(props).map(([key, value]) => [key, prune(value)])),
  );
}

const withoutUndefined = (props: Props): Props =>
  Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined));

const withoutThose = (props: Props, given: Props): Props =>
  Object.fromEntries(
    Object.entries(props).filter(([name, value]) => value !== undefined && (given[name] ?? null) === null),
  );

function autonamed({ autoname }: Rules, name: string, news: Props, olds: Props): Props {
  if (autoname === undefined || (news[autoname.property] ?? null) !== null) return {};
  const before = olds[autoname.property];
  const defaulted = olds[DEFAULTS];
  if (typeof before === 'string' && Array.isArray(defaulted) && defaulted.includes(autoname.property))
    return { [autoname.property]: before };
  const random = Math.floor(Math.random() * 0x10000000)
    .toString(16)
    .padStart(7, '0');
  const base = (autoname.lowercase ? name.toLowerCase() : name).slice(0, autoname.maxLength - 8);
  return { [autoname.property]: `${base}-${random}` };
}

/** What is known of a new object before it is made: all that was asked for, and of what the service adds only that it will be there. */
function foreseen({ outputs }: Declaration, inputs: Props): Props {
  const added = Object.entries(outputs)
    .filter(([name, { computed }]) => computed && !(name in inputs))
    .map(([name]) => [name, UNKNOWN]);
  return { ...inputs, ...(Object.fromEntries(added) as Props) };
}

/** A double that returns what the SDK does not declare has invented it. */
function declared(type: string, { outputs }: Declaration, props: Props): Props {
  const invented = Object.keys(props).filter((name) => !Object.hasOwn(outputs, name));
  if (invented.length > 0) throw new Error(`${type} has no output ${invented.join(', ')}`);
  return props;
}

type Change = 'ADD' | 'DELETE' | 'UPDATE';

/** Paths of single values that differ, as the engine writes them. */
function changedPaths(olds: unknown, news: unknown, path = ''): Map<string, Change> {
  if (isDeepStrictEqual(olds, news)) return new Map();
  const before = olds ?? undefined;
  const after = news ?? undefined;
  if (before === undefined && after === undefined) return new Map();
  if (path !== '' && before === undefined) return new Map([[path, 'ADD']]);
  if (path !== '' && after === undefined) return new Map([[path, 'DELETE']]);
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    const all = Array.from({ length }, (_, index) =>
      changedPaths(before[index], after[index], `${path}[${index}]`),
    );
    return new Map(all.flatMap((changes) => [...changes]));
  }
  if (isObject(before) && isObject(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return new Map(
      [...names].flatMap((name) => [
        ...changedPaths(before[name], after[name], path === '' ? keyed(name) : `${path}${dotted(name)}`),
      ]),
    );
  }
  return new Map([[path, 'UPDATE']]);
}

const isPlain = (name: string) => /^[A-Za-z_$][\w$]*$/.test(name);
const keyed = (name: string) => (isPlain(name) ? name : `["${name}"]`);
const dotted = (name: string) => (isPlain(name) ? `.${name}` : `["${name}"]`);

function compared(
  changes: Map<string, Change>,
  replaceOnChanges: readonly string[],
  deleteBeforeReplace: boolean,
) {
  const { DiffChanges } = proto.DiffResponse;
  const response = new proto.DiffResponse();
  const replaces: string[] = [];
  for (const [path, change] of changes) {
    const simple = path.replaceAll(/\[\d+\]/g, '');
    const replace = replaceOnChanges.some((each) => simple === each || simple.startsWith(`${each}.`));
    if (replace) replaces.push(path);
    const detail = new proto.PropertyDiff();
    detail.setKind(proto.PropertyDiff.Kind[replace ? (`${change}_REPLACE` as const) : change]);
    detail.setInputdiff(true);
    response.getDetaileddiffMap().set(path, detail);
  }
  response.setChanges(changes.size > 0 ? DiffChanges.DIFF_SOME : DiffChanges.DIFF_NONE);
  response.setDiffsList([...changes.keys()]);
  response.setReplacesList(replaces);
  response.setHasdetaileddiff(true);
  response.setDeletebeforereplace(replaces.length > 0 && deleteBeforeReplace);
  return response;
}

function checked(inputs: Props, failures: readonly Failure[]) {
  const response = new proto.CheckResponse();
  response.setInputs(wrapped(inputs));
  response.setFailuresList(
    failures.map(({ property, reason }) => {
      const failure = new proto.CheckFailure();
      failure.setProperty(property);
      failure.setReason(reason);
      return failure;
    }),
  );
  return response;
}
