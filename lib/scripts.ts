// Python that runs inside MLflow's image. Passed on the command line: a change of a script is a change of the pod.
import { readFileSync } from 'node:fs';

const read = (name: string): string => readFileSync(new URL(`scripts/${name}`, import.meta.url), 'utf8');

export const waitForDatabaseScript = read('wait_for_database.py');
export const migrateScript = read('migrate.py');
