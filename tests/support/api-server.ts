// A stand-in for a cluster's API server, on the loopback interface.
import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  createServer as createHttpServer,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import { selfSigned } from './tls.ts';

/**
 * Answers by path, with its query or without. A number is a status without an object, a function is asked each time; what is
 * not there is answered with 404. A PATCH is merged into an object, a DELETE takes it away.
 */
export type Answers = Record<string, unknown>;

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  /** Of a PATCH or DELETE. */
  readonly body: unknown;
  readonly headers: IncomingHttpHeaders;
  readonly clientCertificate: PeerCertificate | undefined;
}

export interface ApiServer {
  readonly url: string;
  readonly requests: SeenRequest[];
  answers: Answers;
  close(): Promise<void>;
}

/** Named objects of one kind, with labels or annotations where they matter. */
export const list = (...items: { name: string; [key: string]: unknown }[]): object => ({
  items: items.map((metadata) => ({ metadata })),
});

const isDefault = (kind: string) => ({ annotations: { [`${kind}.kubernetes.io/is-default-class`]: 'true' } });

/** An empty cluster with all that a stack needs. */
export function readyCluster(): Answers {
  return {
    '/version': { major: '1', minor: '36' },
    '/apis/storage.k8s.io/v1/storageclasses': list({ name: 'standard', ...isDefault('storageclass') }),
    '/apis/networking.k8s.io/v1/ingressclasses': list({ name: 'traefik' }),
  };
}

export async function startApiServer({ tls = false } = {}): Promise<ApiServer> {
  const requests: SeenRequest[] = [];
  const answer = (request: SeenRequest): [number, unknown] => {
    const { method, path, body } = request;
    const plain = path.replace(/\?.*/, '');
    // The scale of a workload is a view of it.
    const key = [path, plain].find((each) => each in api.answers) ?? plain.replace(/\/scale$/, '');
    const known = api.answers[key];
    const found: unknown =
      typeof known === 'function' ? (known as (of: SeenRequest) => unknown)(request) : known;
    if (typeof found === 'number') return [found, {}];
    if (found === undefined) return [404, {}];
    if (method === 'DELETE') api.answers[key] = undefined;
    if (method !== 'PATCH') return [200, found];
    api.answers[key] = merged(found, body);
    return [200, api.answers[key]];
  };
  const server = tls
    ? createHttpsServer({ ...selfSigned, ca: selfSigned.cert, requestCert: true, rejectUnauthorized: false })
    : createHttpServer();
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const { socket, url: path = '', method = '', headers } = request;
    const clientCertificate = socket instanceof TLSSocket ? socket.getPeerCertificate() : undefined;
    const text = (await request.toArray()).join('');
    const seen = { method, path, headers, clientCertificate, body: text && (JSON.parse(text) as unknown) };
    requests.push(seen);
    const [status, body] = answer(seen);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  server.on('request', (request, response) => void respond(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const api: ApiServer = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    answers: readyCluster(),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return api;
}

/** https://www.rfc-editor.org/rfc/rfc7386 */
function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result[key] = undefined;
    else result[key] = merged(result[key], value);
  }
  return result;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
