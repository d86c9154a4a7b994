// What all groups of rules are written with.
import type { Settings } from '../index.ts';

/** Whether something is wrong, and what. */
export type Rule = readonly [wrong: boolean, sentence: string];

export const sentences = (rules: Rule[]): string[] =>
  rules.filter(([wrong]) => wrong).map(([, sentence]) => sentence);

/** Names that a list has more than once. */
export function repeated(key: string, names: readonly string[]): string[] {
  const again = names.filter((name, index) => names.indexOf(name) !== index);
  return again.length > 0 ? [`${key} names ${again.join(', ')} more than once; name each once`] : [];
}

/** What asks for more than one pod, for a sentence; undefined where there is one. */
export function severalPods({ server, autoscaling }: Settings): string | undefined {
  if (server.replicas > 1) return `server.replicas is ${server.replicas}`;
  const { enabled, kind, max } = autoscaling;
  return enabled && kind === 'horizontal' && max > 1 ? `autoscaling.max is ${max}` : undefined;
}
