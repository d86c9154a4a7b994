// The Kubernetes objects that a stack would make, without a cluster, a cloud or a state.
import type { runtime } from '@pulumi/pulumi';
import { stringify } from 'yaml';
import { type Config, settingsOf } from '../lib/settings.ts';
import { closedCluster, closedContext } from './cluster.ts';
import {
  type Json,
  type JsonObject,
  type Registered,
  isObject,
  isSecret,
  isUnknown,
  runStack,
} from './engine.ts';
import { program } from './program.ts';
import { standIns } from './providers.ts';

/** Stands for a value that only an update makes. */
export const knownAfterApply = '(known after apply)';
/** Stands for a secret. */
export const hidden = '(secret)';

export interface Manifest {
  /** Kind and name of the resource, such as `Deployment/mlflow-deployment`. */
  readonly id: string;
  readonly object: JsonObject;
}

export interface Rendering {
  /** In an order in which they can be applied: the namespace first, then by kind and name. */
  readonly manifests: readonly Manifest[];
  /** How many resources are none of Kubernetes: what a cloud makes. */
  readonly others: number;
}

export interface RenderOptions {
  readonly stack: string;
  /** Whether to show secrets, those that are generated with values made anew. Default: false. */
  readonly secrets?: boolean;
  /** Answers of providers in place of those that `standIns` gives. */
  readonly providers?: runtime.Mocks;
}

/**
 * @param config configuration as a stack file has it, with the project in its keys.
 * @throws RunError with every mistake in it.
 */
export async function render(config: Config, options: RenderOptions): Promise<Rendering> {
  const first = await registeredBy(config, options);
  const objects = objectsOf(first, options.secrets ?? false);
  const others = first.filter(({ type }) => /^(aws|gcp):/.test(type)).length;
  if (options.secrets) return { manifests: objects, others };
  // What is generated, such as a certificate, differs from one time to the next.
  const second = objectsOf(await registeredBy(config, options), false);
  const manifests = objects.map(({ id, object }, index) => ({
    id,
    object: lasting(object, second[index]?.object) as JsonObject,
  }));
  return { manifests, others };
}

/** One manifest as YAML, below its id. */
export const yamlOf = ({ id, object }: Manifest): string =>
  `# ${id}\n${stringify(object, { lineWidth: 0, sortMapEntries: true })}`;

async function registeredBy(
  config: Config,
  { stack, providers }: RenderOptions,
): Promise<readonly Registered[]> {
  const settings = settingsOf(config);
  const cluster = await closedCluster(stack, settings);
  const { now } = Date;
  // Names of migration Jobs tell the time.
  Date.now = () => 0;
  try {
    const { resources } = await runStack(program, {
      providers: providers ?? standIns({ settings, kubeconfig: cluster.kubeconfig }),
      preview: true,
      stack,
      settings: { ...config, 'mlflow-stack:kubernetes': { clusterStack: 'none', context: closedContext } },
    });
    return resources;
  } finally {
    Date.now = now;
    cluster.close();
  }
}

function objectsOf(resources: readonly Registered[], secrets: boolean): Manifest[] {
  const rank = ({ id }: Manifest) => (id.startsWith('Namespace/') ? 0 : 1);
  return resources
    .filter(({ type }) => type.startsWith('kubernetes:'))
    .map(({ id, name, inputs }) => {
      const { metadata } = inputs;
      return {
        id,
        object: shown({ ...inputs, metadata: { name, ...(metadata as JsonObject) } }, secrets) as JsonObject,
      };
    })
    .sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
}

function shown(value: Json, secrets: boolean): Json {
  if (isUnknown(value)) return knownAfterApply;
  if (isSecret(value)) return secrets ? shown(value.value ?? null, secrets) : hidden;
  if (Array.isArray(value)) return value.map((item) => shown(item, secrets));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item, secrets)]));
}

/** What is the same both times. */
function lasting(first: Json, second: Json | undefined): Json {
  if (isObject(first) && isObject(second))
    return Object.fromEntries(Object.entries(first).map(([key, item]) => [key, lasting(item, second[key])]));
  if (Array.isArray(first) && Array.isArray(second) && first.length === second.length)
    return first.map((item, index) => lasting(item, second[index]));
  return first === second ? first : knownAfterApply;
}
