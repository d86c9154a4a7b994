import { request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Connection } from './kubeconfig.ts';

/** An object as far as the checks look at it. */
export interface KubernetesObject {
  readonly metadata: {
    readonly name: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
    readonly deletionTimestamp?: string;
  };
}

/** Reads from an API server. */
export interface ClusterReader {
  /**
   * The answer to a GET, or undefined when there is no such object.
   *
   * @throws ForbiddenError when the user may not read it; Error when the server does not answer.
   */
  get<T>(path: string): Promise<T | undefined>;
  close(): void;
}

/** The user of the kubeconfig lacks the right to read something. */
export class ForbiddenError extends Error {}

const timeoutMs = 10_000;

export function clusterReader({ server, tls, headers }: Connection): ClusterReader {
  const agent = new Agent({ ...tls, keepAlive: true });
  const secure = server.protocol === 'https:';
  return {
    get: (path) =>
      new Promise((resolve, reject) => {
        const url = new URL(server.pathname.replace(/\/$/, '') + path, server);
        const options = { headers: { accept: 'application/json', ...headers }, timeout: timeoutMs };
        const request = secure ? httpsRequest(url, { ...options, agent }) : httpRequest(url, options);
        request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
        request.on('error', reject);
        request.on('response', (response) => {
          const chunks: Buffer[] = [];
          response.on('error', reject);
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => {
            const body = Buffer.concat(chunks).toString();
            const status = response.statusCode ?? 0;
            if (status === 404) resolve(undefined);
            else if (status === 401 || status === 403)
              reject(new ForbiddenError(`GET ${path} was answered with ${status}`));
            else if (status !== 200)
              reject(new Error(`GET ${path} was answered with ${status}: ${body.slice(0, 200)}`));
            else parsed(body, resolve, reject);
          });
        });
        request.end();
      }),
    close: () => agent.destroy(),
  };
}

function parsed<T>(body: string, resolve: (value: T) => void, reject: (error: Error) => void): void {
  try {
    resolve(JSON.parse(body) as T);
  } catch {
    reject(new Error('the answer is not JSON'));
  }
}
