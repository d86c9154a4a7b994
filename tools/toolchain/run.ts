import { execa, type Options } from 'execa';
import type { StepContext } from '../lib/step.ts';

/** Runs a program, writes all it says to the step's log, and returns that. A failure's `all` holds it too. */
export async function run(
  file: string,
  args: readonly string[],
  { log, signal }: StepContext,
  options: Options = {},
  onOutput?: (text: string) => void,
): Promise<string> {
  log.write(`$ ${file} ${args.join(' ')}\n`);
  const child = execa(file, args, {
    ...options,
    all: true,
    buffer: true,
    stdin: 'ignore',
    cancelSignal: signal,
  });
  child.all.on('data', (chunk: Buffer) => {
    log.write(chunk);
    onOutput?.(chunk.toString());
  });
  return String((await child).all);
}
