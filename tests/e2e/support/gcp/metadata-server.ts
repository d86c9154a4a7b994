// The metadata server of the pretended GKE, as a process in the network of the node: it tells a pod the account that its
// ServiceAccount names, provided that the account trusts that. https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity
import { createServer } from 'node:http';
import { execa } from 'execa';
import { Store } from '../double/store.ts';
import { tokenOf, trusts } from './identity.ts';

interface Options {
  readonly address: string;
  readonly port: number;
  readonly project: string;
  readonly state: string;
  readonly kubectl: readonly [string, ...string[]];
}

const { address, port, project, state, kubectl } = JSON.parse(process.argv[2] ?? '{}') as Options;
const store = new Store(state);

interface Caller {
  readonly email: string;
  /** As Workload Identity calls it. */
  readonly serviceAccount: string;
}

async function ask<T>(...args: string[]): Promise<T> {
  const [program, ...options] = kubectl;
  const { stdout } = await execa(program, [...options, ...args, '--output', 'json']);
  return JSON.parse(stdout) as T;
}

interface Pod {
  readonly metadata: { readonly namespace: string };
  readonly spec: { readonly serviceAccountName: string };
  readonly status: { readonly phase: string };
}

/** Undefined where the ServiceAccount names no account. */
async function callerAt(podAddress: string): Promise<Caller | undefined> {
  const { items } = await ask<{ items: Pod[] }>(
    ...['get', 'pods', '--all-namespaces', `--field-selector=status.podIP=${podAddress}`],
  );
  const pod = items.find(({ status }) => status.phase === 'Running' || status.phase === 'Pending');
  if (pod === undefined) return undefined;
  const { namespace } = pod.metadata;
  const name = pod.spec.serviceAccountName;
  const { metadata } = await ask<{ metadata: { annotations?: Record<string, string> } }>(
    ...['--namespace', namespace, 'get', `serviceaccount/${name}`],
  );
  const email = metadata.annotations?.['iam.gke.io/gcp-service-account'];
  const serviceAccount = `${project}.svc.id.goog[${namespace}/${name}]`;
  return email === undefined ? undefined : { email, serviceAccount };
}

interface Answer {
  readonly code: number;
  readonly body: string | object;
}

const found = (body: string | object): Answer => ({ code: 200, body });
const notFound: Answer = { code: 404, body: 'Not Found' };

async function answerTo(path: string, podAddress: string): Promise<Answer> {
  switch (path) {
    case '/':
    case '/computeMetadata/v1/':
      return found('computeMetadata/\n');
    case '/computeMetadata/v1/project/project-id':
      return found(project);
    case '/computeMetadata/v1/universe/universe-domain':
      return found('googleapis.com');
  }
  const [, wanted = '', what = ''] =
    /^\/computeMetadata\/v1\/instance\/service-accounts\/([^/]+)\/(\w*)$/.exec(path) ?? [];
  const caller = await callerAt(podAddress);
  if (caller === undefined || (wanted !== 'default' && wanted !== caller.email)) return notFound;
  const { email, serviceAccount } = caller;
  const scopes = ['https://www.googleapis.com/auth/cloud-platform'];
  switch (what) {
    case '':
      return found({ aliases: ['default'], email, scopes });
    case 'email':
      return found(email);
    case 'scopes':
      return found(scopes.join('\n'));
    case 'token':
      return trusts(store, email, serviceAccount)
        ? found({ access_token: tokenOf(email), expires_in: 3599, token_type: 'Bearer' })
        : {
            code: 403,
            body: `Unable to generate access token; IAM returned 403 Forbidden: Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist) for ${serviceAccount} as ${email}.`,
          };
    default:
      return notFound;
  }
}

createServer((incoming, response) => {
  const podAddress = incoming.socket.remoteAddress?.replace('::ffff:', '') ?? '';
  const { pathname } = new URL(incoming.url ?? '/', 'http://metadata');
  const named = incoming.headers['metadata-flavor'] === 'Google' || pathname === '/';
  const answer = named
    ? answerTo(pathname, podAddress)
    : Promise.resolve({ code: 403, body: 'Missing required header "Metadata-Flavor": "Google"' });
  answer.then(
    ({ code, body }) => {
      const isText = typeof body === 'string';
      response.writeHead(code, {
        'metadata-flavor': 'Google',
        'content-type': isText ? 'application/text' : 'application/json',
      });
      response.end(isText ? body : JSON.stringify(body));
    },
    (error: unknown) => {
      console.error(error);
      response.writeHead(500).end();
    },
  );
}).listen(port, address);
