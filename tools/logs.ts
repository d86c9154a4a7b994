// npm run logs -- [COMPONENT...]: what the pods of a stack write, by component.
import { stackFile } from './lib/engine.ts';
import { logSources } from './lib/logs.ts';
import { command } from './lib/command.ts';
import { isNothing, observe } from './lib/observation.ts';
import { readSettings } from './lib/settings.ts';
import { inCluster, kubectlOf, notUp } from './lib/stack.ts';
import { chosenStack } from './lib/target.ts';

const COMMAND = {
  usage: 'npm run logs -- [COMPONENT...] [OPTIONS]',
  about: `Shows the logs of components (server, database, s3, migration, gc, trace-archival, vacuum, ...), or of all.
Of Jobs, the last run.`,
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
    follow: { help: 'go on with what is written from now on, until Ctrl-C' },
    since: { value: 'DURATION', help: 'no older than that: 30s, 10m, 1h' },
    tail: { value: 'LINES', help: 'the last lines of each container (default: 100, with --since all)' },
    previous: { help: 'of containers that were restarted, those of before' },
  },
  takesWords: true,
} as const;

await command(COMMAND, async (options, { signal, words: wanted }) => {
  const stack = chosenStack(options.stack);
  const settings = readSettings(stackFile(stack));
  const seen = await inCluster(stack, settings, (client) => observe(client, stack, settings));
  if (isNothing(seen)) throw notUp(stack);
  const { follow, since, previous } = options;
  const tail = options.tail ?? (since === undefined ? '100' : '-1');
  const flags = [
    '--prefix',
    '--ignore-errors',
    `--tail=${tail}`,
    ...(follow ? ['--follow'] : []),
    ...(since === undefined ? [] : [`--since=${since}`]),
    ...(previous ? ['--previous'] : []),
  ];
  const show = ({ pod, container }: { pod: string; container?: string }) =>
    kubectlOf(
      stack,
      settings,
      ['logs', pod, container === undefined ? '--all-containers' : `--container=${container}`, ...flags],
      { stdio: 'inherit', reject: false, cancelSignal: signal },
    );
  const codes: number[] = [];
  const sources = logSources(seen, wanted, previous === true);
  if (follow) codes.push(...(await Promise.all(sources.map(show))).map(({ exitCode }) => exitCode ?? 1));
  else for (const source of sources) codes.push((await show(source)).exitCode ?? 1);
  return Math.max(...codes);
});
