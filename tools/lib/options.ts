import { parseArgs } from 'node:util';
import { closest } from 'fastest-levenshtein';

export interface OptionSpec {
  /** What stands for the value in the help text; a switch when missing. */
  readonly value?: string;
  readonly help: string;
}

export type Options<Spec extends Record<string, OptionSpec>> = {
  [Name in keyof Spec]?: Spec[Name] extends { value: string } ? string : true;
};

/**
 * Parses `--name value`, `--name=value` and switches. Anything unknown is refused in one sentence with the nearest known.
 *
 * @param words takes up what stands between the options, where a command knows what to do with it.
 */
export function parseOptions<const Spec extends Record<string, OptionSpec>>(
  spec: Spec,
  args: string[],
  words?: string[],
): Options<Spec> {
  const options = Object.fromEntries(
    Object.entries(spec).map(([name, option]) => [
      name,
      { type: option.value ? ('string' as const) : ('boolean' as const) },
    ]),
  );
  const { tokens } = parseArgs({ args, options, strict: false, tokens: true });
  const found: Record<string, string | true> = {};
  const mistakes: string[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.kind === 'option-terminator') continue;
    const before = tokens[index - 1];
    // Most likely the value of an unknown option, which was refused already.
    if (token.kind === 'positional' && before?.kind === 'option' && spec[before.name] === undefined) continue;
    if (token.kind === 'positional' && words !== undefined) {
      words.push(token.value);
      continue;
    }
    const given = token.kind === 'option' ? token.rawName : token.value;
    const option = token.kind === 'option' && token.rawName.startsWith('--') ? spec[token.name] : undefined;
    if (token.kind !== 'option' || option === undefined) {
      mistakes.push(
        `${given} is not known; did you mean --${nearest(given.replace(/^-+/, ''), Object.keys(spec))}?`,
      );
    } else if (option.value && (!token.value || (!token.inlineValue && token.value.startsWith('-')))) {
      mistakes.push(`${given} needs a value: ${given} ${option.value}`);
    } else if (!option.value && token.inlineValue) {
      mistakes.push(`${given} takes no value`);
    } else {
      found[token.name] = token.value ?? true;
    }
  }
  if (mistakes.length > 0) throw new Error(`${mistakes.join('\n')}\nSee --help.`);
  return found as Options<Spec>;
}

export function helpText(spec: Record<string, OptionSpec>): string {
  const rows = Object.entries(spec).map(
    ([name, option]) => [`--${name}${option.value ? ` ${option.value}` : ''}`, option.help] as const,
  );
  const width = Math.max(...rows.map(([usage]) => usage.length));
  return rows.map(([usage, help]) => `  ${usage.padEnd(width)}  ${help}`).join('\n');
}

/** The option that begins with what was given, else the one with the fewest differences. */
function nearest(given: string, known: string[]): string {
  return known.find((name) => name.startsWith(given)) ?? closest(given, known);
}
