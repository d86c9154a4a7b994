// What there is to say of each setting: from its schema what it may be and its default, from its comment what it does.
import { notShown } from '../../lib/schema.ts';
import { settingsSchema } from '../../settings/index.ts';
import { settingComments } from './comments.ts';

export interface Setting {
  /** Path in a stack file; `[]` stands after a list, before the keys of its items. */
  readonly path: string;
  /** What it may be. */
  readonly allowed: string;
  /** Value where it is left out; undefined where there is none, or where it depends on others. */
  readonly fallback: unknown;
  /** What is the case where it is left out, for people. */
  readonly otherwise: string;
  readonly effect: string;
}

/** The parts of valibot's schemas that matter here. */
export interface SchemaNode {
  readonly type: string;
  readonly message?: unknown;
  /** Of a section. */
  readonly entries?: Record<string, SchemaNode>;
  /** Of a list. */
  readonly item?: SchemaNode;
  /** Words of a picklist. */
  readonly options?: readonly string[];
  /** What `optional` wraps. */
  readonly wrapped?: SchemaNode;
  readonly default?: unknown;
}

const root = settingsSchema as unknown as SchemaNode;

/** Every key that has a value of its own, in the order of the schema. */
export function settingsReference(): Setting[] {
  const comments = settingComments();
  return settingsBelow(root, '', comments, '', true);
}

/**
 * @param inherited what the comments of the sections around say, as long as no key has said it
 * @param present whether the section is there in every stack file
 */
function settingsBelow(
  { entries = {} }: SchemaNode,
  path: string,
  comments: ReadonlyMap<string, string>,
  inherited: string,
  present: boolean,
): Setting[] {
  return Object.entries(entries).flatMap(([key, node], index) => {
    const name = path === '' ? key : `${path}.${key}`;
    // The comment of a whole topic is no sentence of a table.
    const own = path === '' && sectionOf(node) !== undefined ? '' : (comments.get(name) ?? '');
    const comment = index === 0 ? `${inherited} ${own}`.trim() : own;
    const section = sectionOf(node);
    if (section !== undefined) {
      const there = present && (node.type !== 'optional' || node.default !== undefined);
      return settingsBelow(section, name, comments, comment, there);
    }
    const item = inner(node).item;
    const items = item && sectionOf(item);
    return [
      setting(name, node, comment, present),
      ...(items === undefined ? [] : settingsBelow(items, `${name}[]`, comments, '', false)),
    ];
  });
}

function setting(path: string, node: SchemaNode, comment: string, present: boolean): Setting {
  const { text, prose } = splitComment(comment);
  const literal = written(node.default);
  const otherwise = [literal, prose].filter((part) => part !== undefined).join(': ');
  const missing = node.type === 'optional' ? 'none' : present ? 'required' : 'required there';
  return {
    path,
    allowed: allowed(inner(node)),
    fallback: node.default,
    otherwise: otherwise || missing,
    effect: text,
  };
}

/** Takes the sentence that begins with "Default:" out of a comment. */
function splitComment(comment: string): { text: string; prose?: string } {
  const match = /(?:^|\s)Default: (.+?)\.?(?=$|(?<=\.) [A-Z`])/.exec(comment);
  if (match?.[1] === undefined) return { text: comment };
  return { text: comment.replace(match[0], '').trim(), prose: match[1] };
}

/** A value as a stack file has it; undefined where it is empty. */
export function written(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(written).join(', ');
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return isScalar && value !== '' ? `\`${value}\`` : undefined;
}

function allowed({ type, options, message }: SchemaNode): string {
  if (type === 'picklist') return (options ?? []).map((option) => `\`${option}\``).join(', ');
  return String(message).replace(` (${notShown})`, '');
}

/** What `optional` is put around. */
function inner(node: SchemaNode): SchemaNode {
  return node.wrapped === undefined ? node : inner(node.wrapped);
}

function sectionOf(node: SchemaNode): SchemaNode | undefined {
  const within = inner(node);
  return within.entries === undefined ? undefined : within;
}
