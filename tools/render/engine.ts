// Stands in for the Pulumi engine. Everything that a program registers is recorded as the engine would see it: inputs as
// they cross the wire (secrets in their envelope, unknown values as such) and the options that came with them.
// There is one engine per process, so programs run one after the other.
import * as pulumi from '@pulumi/pulumi';
import type {
  RegisterResourceOutputsRequest,
  RegisterResourceRequest,
} from '@pulumi/pulumi/proto/resource_pb.js';
import { MockMonitor } from '@pulumi/pulumi/runtime/mocks.js';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export interface JsonObject {
  [key: string]: Json;
}

/** One registered resource. Others that it refers to are written like its own `id`. */
export interface Registered {
  /** Kind and name, such as `Deployment/mlflow-deployment`. */
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly inputs: JsonObject;
  readonly parent: string | undefined;
  /** Name of the explicit provider; undefined where Pulumi would make a default one. */
  readonly provider: string | undefined;
  readonly isComponent: boolean;
  readonly protect: boolean;
  readonly retainOnDelete: boolean;
  readonly deletedWith: string | undefined;
  /** Of dependsOn and of outputs in the inputs. */
  readonly dependencies: string[];
  readonly timeouts: { create: string; update: string };
  readonly replaceOnChanges: string[];
  readonly ignoreChanges: string[];
  readonly deleteBeforeReplace: boolean;
}

export interface Run {
  readonly resources: Registered[];
  /** The one resource with this id. */
  get(id: string): Registered;
  /** What each resource says by registerOutputs, by its id. The stack's own are `outputs`. */
  readonly registeredOutputs: Record<string, JsonObject>;
  readonly outputs: JsonObject;
  readonly warnings: string[];
}

export interface RunOptions {
  /** Answers for the providers. What they leave out is not known in a preview. */
  readonly providers: pulumi.runtime.Mocks;
  /** Whether this is a preview, in which no output of any resource is known. */
  readonly preview?: boolean;
  readonly stack?: string;
  /** Configuration as a stack file has it, keys with their project: structured values as such. */
  readonly settings?: Record<string, unknown>;
  /** Filled with everything that is registered, also when the program fails. */
  readonly registered?: Registered[];
}

/** Runs a program the way Pulumi does. Rejects as the program does. */
export async function runStack(
  program: () => unknown,
  { providers, preview = false, stack = 'test', settings = {}, registered = [] }: RunOptions,
): Promise<Run> {
  const recorder = new Recorder(providers, registered);
  await pulumi.runtime.setMocks(recorder.mocks, 'mlflow-stack', stack, preview);
  pulumi.runtime.setMockOptions(recorder, 'mlflow-stack', stack, preview);
  pulumi.runtime.setAllConfig(
    Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, asConfigured(value)])),
  );
  const warnings: string[] = [];
  const warn = pulumi.log.warn;
  Object.assign(pulumi.log, { warn: async (text: string) => void warnings.push(text) });
  const { stackTraceLimit } = Error;
  // Pulumi notes for each promise where it was made, which takes as long as all else does.
  Error.stackTraceLimit = 0;
  try {
    await pulumi.runtime.runInPulumiStack(async () => program());
    // Waits for resources that no output mentions.
    await pulumi.runtime.disconnect();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    Object.assign(pulumi.log, { warn });
  }
  return {
    get: (id) => {
      const found = registered.filter((resource) => resource.id === id);
      if (found.length !== 1 || found[0] === undefined)
        throw new Error(`${found.length} resources are ${id}`);
      return found[0];
    },
    resources: registered.filter(({ type }) => type !== 'pulumi:pulumi:Stack'),
    registeredOutputs: recorder.outputs,
    outputs: recorder.outputs[`Stack/mlflow-stack-${stack}`] ?? {},
    warnings,
  };
}

/** The language host hands structured values over as JSON, all else as text. */
function asConfigured(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

class Recorder extends MockMonitor {
  readonly registered: Registered[];
  readonly outputs: Record<string, JsonObject> = {};

  constructor(providers: pulumi.runtime.Mocks, registered: Registered[]) {
    super(providers);
    this.registered = registered;
  }

  override async registerResource(
    request: RegisterResourceRequest,
    callback: Parameters<MockMonitor['registerResource']>[1],
  ): Promise<void> {
    this.registered.push({
      id: `${kindOf(request.getType())}/${request.getName()}`,
      type: request.getType(),
      name: request.getName(),
      inputs: toJson(request.getObject()),
      parent: idOf(request.getParent()),
      provider: idOf(request.getProvider()),
      isComponent: !request.getCustom(),
      protect: request.getProtect() ?? false,
      retainOnDelete: request.getRetainondelete() ?? false,
      deletedWith: idOf(request.getDeletedwith()),
      dependencies: request.getDependenciesList().map((urn) => idOf(urn) ?? ''),
      timeouts: {
        create: request.getCustomtimeouts()?.getCreate() ?? '',
        update: request.getCustomtimeouts()?.getUpdate() ?? '',
      },
      replaceOnChanges: request.getReplaceonchangesList(),
      ignoreChanges: request.getIgnorechangesList(),
      deleteBeforeReplace: request.getDeletebeforereplace(),
    });
    await super.registerResource(request, callback);
  }

  override registerResourceOutputs(
    request: RegisterResourceOutputsRequest,
    callback: Parameters<MockMonitor['registerResourceOutputs']>[1],
  ): void {
    this.outputs[idOf(request.getUrn()) ?? ''] = toJson(request.getOutputs());
    super.registerResourceOutputs(request, callback);
  }
}

/** Of `urn:pulumi:<stack>::<project>::<type>::<name>` or a reference to a provider, `<urn>::<id>`. */
function idOf(urn: string): string | undefined {
  const [, , type = '', name = ''] = urn.split('::');
  return urn === '' ? undefined : `${kindOf(type)}/${name}`;
}

const kindOf = (type: string): string => type.split(':').at(-1) ?? type;

function toJson(struct: ReturnType<RegisterResourceRequest['getObject']>): JsonObject {
  return struct?.toJavaScript() ?? {};
}

const { specialSecretSig, specialSigKey, unknownValue } = pulumi.runtime;

export const isUnknown = (value: Json | undefined): boolean => value === unknownValue;

export function isSecret(value: Json | undefined): value is JsonObject {
  return isObject(value) && value[specialSigKey] === specialSecretSig;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
