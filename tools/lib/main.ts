import { constants } from 'node:os';
import { StepError, sentence } from './steps.ts';

/** Mistakes in this program, as opposed to problems in the world around it. */
const PROGRAMMING_ERRORS = [TypeError, ReferenceError, SyntaxError, RangeError];

/**
 * Runs a command: one sentence and exit code 1 when it fails. On Ctrl-C its signal is aborted, with the name of the
 * operating system's signal as cause; the command tells its children, waits for them, and `afterInterruption` is said.
 * A number that the command returns is the exit code.
 */
export async function main(
  command: (args: string[], signal: AbortSignal) => Promise<unknown>,
  afterInterruption?: string,
): Promise<void> {
  const interruption = new AbortController();
  let interruptedBy: 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      interruptedBy ??= name;
      interruption.abort(new Error('interrupted', { cause: name }));
    });
  }
  try {
    const result = await command(process.argv.slice(2), interruption.signal);
    process.exitCode = typeof result === 'number' ? result : 0;
  } catch (error) {
    process.exitCode = 1;
    if (interruptedBy === undefined) console.error(describe(error));
  }
  if (interruptedBy !== undefined) {
    if (afterInterruption) console.error(`\n${afterInterruption}`);
    process.exitCode = 128 + constants.signals[interruptedBy];
  }
}

/** What a person is told about an error. */
export function describe(error: unknown): string {
  if (error instanceof StepError) return `\n${error.message}`;
  if (error instanceof Error && PROGRAMMING_ERRORS.some((type) => error instanceof type))
    return `${error.stack}`;
  return sentence(error);
}
