// What rules look at: resources as Pulumi knows them, by type token and inputs. No SDK of a cloud is needed.
import type { Container, PodSpec } from './restricted.ts';

export interface Resource {
  /** Type token, such as `aws:s3/bucket:Bucket`. */
  readonly type: string;
  readonly name: string;
  readonly project: string;
  readonly stack: string;
  readonly props: Props;
  readonly protect: boolean;
  /** Inputs of its explicit provider. */
  readonly provider?: Props | undefined;
}

/** Inputs of a resource. They come from any program, so nothing is taken for granted. */
export type Props = Readonly<Record<string, unknown>>;

/** A sentence, without the resource it is about. */
export type Finding = string;

export interface Rule {
  /** As people switch it on and off by. */
  readonly name: string;
  /** What it asks for, as a sentence. */
  readonly description: string;
  /** Whether it is reported only, and refuses nothing. */
  readonly isAdvice?: boolean;
  /** What is wrong with a resource by itself. Asked before the resource is created. */
  readonly resource?: (resource: Resource) => Finding[];
  /** What is wrong with a resource among the others of its stack. */
  readonly stack?: (resource: Resource, all: readonly Resource[]) => Finding[];
}

/** How values look that a preview does not know yet. https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go */
const unknowns: readonly unknown[] = [
  '04da6b54-80e4-46f7-96ec-b56ff0331ba9',
  '1c4a061d-8072-4f0a-a4cb-0ff528b18fe7',
  '3eeb2bf0-c639-47a8-9e75-3b44932eb421',
  '6a19a0b0-7e62-4c92-b797-7f8e31da9cc2',
  'dd056dcd-154b-4c76-9bd3-c8f88648b5ff',
];

/** Whether a value is not known yet: it may turn out to be anything, and is judged in the update. */
export const isUnknown = (value: unknown): boolean => unknowns.includes(value);

export const isObject = (value: unknown): value is Props =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at a path such as `settings.ipConfiguration`; unknown where something on the way is. */
export function at(props: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) => (isUnknown(value) ? value : isObject(value) ? value[key] : undefined),
      props,
    );
}

/** Whether a value is, or may turn out to be, one of these. */
export const mayBe = (value: unknown, ...wanted: readonly unknown[]): boolean =>
  isUnknown(value) || wanted.includes(value);

/** A list, whether it was given as one, as a single value or not at all. */
export const list = (value: unknown): unknown[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];

export const texts = (value: unknown): string[] =>
  list(value).filter((item): item is string => typeof item === 'string');

/** An object that may have been given as JSON, as policies are. */
export function parsed(value: unknown): unknown {
  if (typeof value !== 'string' || isUnknown(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

/** Module and kind of a type token: `s3/Bucket` of `aws:s3/bucket:Bucket`. */
export const kindOf = ({ type }: Resource): string => type.split(':').at(-1) ?? '';
export const cloudOf = ({ type }: Resource): string => type.split(':')[0] ?? '';

export const isAws = (resource: Resource, ...kinds: readonly string[]): boolean =>
  cloudOf(resource) === 'aws' && kinds.includes(kindOf(resource));
export const isGcp = (resource: Resource, ...kinds: readonly string[]): boolean =>
  cloudOf(resource) === 'gcp' && kinds.includes(kindOf(resource));
export const isKubernetes = (resource: Resource, ...kinds: readonly string[]): boolean =>
  cloudOf(resource) === 'kubernetes' && kinds.includes(kindOf(resource));

/** What a pod of a workload is made by; undefined where a resource makes none. */
export function podSpec(resource: Resource): PodSpec | undefined {
  if (cloudOf(resource) !== 'kubernetes') return undefined;
  const { props } = resource;
  const spec =
    kindOf(resource) === 'Pod'
      ? at(props, 'spec')
      : (at(props, 'spec.template.spec') ?? at(props, 'spec.jobTemplate.spec.template.spec'));
  return isObject(spec) && Array.isArray(spec.containers) ? (spec as unknown as PodSpec) : undefined;
}

export function containers(resource: Resource): Container[] {
  const pod = podSpec(resource);
  return pod === undefined ? [] : [...(pod.initContainers ?? []), ...pod.containers];
}
