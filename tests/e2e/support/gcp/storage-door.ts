// The door of the pretended Cloud Storage: it knows accounts by their tokens, and asks the buckets' policies what they may do.
// Pods find Cloud SQL's API behind it, too.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Store } from '../double/store.ts';
import { accountOf, permitted } from './identity.ts';
import type { SqlAdmin } from './sql-admin.ts';

/** That of Cloud Storage itself, so that NetworkPolicies are as they are there. */
const port = 443;

export class StorageDoor {
  readonly url: string;
  /** At which the server behind it is to listen, on loopback. */
  readonly innerPort: number;
  readonly refusals: string[] = [];
  readonly #server: Server;
  readonly #store: Store;

  private constructor(url: string, innerPort: number, store: Store, sql: SqlAdmin) {
    this.url = url;
    this.innerPort = innerPort;
    this.#store = store;
    this.#server = createServer((incoming, response) => {
      if (incoming.url?.startsWith('/sql/') === true) sql.serve(incoming, response);
      else this.#let(incoming, response);
    });
  }

  static async open(address: string, store: Store, sql: SqlAdmin): Promise<StorageDoor> {
    const door = new StorageDoor(`http://${address}:${port}`, await freePort(), store, sql);
    door.#server.listen(port, address);
    await once(door.#server, 'listening');
    return door;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #let(incoming: IncomingMessage, response: ServerResponse): void {
    const refusal = this.#refusal(incoming);
    if (refusal !== undefined) {
      this.refusals.push(refusal.message);
      incoming.resume();
      response.writeHead(refusal.code, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: refusal }));
      return;
    }
    const { method, url: path, headers } = incoming;
    const inner = request({ host: '127.0.0.1', port: this.innerPort, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    inner.on('error', () => response.destroy());
    incoming.pipe(inner);
  }

  #refusal({
    method = '',
    url = '',
    headers,
  }: IncomingMessage): { code: number; message: string } | undefined {
    const account = accountOf(headers.authorization);
    if (account === undefined)
      return {
        code: 401,
        message:
          'Anonymous caller does not have storage.objects.get access to the Google Cloud Storage object.',
      };
    const [, bucket = '', ofObjects, object = ''] =
      /^\/(?:(?:upload|download)\/)?storage\/v1\/b\/([^/?]+)(\/o)?(?:\/([^?]+))?/.exec(url) ?? [];
    const permissions =
      ofObjects === undefined
        ? [method === 'GET' ? 'storage.buckets.get' : 'storage.buckets.update']
        : permissionsFor(method, object);
    const missing = permissions.find(
      (permission) => !permitted(this.#store, account, decodeURIComponent(bucket), permission),
    );
    return missing === undefined
      ? undefined
      : {
          code: 403,
          message: `${account} does not have ${missing} access to the Google Cloud Storage ${ofObjects === undefined ? 'bucket' : 'object'}. Permission '${missing}' denied on resource (or it may not exist).`,
        };
  }
}

function permissionsFor(method: string, object: string): string[] {
  const ofObjects = (...verbs: string[]) => verbs.map((verb) => `storage.objects.${verb}`);
  switch (method) {
    case 'GET':
      return ofObjects(object === '' ? 'list' : 'get');
    case 'POST':
      return /\/(rewriteTo|copyTo)\//.test(object) ? ofObjects('get', 'create') : ofObjects('create');
    case 'DELETE':
      return ofObjects('delete');
    // The rest of an upload that was begun.
    case 'PUT':
      return object === '' ? ofObjects('create') : ofObjects('update');
    default:
      return ofObjects('update');
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return free;
}
