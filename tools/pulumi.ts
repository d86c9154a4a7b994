// npm run pulumi -- ARGS: the Pulumi CLI as its documentation describes it, in the quickstart's environment.
import { existsSync } from 'node:fs';
import { LOCAL_STACK, hasOwnBackend, prepareEngine, pulumi, stackFile, withStackFile } from './lib/engine.ts';
import { main } from './lib/main.ts';
import { ensureEngine } from './lib/plan.ts';
import { QUICKSTART, chosenStack } from './lib/target.ts';

/** The commands that know --config-file and write into it. */
const STACK_FILE_COMMANDS = new Set([
  'up',
  'update',
  'preview',
  'pre',
  'destroy',
  'down',
  'dn',
  'refresh',
  'import',
  'watch',
]);
const GLOBAL_FLAGS_WITH_VALUE = new Set([
  '-C',
  '--cwd',
  '--color',
  '-v',
  '--verbose',
  '--tracing',
  '--profiling',
  '--memprofilerate',
]);

await main(async (args, signal) => {
  await ensureEngine(QUICKSTART, signal);
  const stack = chosenStack(flagValue(args, ['--stack', '-s']));
  // A stack of its own making is ready at once; others are the user's to create, as anywhere.
  if (stack === LOCAL_STACK) await prepareEngine(QUICKSTART);
  const run = async (extra: string[]) => {
    const child = pulumi(QUICKSTART, stack, [...args, ...extra], { stdio: 'inherit', reject: false });
    // Ctrl-C on a terminal reaches Pulumi by itself, which winds down; a second one would make it drop everything.
    signal.addEventListener('abort', () => {
      if (!process.stdin.isTTY || (signal.reason as Error).cause !== 'SIGINT') child.kill('SIGINT');
    });
    const { exitCode } = await child;
    return exitCode ?? 1;
  };
  const command = args.find(
    (arg, index) => !arg.startsWith('-') && !GLOBAL_FLAGS_WITH_VALUE.has(args[index - 1] ?? ''),
  );
  const ownFile =
    hasOwnBackend(stack) &&
    flagValue(args, ['--config-file', '--cwd', '-C']) === undefined &&
    existsSync(stackFile(stack));
  return STACK_FILE_COMMANDS.has(command ?? '') && ownFile ? withStackFile(QUICKSTART, stack, run) : run([]);
});

function flagValue(args: string[], names: string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    for (const name of names) {
      if (arg === name) return args[index + 1];
      if (arg.startsWith(`${name}=`)) return arg.slice(name.length + 1);
    }
  }
  return undefined;
}
