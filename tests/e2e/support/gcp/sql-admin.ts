// Cloud SQL's API, as far as programs other than the plug-in use it: copies of an instance, certificates for the Auth Proxy.
// And for whoever deploys: their identity, and all that the plug-in calls. For tests.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Authority } from '../../../support/certificates.ts';
import type { Props, Store } from '../double/store.ts';
import { type Answer, found, refused } from './answers.ts';
import { accountOf, tokenOf } from './identity.ts';
import { answerTo, endpoints } from './rest.ts';
import { certificateFor, connectSettings, INSTANCE } from './sql-connections.ts';

export const BACKUP = 'sql/backup';
const projectId = 'my-team-dev';
const operator = `operator@${projectId}.iam.gserviceaccount.com`;

export class SqlAdmin {
  /** By which programs of whoever deploys find all that. */
  environment: Readonly<Record<string, string>> = {};
  readonly #server: Server;
  readonly #store: Store;
  readonly #authority: Authority;

  private constructor(store: Store, authority: Authority) {
    this.#store = store;
    this.#authority = authority;
    this.#server = createServer((incoming, response) => this.serve(incoming, response));
  }

  /** @param authority Signs the certificates of instances and of those who connect to them. */
  static async start(store: Store, authority: Authority): Promise<SqlAdmin> {
    const admin = new SqlAdmin(store, authority);
    admin.#server.listen(0, '127.0.0.1');
    await once(admin.#server, 'listening');
    const { port } = admin.#server.address() as AddressInfo;
    const addresses = Object.entries(endpoints).map(([api, path]) => [
      `GOOGLE_${api}_CUSTOM_ENDPOINT`,
      `http://127.0.0.1:${port}/${path}/`,
    ]);
    admin.environment = {
      ...(Object.fromEntries(addresses) as Record<string, string>),
      GCE_METADATA_HOST: `127.0.0.1:${port}`,
      METADATA_SERVER_DETECTION: 'assume-present',
      // The real plug-in would ask Google which regions there are.
      PULUMI_GCP_SKIP_REGION_VALIDATION: 'true',
    };
    return admin;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  serve(incoming: IncomingMessage, response: ServerResponse): void {
    textOf(incoming)
      .then((body) => this.#answer(incoming, body))
      .then(
        ({ code, answer }) => {
          response.writeHead(code, { 'content-type': 'application/json', 'metadata-flavor': 'Google' });
          response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
        },
        (error: unknown) => {
          console.error(error);
          response.writeHead(500).end();
        },
      );
  }

  async #answer({ method = '', url = '', headers }: IncomingMessage, body: string): Promise<Answer> {
    const [path = ''] = url.split('?');
    if (path.startsWith('/computeMetadata/v1/')) return { code: 200, answer: metadataOf(path) };
    const caller = accountOf(headers.authorization);
    if (caller === undefined) return refused(401, 'Request had invalid credentials.');
    const [, project = '', instance = '', what = ''] =
      /^\/sql\/v1beta4\/projects\/([^/]+)\/instances\/([^/:]+)[/:](\w+)$/.exec(path) ?? [];
    const asked = { store: this.#store, authority: this.#authority, caller, project, instance };
    if (`${method} ${what}` === 'GET connectSettings') return connectSettings(asked);
    if (`${method} ${what}` === 'POST generateEphemeralCert')
      return await certificateFor(asked, JSON.parse(body) as Props);
    if (caller !== operator) return refused(403, 'The client is not authorized to make this request.');
    if (`${method} ${what}` === 'POST backupRuns') {
      if (this.#store.get(INSTANCE, instance) === undefined)
        return refused(404, 'The Cloud SQL instance does not exist.');
      const id = `${1_700_000_000_000 + this.#store.list(BACKUP).length}`;
      const inputs = { ...(JSON.parse(body) as Props), instance, project };
      this.#store.put(BACKUP, { id, inputs, outputs: {} });
      return found(operation(id, instance, 'PENDING'));
    }
    const [, name = ''] = /\/operations\/(\w+)$/.exec(path) ?? [];
    const backup = this.#store.get(BACKUP, name);
    if (backup !== undefined) return found(operation(name, String(backup.inputs.instance), 'DONE'));
    return (await answerTo(this.#store, projectId, { method, url, body })) ?? refused(404, 'Not found');
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
  // Libraries differ in how they write it.
  if (/\/universe[-_]domain$/.test(path)) return 'googleapis.com';
  return path.endsWith('/project-id') ? projectId : 'computeMetadata/';
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}
