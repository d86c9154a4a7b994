// What backups by schedule and by command have in common: where they go, and how PostgreSQL's own tools are called.
import type { Settings } from '../settings/index.ts';
import { filesPath } from './pod.ts';

/** Where a claim for backups is mounted. */
export const backupsPath = '/backups';
/** Key of the passphrase in the Secret that the stack makes. */
export const passphraseKey = 'passphrase';

/** Whether the store has a folder of its own for artifacts, which is all that the server gives out. */
export const hasFolder = (artifactUri: string): boolean => /^\/.|^[^:]+:\/\/[^/]+\/+[^/]/.test(artifactUri);

/**
 * A folder beside that of the artifacts, out of reach of the server's clients. Its name does not begin as theirs does, since
 * in a bucket that is all that holds a folder together.
 */
export function backupsBeside(artifactUri: string): string {
  const folder = artifactUri.replace(/\/+$/, '');
  const end = folder.lastIndexOf('/') + 1;
  return `${folder.slice(0, end)}backups-of-${folder.slice(end)}`;
}

/** Image with PostgreSQL's own tools; undefined where no database needs them. */
export const postgresClient = ({
  backendStore,
  backup,
}: Pick<Settings, 'backendStore' | 'backup'>): string | undefined =>
  backendStore.kind === 'sqlite' ? undefined : (backup.clientImage ?? backendStore.image);

/** Begins a command of the script that is named. */
export const python = (script: string, ...args: string[]): string[] => [
  'python3',
  `${filesPath}/${script}.py`,
  ...args,
];

/** For each database that backup.py or restore.py has named. */
const eachService = (folder: string, command: string) => [
  'bash',
  '-c',
  `set -eu
cd ${folder}
export PGSERVICEFILE=${folder}/pg_service.conf
sed -n 's/^\\[\\(.*\\)\\]$/\\1/p' pg_service.conf | while read -r role; do
  ${command}
done`,
];

/** Dumps the databases, in the image of a PostgreSQL that is not older than the server. */
export const dumpCommand = eachService(
  '/tmp/backup',
  'pg_dump --format=custom --no-owner --no-privileges --dbname="service=$role" --file="$role.dump" </dev/null',
);

/** Fills the empty databases; all of each or nothing. */
export const loadCommand = eachService(
  '/tmp/restore',
  'pg_restore --no-owner --no-privileges --single-transaction --dbname="service=$role" "$role.dump" </dev/null',
);
