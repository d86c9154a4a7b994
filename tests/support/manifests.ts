// Looks into Kubernetes objects as they were registered.
import type { JsonObject, Registered } from './mocks.ts';
import type { Container, PodSpec } from '../../policy/restricted.ts';

export interface ObjectMeta {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
}

export interface PodTemplate {
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
}

/** The parts of a Kubernetes object that tests look into. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly selector?: Record<string, unknown> & { readonly matchLabels?: Record<string, string> };
    readonly template?: PodTemplate;
    readonly jobTemplate?: {
      readonly metadata: ObjectMeta;
      readonly spec: { readonly template: PodTemplate };
    };
  };
}

export const isKubernetesObject = ({ type }: Registered): boolean => type.startsWith('kubernetes:');

export const manifest = ({ inputs }: { inputs: JsonObject }): Manifest => inputs as unknown as Manifest;

export function podTemplate(resource: Registered): PodTemplate | undefined {
  const { spec } = manifest(resource);
  return spec?.template ?? spec?.jobTemplate?.spec.template;
}

/** The container of this name in the pods of a resource. */
export function container(resource: Registered, name: string): Container {
  const spec = podTemplate(resource)?.spec;
  const found = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].find(
    (one) => one.name === name,
  );
  if (found === undefined) throw new Error(`${resource.id} has no container ${name}`);
  return found;
}

/** A container's plain variables by name. */
export function plainEnv({ env = [] }: Container): Record<string, string | undefined> {
  return Object.fromEntries(env.map(({ name, value }) => [name, value]));
}

/** Where a container's other variables come from, by name: `secret/key`. */
export function secretEnv({ env = [] }: Container): Record<string, string> {
  const references = env.flatMap(({ name, valueFrom }) => {
    const { secretKeyRef } = (valueFrom ?? {}) as { secretKeyRef?: { name: string; key: string } };
    return secretKeyRef === undefined ? [] : [[name, `${secretKeyRef.name}/${secretKeyRef.key}`]];
  });
  return Object.fromEntries(references) as Record<string, string>;
}
