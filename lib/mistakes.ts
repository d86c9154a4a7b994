// Turns failed checks into sentences that name the key, the value and the remedy.
import { closest, distance } from 'fastest-levenshtein';
import type * as v from 'valibot';
import { notShown, unknownKey } from './schema.ts';

type Issue = v.BaseIssue<unknown>;

/**
 * One sentence per mistake, in the order of the schema. Values that may be secret are not shown: messages end up in the
 * logs of CI runs.
 */
export function describeMistakes(schema: v.GenericSchema, issues: readonly Issue[]): string[] {
  return issues.map((issue) => describe(schema, issue));
}

function describe(schema: v.GenericSchema, issue: Issue): string {
  const path = (issue.path ?? []).map(({ key }) => key as string | number);
  const name = `mlflow-stack:${displayPath(path)}`;
  if (issue.message === unknownKey) {
    const known = knownKeys(schema, path.slice(0, -1));
    return `${name} is not known${suggestion(String(path.at(-1)), known)}; known keys: ${known.join(', ')}`;
  }
  if (issue.input === undefined) return `${name} is missing; allowed: ${allowed(schema, path, issue)}`;
  // A value in the place of a whole section may be a secret that was set without --path.
  const hidden = issue.message.includes(notShown) || issue.expected === 'Object';
  return `${name} is ${hidden ? 'not acceptable' : JSON.stringify(issue.input)}; allowed: ${allowed(schema, path, issue)}`;
}

/** Names the nearest known key, unless nothing is near. */
function suggestion(key: string, known: string[]): string {
  const nearest = closest(key, known);
  return distance(key, nearest) <= Math.max(2, key.length / 3) ? ` (did you mean ${nearest}?)` : '';
}

function displayPath(path: (string | number)[]): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`))
    .join('');
}

/** A missing key has no check of its own, so what it allows comes from the schema. */
function allowed(schema: v.GenericSchema, path: (string | number)[], issue: Issue): string {
  if (issue.input !== undefined) return issue.message;
  const { message } = schemaAt(schema, path);
  return typeof message === 'string' ? message : issue.message;
}

function knownKeys(schema: v.GenericSchema, path: (string | number)[]): string[] {
  return Object.keys(schemaAt(schema, path).entries ?? {});
}

interface SchemaNode {
  readonly entries?: Record<string, SchemaNode>;
  readonly item?: SchemaNode;
  /** What `optional` wraps. */
  readonly wrapped?: SchemaNode;
  readonly message?: unknown;
}

function schemaAt(schema: v.GenericSchema, path: (string | number)[]): SchemaNode {
  return path.reduce<SchemaNode>((at, key) => {
    const next = at.entries?.[key] ?? at.item ?? {};
    return next.wrapped ?? next;
  }, schema as SchemaNode);
}
