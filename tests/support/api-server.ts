// A stand-in for a cluster's API server, on the loopback interface.
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import { selfSigned } from './tls.ts';

/** Answers by path. A number is a status without an object; what is not there is answered with 404. */
export type Answers = Record<string, unknown>;

export interface SeenRequest {
  readonly path: string;
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
  const answer = (path: string): [number, unknown] => {
    const known = api.answers[path];
    return typeof known === 'number' ? [known, {}] : known === undefined ? [404, {}] : [200, known];
  };
  const server = tls
    ? createHttpsServer({ ...selfSigned, ca: selfSigned.cert, requestCert: true, rejectUnauthorized: false })
    : createHttpServer();
  server.on('request', (request, response) => {
    const path = request.url ?? '';
    const { socket } = request;
    const certificate = socket instanceof TLSSocket ? socket.getPeerCertificate() : undefined;
    requests.push({ path, headers: request.headers, clientCertificate: certificate });
    const [status, body] = answer(path);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
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
