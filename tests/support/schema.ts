// Walks the schema of the settings.
import { settingsSchema } from '../../settings/index.ts';

interface SchemaNode {
  readonly type: string;
  /** Of a section. */
  readonly entries?: Record<string, SchemaNode>;
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
