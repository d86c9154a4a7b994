// What all groups of rules are written with.
/** Whether something is wrong, and what. */
export type Rule = readonly [wrong: boolean, sentence: string];

export const sentences = (rules: Rule[]): string[] =>
  rules.filter(([wrong]) => wrong).map(([, sentence]) => sentence);

/** Names that a list has more than once. */
export function repeated(key: string, names: readonly string[]): string[] {
  const again = names.filter((name, index) => names.indexOf(name) !== index);
  return again.length > 0 ? [`${key} names ${again.join(', ')} more than once; name each once`] : [];
}
