// psql on the database of a stack, from a pod that can reach it.
import type { Options } from 'execa';
import type { Settings } from '../../config.ts';
import { filesPath } from '../../lib/pod.ts';
import type { MaintenancePod } from './maintenance-pod.ts';
import type { RunningStack } from './stack.ts';

export interface PsqlOptions {
  readonly signal: AbortSignal;
  /** SQL to run. Default: what comes on standard input. */
  readonly command?: string | undefined;
  /** Default: the tracking server's. */
  readonly database?: string | undefined;
  /** Where its output goes. */
  readonly output: 'inherit' | 'pipe';
}

/** In the pod's /tmp, which its containers share. */
const serviceFile = '/tmp/pg_service.conf';

/**
 * Runs psql to its end, in a pod with the container `client`.
 *
 * @throws Error with what to do, when it cannot log in to the database.
 */
export async function runPsql(
  { name }: Pick<RunningStack, 'name'>,
  pod: MaintenancePod,
  { signal, command, database, output }: PsqlOptions,
): Promise<{ exitCode: number | undefined; stdout: string }> {
  const written = await pod.exec('mlflow', ['python3', `${filesPath}/libpq_service.py`, serviceFile], {
    reject: false,
    cancelSignal: signal,
  });
  if (written.exitCode !== 0) throw new Error(`The database cannot be opened: ${written.stderr.trim()}`);
  const options: Options = {
    stdin: command === undefined ? 'inherit' : 'ignore',
    stdout: output,
    stderr: output,
    reject: false,
    cancelSignal: signal,
  };
  const { exitCode, stdout } = await pod.exec(
    'client',
    [
      ...['env', `PGSERVICEFILE=${serviceFile}`, 'PGSERVICE=mlflow', 'PGAPPNAME=db-shell'],
      ...['psql', '--no-password', '--set', 'ON_ERROR_STOP=1'],
      ...(database === undefined ? [] : ['--dbname', database]),
      ...(command === undefined ? [] : ['--command', command]),
    ],
    options,
  );
  if (exitCode === noConnection)
    throw new Error(
      `psql could not log in to the database, or lost it, and has said why; what to do about it: npm run doctor -- --stack ${name}`,
    );
  return { exitCode, stdout: String(stdout) };
}

/** Exit status of psql: https://www.postgresql.org/docs/current/app-psql.html */
const noConnection = 2;

/** Why there is nothing that psql could open; undefined when there is. */
export function withoutPsql({ backendStore }: Settings): string | undefined {
  const { kind, dialect } = backendStore;
  if (kind === 'sqlite')
    return 'mlflow-stack:backendStore.kind is sqlite, a file in the pod of the server, which psql cannot open; look at it with the module sqlite3 of Python there';
  const client = { mysql: 'mysql', mssql: 'sqlcmd', postgresql: undefined }[dialect];
  return kind === 'external' && client !== undefined
    ? `mlflow-stack:backendStore.dialect is ${dialect}, which psql cannot open; use ${client} with the address that the settings name`
    : undefined;
}
