// Speaks MLflow's REST API, and says what to do when it is not answered as it should be.
import http from 'node:http';
import https from 'node:https';

export interface Target {
  /** Tracking URI, without a slash at the end. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  readonly workspace?: string | undefined;
  /** Certificate of the authority that signed the server's, and the name that it is for, where those are not the usual. */
  readonly ca?: string | undefined;
  readonly serverName?: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What went wrong, and what to do about it. */
export class Trouble extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'Trouble';
    this.remedy = remedy;
  }
}

const ANSWER_SECONDS = 60;

export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly body?: Buffer | object;
}

/**
 * Asks, and gives back an answer with status 200.
 *
 * @throws Trouble for every other answer, and for none
 */
export async function ask(
  target: Target,
  path: string,
  { method = 'GET', body }: Request,
  signal: AbortSignal,
): Promise<Answer> {
  const answer = await send(target, path, { method, ...(body && { body }) }, signal).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      throw silence(target, error as NodeJS.ErrnoException);
    },
  );
  if (answer.status !== 200) throw refusal(target, answer);
  return answer;
}

/** The same for an answer in JSON. */
export async function askJson<T>(
  target: Target,
  path: string,
  request: Request,
  signal: AbortSignal,
): Promise<T> {
  const { body } = await ask(target, path, request, signal);
  try {
    return JSON.parse(body.toString()) as T;
  } catch (error) {
    throw new Trouble(
      'the answer is not of MLflow',
      'Is this the tracking URI, and not that of a log-in page or another service?',
      error,
    );
  }
}

function send(target: Target, path: string, { method, body }: Request, signal: AbortSignal): Promise<Answer> {
  const url = new URL(`${target.url}${path}`);
  const content = Buffer.isBuffer(body) ? body : Buffer.from(body === undefined ? '' : JSON.stringify(body));
  const headers = {
    ...logIn(target),
    ...(target.workspace !== undefined && { 'x-mlflow-workspace': target.workspace }),
    ...(body !== undefined && {
      'content-type': Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json',
      'content-length': content.length,
    }),
  };
  const { ca, serverName: servername } = target;
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(
      url,
      {
        ...{ method, headers, signal, timeout: ANSWER_SECONDS * 1000 },
        ...(ca !== undefined && { ca }),
        ...(servername !== undefined && { servername }),
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, headers, body: Buffer.concat(parts) });
        });
      },
    );
    request.on('timeout', () =>
      request.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
    );
    request.on('error', reject);
    request.end(content);
  });
}

function logIn({ username, password = '', token }: Target): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (username === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
}

/** No answer at all. */
function silence({ url }: Target, error: NodeJS.ErrnoException): Trouble {
  const { host, hostname } = new URL(url);
  const { code = '', message } = error;
  if (['ENOTFOUND', 'EAI_AGAIN'].includes(code))
    return new Trouble(
      `${hostname} is not known`,
      'Check the name; does your DNS, or /etc/hosts, lead to the way in?',
      error,
    );
  if (code === 'ECONNREFUSED')
    return new Trouble(
      `nothing listens at ${host}`,
      'Is the server up (npm run status), and the port-forward of output nextCommands running?',
      error,
    );
  if (code === 'ETIMEDOUT')
    return new Trouble(
      `${host} does not answer within ${ANSWER_SECONDS} s`,
      'Does a firewall, ingress.allowedCidrs or networkPolicy.clients keep you out? Is the server busy (npm run logs)?',
      error,
    );
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(code))
    return new Trouble(
      `the certificate is not accepted: ${message}`,
      'Name the authority that signed it: NODE_EXTRA_CA_CERTS=ca.crt (for Python: MLFLOW_TRACKING_SERVER_CERT_PATH).',
      error,
    );
  return new Trouble(`${host}: ${message}`, 'Is that http:// or https://, and the right port?', error);
}

/** An answer that is none of 200. */
function refusal({ url }: Target, { status, headers, body }: Answer): Trouble {
  const text = reason(body.toString());
  const trouble = (remedy: string) => new Trouble(`HTTP ${status}${text && `: ${text}`}`, remedy);
  if (status === 403 && text.includes('Invalid Host header'))
    return trouble(`Add "${new URL(url).host}" to server.extraAllowedHosts, or use the name of a way in.`);
  if (status === 401)
    return trouble(
      'Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; output signIn says which.',
    );
  if (status === 403)
    return trouble('This user may not do that: an administrator grants permissions (docs/auth.md).');
  if (status === 404) return trouble('Is the path of server.staticPrefix at the end of the tracking URI?');
  if (status === 413) return trouble('The way in limits the size of requests: docs/entry.md.');
  if (status >= 300 && status < 400)
    return trouble(
      `It leads to ${headers.location ?? 'elsewhere'}: use that address, or, where it is a log-in page, a token (docs/auth.md).`,
    );
  if ([502, 503, 504].includes(status))
    return trouble('The way in finds no pod that is ready: npm run status, npm run doctor.');
  return trouble('The log of the server says more: npm run logs -- server.');
}

/** MLflow's own message, else the beginning of a text that is no page. */
function reason(body: string): string {
  try {
    const { message, detail } = JSON.parse(body) as { message?: string; detail?: unknown };
    return message ?? (typeof detail === 'string' ? detail : '');
  } catch {
    return /^\s*</.test(body) ? '' : body.trim().slice(0, 200);
  }
}
