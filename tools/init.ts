// npm run init: writes a stack file from a few questions.
import { existsSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { stackFile } from './lib/engine.ts';
import { command } from './lib/command.ts';
import { type Ask, QUESTIONS, complete, stackFileText } from './lib/new-stack.ts';
import { userContexts } from './lib/preflight.ts';

const COMMAND = {
  usage: 'npm run init -- [OPTIONS]',
  about: 'Writes Pulumi.<stack>.yaml. Asks what no option answers.',
  options: {
    ...QUESTIONS,
    yes: { help: 'ask nothing: what no option answers is as its default' },
  },
} as const;

const withDefault: Ask = async (_, { fallback }) => fallback;

await command(COMMAND, async ({ yes, help: _, ...given }, { signal }) => {
  if (given.stack !== undefined) refuseTaken(given.stack);
  const answers = await complete(given, process.stdin.isTTY && !yes ? prompt(signal) : withDefault);
  const { stack = '' } = answers;
  refuseTaken(stack);
  writeFileSync(stackFile(stack), stackFileText(answers), { flag: 'wx' });
  console.log(
    [
      `${basename(stackFile(stack))} written. Go on:`,
      `  npm run pulumi -- stack init ${stack}`,
      `  npm run pulumi -- preview --stack ${stack}`,
      `  npm run pulumi -- up --stack ${stack}`,
    ].join('\n'),
  );
});

/** A file that is there is somebody's work. */
function refuseTaken(stack: string): void {
  if (!/^[\w.-]{1,100}$/.test(stack))
    throw new Error(`"${stack}" is no name of a stack: use letters, digits, hyphens, dots and underscores.`);
  if (existsSync(stackFile(stack)))
    throw new Error(
      `${basename(stackFile(stack))} is there already; nothing was written. Choose another name, or change that file.`,
    );
}

/** Asks on the terminal. */
function prompt(signal: AbortSignal): Ask {
  return async (question, { help, choices, fallback }) => {
    const { input, select } = await import('@inquirer/prompts');
    const message = `${help[0]?.toUpperCase()}${help.slice(1)}:`;
    const options = choices ?? (question === 'context' ? await userContexts() : []);
    if (options.length > 0)
      return select({ message, choices: [...options], ...(fallback && { default: fallback }) }, { signal });
    return input({ message, ...(fallback === undefined && { required: true }) }, { signal });
  };
}
