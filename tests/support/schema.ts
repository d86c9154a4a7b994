// Walks the schema of the settings.
import { settingsSchema } from '../../settings/index.ts';

interface SchemaNode {
  readonly type: string;
  /** Of a section. */
  readonly entries?: Record<string, SchemaNode>;
  /** Words of a picklist. */
  readonly options?: readonly string[];
  /** What `optional` wraps. */
  readonly wrapped?: SchemaNode;
  /** Steps of a `pipe`. */
  readonly pipe?: readonly SchemaNode[];
}

const root = settingsSchema as unknown as SchemaNode;

/** What `optional` and `pipe` are put around. */
function inner(node: SchemaNode): SchemaNode {
  const next = node.wrapped ?? node.pipe?.find((step) => step !== node && step.type === 'record');
  return next === undefined ? node : inner(next);
}

/** The part of the schema at this path; undefined where there is none. Any key is one of a section of texts. */
export function settingAt(path: readonly string[]): SchemaNode | undefined {
  return path.reduce<SchemaNode | undefined>((at, key) => {
    const section = at && inner(at);
    return section?.type === 'record' ? section : section?.entries?.[key];
  }, root);
}

/** Path of every key that has a value of its own, in the order of the schema. */
export function settingPaths(node: SchemaNode = root, path: readonly string[] = []): string[] {
  const { entries } = inner(node);
  return entries === undefined
    ? [path.join('.')]
    : Object.entries(entries).flatMap(([key, entry]) => settingPaths(entry, [...path, key]));
}

/** What a setting may be, where it is one of a few words. */
export function allowedValues(path: readonly string[]): readonly string[] {
  const at = settingAt(path);
  const { type, options } = at === undefined ? root : inner(at);
  return type === 'picklist' ? (options ?? []) : [];
}
