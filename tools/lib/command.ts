import { main } from './main.ts';
import { type OptionSpec, type Options, helpText, parseOptions } from './options.ts';

const helpOption = { help: { help: 'show this text' } } as const;

export interface Command<Spec extends Record<string, OptionSpec>> {
  /** How it is called, such as `npm run status -- [OPTIONS]`. */
  readonly usage: string;
  /** What it does, for people. */
  readonly about: string;
  /** Its options, beside `--help`. */
  readonly options: Spec;
  /** Whether it knows what to do with words between the options. Default: they are refused. */
  readonly takesWords?: boolean;
  /** What is said when it was interrupted. */
  readonly afterInterruption?: string;
}

export interface Call {
  readonly signal: AbortSignal;
  readonly words: readonly string[];
  /** What `--help` prints, for a call that lacks something. */
  readonly help: string;
}

/** Runs a command as `main` does, with its options parsed, unless it is only asked what it does. */
export async function command<const Spec extends Record<string, OptionSpec>>(
  { usage, about, options, takesWords = false, afterInterruption }: Command<Spec>,
  run: (options: Options<Spec & typeof helpOption>, call: Call) => Promise<unknown>,
): Promise<void> {
  const spec: Spec & typeof helpOption = { ...options, ...helpOption };
  const help = `${usage}\n\n${about}\n\n${helpText(spec)}`;
  await main(async (args, signal) => {
    const words: string[] = [];
    const given = parseOptions(spec, args, takesWords ? words : undefined);
    if (given.help) console.log(help);
    else return await run(given, { signal, words, help });
  }, afterInterruption);
}
