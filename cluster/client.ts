// The little that is needed of the Kubernetes API: single objects and short lists, without watches. See kubeconfig.ts for why
// this is not the official client.
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Connection } from './kubeconfig.ts';

/** An object as far as the checks look at it. */
export interface KubernetesObject {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
  };
}

export interface ObjectList<T> {
  readonly items: readonly T[];
}

/**
 * Talks to an API server. What is not there is no error: `get` and `patch` give undefined then.
 *
 * Every method throws ForbiddenError when the user may not do it, and Error when the server does not answer.
 */
export interface ClusterClient {
  get<T>(path: string): Promise<T | undefined>;
  /** Merges the changes into an object; null takes a field away. https://www.rfc-editor.org/rfc/rfc7386 */
  patch(path: string, changes: object): Promise<object | undefined>;
  /** Deletes an object and first what it owns, so that it is gone only when its pods are. */
  delete(path: string): Promise<void>;
  close(): void;
}

/** The user of the kubeconfig lacks the right to do something. */
export class ForbiddenError extends Error {}

const timeoutMs = 10_000;
const fieldManager = 'mlflow-stack';

/** @param renew logs in again. A log-in to a cloud's cluster may end after 15 minutes, in the middle of a long wait. */
export function clusterClient(first: Connection, renew?: () => Promise<Connection>): ClusterClient {
  let { connection, agent } = opened(first);

  const answer = async (method: string, path: string, body?: object): Promise<object | undefined> => {
    let { status, text } = await send({ connection, agent }, method, path, body);
    if (status === 401 && renew !== undefined) {
      agent.destroy();
      ({ connection, agent } = opened(await renew()));
      ({ status, text } = await send({ connection, agent }, method, path, body));
    }
    return read(`${method} ${path.replace(/\?.*/, '')}`, status, text);
  };
  return {
    get: async <T>(path: string) => (await answer('GET', path)) as T | undefined,
    patch: (path, changes) => answer('PATCH', `${path}?fieldManager=${fieldManager}`, changes),
    delete: async (path) => {
      await answer('DELETE', path, { propagationPolicy: 'Foreground' });
    },
    close: () => agent.destroy(),
  };
}

interface Line {
  readonly connection: Connection;
  readonly agent: Agent;
}

const opened = (connection: Connection): Line => ({
  connection,
  agent: new Agent({ ...connection.tls, keepAlive: true, maxSockets: 16 }),
});

function send(
  { connection, agent }: Line,
  method: string,
  path: string,
  body: object | undefined,
): Promise<{ status: number; text: string }> {
  const { server } = connection;
  const url = new URL(server.pathname.replace(/\/$/, '') + path, server);
  const text = body && JSON.stringify(body);
  const headers = {
    accept: 'application/json',
    ...connection.headers,
    ...(text && {
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      // Node does not find it out by itself for a DELETE.
      'content-length': Buffer.byteLength(text),
    }),
  };
  const options = { method, headers, timeout: timeoutMs };
  return new Promise((resolve, reject) => {
    const request =
      server.protocol === 'https:' ? httpsRequest(url, { ...options, agent }) : httpRequest(url, options);
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    request.on('error', reject);
    request.on('response', (response) => {
      received(response).then((text) => resolve({ status: response.statusCode ?? 0, text }), reject);
    });
    request.end(text);
  });
}

async function received(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function read(what: string, status: number, text: string): object | undefined {
  if (status === 404) return undefined;
  if (status === 401 || status === 403) throw new ForbiddenError(`${what} was answered with ${status}`);
  if (status < 200 || status > 299)
    throw new Error(`${what} was answered with ${status}: ${text.slice(0, 200)}`);
  try {
    return JSON.parse(text) as object;
  } catch {
    throw new Error('the answer is not JSON');
  }
}

/** Where the API server keeps an object, or all objects of a kind. `group` is `api/v1`, `apis/apps/v1` and the like. */
export function objectPath(group: string, namespace: string, resource: string, name?: string): string {
  return `/${group}/namespaces/${namespace}/${resource}${name === undefined ? '' : `/${name}`}`;
}
