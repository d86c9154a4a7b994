// What databases say when they do not let anybody in.
import type { Commands, Finding } from './finding.ts';
import type { Settings } from '../../config.ts';

const refusals = [
  // PostgreSQL
  /authentication failed/,
  /no pg_hba.conf entry/,
  /not permitted to log in/,
  /(database|role) "[^"]*" does not exist/,
  /permission denied for database/,
  // MySQL
  /Access denied/,
  /Unknown database/,
  // SQL Server
  /Login failed/,
  /Cannot open database/,
];

const silences = [
  /waiting for the database/,
  /was not reachable/,
  /[Cc]onnection (refused|timed out)/,
  /could not translate host name/,
  /Name or service not known/,
  /[Tt]imed? ?out/,
  /server closed the connection/,
  /the database system is (starting up|shutting down)/,
  /Can't connect/,
  /No route to host/,
];

const certificates = [/certificate/, /SSL/, /does not match host name/];

/** Undefined where it is not about the database, or says nothing that is known. */
export function databaseFinding(
  what: string,
  said: string,
  { settings, commands }: { settings: Settings; commands: Commands },
): Finding | undefined {
  const { backendStore } = settings;
  const isOwn = backendStore.kind === 'postgres';
  const cause = lastLine(said);
  if (!/database/i.test(said)) return undefined;
  if (refusals.some((each) => each.test(said))) {
    const { uriFrom, connectionFrom, passwordFrom } = backendStore;
    const secret = uriFrom ?? connectionFrom ?? passwordFrom;
    return {
      id: 'database-login',
      what,
      cause,
      next:
        secret === undefined
          ? // A password that the stack made: the database is told it at its start.
            `${commands.kubectl} rollout restart statefulset/mlflow-postgres`
          : `correct Secret "${secret.secretName}", check it with ${commands.verifySecret}, then ${commands.up}`,
    };
  }
  if (certificates.some((each) => each.test(said))) {
    return {
      id: 'database-login',
      what,
      cause,
      next: 'correct mlflow-stack:backendStore.sslMode, or name the authority in mlflow-stack:server.caBundle',
    };
  }
  if (!silences.some((each) => each.test(said))) return undefined;
  return {
    id: 'database-unreachable',
    what,
    cause,
    next: isOwn
      ? commands.logs.replace('logs --', 'logs -- database')
      : 'start the database, or correct its address in mlflow-stack:backendStore; mlflow-stack:networkPolicy.databaseCidrs must hold it where it is no address of its own',
  };
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? '';
