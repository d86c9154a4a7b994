// The part of Cloud SQL's API that copies an instance, and the identity of whoever deploys. For tests.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Props, Store } from '../double/store.ts';
import { accountOf, tokenOf } from './identity.ts';

export const BACKUP = 'sql/backup';
const operator = 'operator@my-team-dev.iam.gserviceaccount.com';

export class SqlAdmin {
  /** By which programs of whoever deploys find both. */
  environment: Readonly<Record<string, string>> = {};
  readonly #server: Server;
  readonly #store: Store;

  private constructor(store: Store) {
    this.#store = store;
    this.#server = createServer((incoming, response) => {
      void textOf(incoming).then((body) => {
        const { code, answer } = this.#answer(incoming, body);
        response.writeHead(code, { 'content-type': 'application/json', 'metadata-flavor': 'Google' });
        response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
      });
    });
  }

  static async start(store: Store): Promise<SqlAdmin> {
    const admin = new SqlAdmin(store);
    admin.#server.listen(0, '127.0.0.1');
    await once(admin.#server, 'listening');
    const { port } = admin.#server.address() as AddressInfo;
    admin.environment = {
      GOOGLE_SQL_CUSTOM_ENDPOINT: `http://127.0.0.1:${port}/sql/v1beta4/`,
      GCE_METADATA_HOST: `127.0.0.1:${port}`,
      METADATA_SERVER_DETECTION: 'assume-present',
    };
    return admin;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(
    { method, url = '', headers }: IncomingMessage,
    body: string,
  ): { code: number; answer: object | string } {
    const [path = ''] = url.split('?');
    if (path.startsWith('/computeMetadata/v1/')) return { code: 200, answer: metadataOf(path) };
    if (accountOf(headers.authorization) !== operator)
      return { code: 401, answer: { error: { code: 401, message: 'Request had invalid credentials.' } } };
    const [, project, instance] =
      /^\/sql\/v1beta4\/projects\/([^/]+)\/instances\/([^/]+)\/backupRuns$/.exec(path) ?? [];
    if (method === 'POST' && instance !== undefined) {
      if (this.#store.get('gcp:sql/databaseInstance:DatabaseInstance', instance) === undefined)
        return {
          code: 404,
          answer: { error: { code: 404, message: 'The Cloud SQL instance does not exist.' } },
        };
      const id = `${1_700_000_000_000 + this.#store.list(BACKUP).length}`;
      const inputs = { ...(JSON.parse(body) as Props), instance, project };
      this.#store.put(BACKUP, { id, inputs, outputs: {} });
      return { code: 200, answer: operation(id, instance, 'PENDING') };
    }
    const [, asked = ''] = /\/operations\/(\w+)$/.exec(path) ?? [];
    const backup = this.#store.get(BACKUP, asked);
    return backup === undefined
      ? { code: 404, answer: { error: { code: 404, message: 'Not found' } } }
      : { code: 200, answer: operation(asked, String(backup.inputs.instance), 'DONE') };
  }
}

const operation = (id: string, targetId: string, status: string) => ({
  kind: 'sql#operation',
  operationType: 'BACKUP_VOLUME',
  name: id,
  status,
  targetId,
  backupContext: { kind: 'sql#backupContext', backupId: id },
});

function metadataOf(path: string): object | string {
  if (path.endsWith('/token'))
    return { access_token: tokenOf(operator), expires_in: 3599, token_type: 'Bearer' };
  if (path.endsWith('/email')) return operator;
  if (path.endsWith('/universe-domain')) return 'googleapis.com';
  return path.endsWith('/project-id') ? 'my-team-dev' : 'computeMetadata/';
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}
