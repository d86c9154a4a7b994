// npm run db:shell: psql on the database of a stack, from a pod that can reach it.
import { filesPath } from '../lib/pod.ts';
import type { Settings } from '../config.ts';
import { command } from './lib/command.ts';
import { withMaintenancePod } from './lib/maintenance-pod.ts';
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

/** In the pod's /tmp, which its containers share. */
const serviceFile = '/tmp/pg_service.conf';

await command(COMMAND, async (options, { signal }) => {
  const stack = await openStack(options.stack);
  const reason = withoutPsql(stack.settings);
  if (reason !== undefined) throw new Error(reason);
  const { image: clientImage } = stack.settings.backendStore;
  return await withMaintenancePod(stack, { signal, clientImage }, async (pod) => {
    const written = await pod.exec('mlflow', ['python3', `${filesPath}/libpq_service.py`, serviceFile], {
      reject: false,
      cancelSignal: signal,
    });
    if (written.exitCode !== 0) throw new Error(`The database cannot be opened: ${written.stderr.trim()}`);
    const { exitCode } = await pod.exec(
      'client',
      [
        ...['env', `PGSERVICEFILE=${serviceFile}`, 'PGSERVICE=mlflow', 'PGAPPNAME=db-shell'],
        ...['psql', '--no-password', '--set', 'ON_ERROR_STOP=1'],
        ...(options.database === undefined ? [] : ['--dbname', options.database]),
        ...(options.command === undefined ? [] : ['--command', options.command]),
      ],
      {
        stdin: options.command === undefined ? 'inherit' : 'ignore',
        stdout: 'inherit',
        stderr: 'inherit',
        reject: false,
        cancelSignal: signal,
      },
    );
    return exitCode === 0 ? 0 : 1;
  });
});

/** Why there is nothing that psql could open; undefined when there is. */
function withoutPsql({ backendStore }: Settings): string | undefined {
  const { kind, dialect } = backendStore;
  if (kind === 'sqlite')
    return 'mlflow-stack:backendStore.kind is sqlite, a file in the pod of the server, which psql cannot open; look at it with the module sqlite3 of Python there';
  const client = { mysql: 'mysql', mssql: 'sqlcmd', postgresql: undefined }[dialect];
  return kind === 'external' && client !== undefined
    ? `mlflow-stack:backendStore.dialect is ${dialect}, which psql cannot open; use ${client} with the address that the settings name`
    : undefined;
}
