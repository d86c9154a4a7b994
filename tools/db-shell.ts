// npm run db:shell: psql on the database of a stack, from a pod that can reach it.
import { command } from './lib/command.ts';
import { withMaintenancePod } from './lib/maintenance-pod.ts';
import { runPsql, withoutPsql } from './lib/psql.ts';
import { openStack } from './lib/stack.ts';

const COMMAND = {
  usage: 'npm run db:shell -- [OPTIONS]',
  about: `Opens psql, as the user of the server, in a pod that goes away with it. Reads SQL from standard input where that is no terminal.
Ends with 0, or with 1 when a statement fails.`,
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
    command: { value: 'SQL', help: 'run this and end' },
    database: { value: 'NAME', help: "another database of the server (default: the tracking server's)" },
  },
} as const;

await command(COMMAND, async ({ stack: named, command, database }, { signal }) => {
  const stack = await openStack(named);
  const reason = withoutPsql(stack.settings);
  if (reason !== undefined) throw new Error(reason);
  const { image: clientImage } = stack.settings.backendStore;
  const { exitCode } = await withMaintenancePod(stack, { signal, clientImage }, (pod) =>
    runPsql(stack, pod, { signal, command, database, output: 'inherit' }),
  );
  return exitCode === 0 ? 0 : 1;
});
