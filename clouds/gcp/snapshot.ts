// A backup of the database before its schema changes, made with the log-in of whoever deploys.
import { setTimeout as pause } from 'node:timers/promises';
import { GoogleAuth } from 'google-auth-library';

const hour = 3_600_000;
const scopes = ['https://www.googleapis.com/auth/sqlservice.admin'];

interface Operation {
  readonly name: string;
  readonly status: string;
  readonly targetId: string;
  readonly backupContext?: { readonly backupId?: string };
  readonly error?: { readonly errors?: readonly { readonly message?: string }[] };
}

/**
 * Resolves to the backup's name once it is complete. The address in GOOGLE_SQL_CUSTOM_ENDPOINT, which the plug-in heeds, too,
 * takes the place of Google's.
 *
 * @param instance `project:region:instance`
 */
export async function snapshot(
  instance: string,
  label: string,
  auth: Pick<GoogleAuth, 'request'> = new GoogleAuth({ scopes }),
  interval = 5000,
): Promise<string> {
  const [project = '', , name = ''] = instance.split(':');
  const base = process.env.GOOGLE_SQL_CUSTOM_ENDPOINT ?? 'https://sqladmin.googleapis.com/sql/v1beta4/';
  const api = `${base.replace(/\/?$/, '/')}projects/${project}/`;
  const ask = async (path: string, body?: object): Promise<Operation> => {
    const { data } = await auth.request<Operation>({
      url: `${api}${path}`,
      method: body === undefined ? 'GET' : 'POST',
      ...(body !== undefined && { data: body }),
    });
    return data;
  };
  let operation = await ask(`instances/${name}/backupRuns`, { description: `before the end of ${label}` });
  const deadline = Date.now() + 2 * hour;
  while (operation.status !== 'DONE') {
    if (Date.now() > deadline) throw new Error('the backup is not complete after two hours');
    await pause(interval);
    operation = await ask(`operations/${operation.name}`);
  }
  const problem = operation.error?.errors?.map(({ message }) => message).join('; ');
  if (problem !== undefined) throw new Error(problem);
  return `backup ${operation.backupContext?.backupId ?? operation.name} of ${name}`;
}
