// Reads a kubeconfig the way kubectl does. The official JavaScript client does this too, but doubles the program's memory
// (70 MB of 140) and start time for the few reads that are needed here.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import type { ClusterAccess } from '../clouds/cloud.ts';

/** Everything that a request to the API server needs. */
export interface Connection {
  readonly server: URL;
  readonly tls: {
    readonly ca?: Buffer | undefined;
    readonly cert?: Buffer | undefined;
    readonly key?: Buffer | undefined;
    readonly servername?: string | undefined;
    readonly rejectUnauthorized: boolean;
  };
  readonly headers: Record<string, string>;
}

/** A user's mistake in the kubeconfig or in its choice of context. */
export class KubeconfigError extends Error {}

interface Named {
  readonly name: string;
}
interface Cluster {
  readonly server: string;
  readonly 'certificate-authority'?: string;
  readonly 'certificate-authority-data'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'tls-server-name'?: string;
}
interface User {
  readonly 'client-certificate'?: string;
  readonly 'client-certificate-data'?: string;
  readonly 'client-key'?: string;
  readonly 'client-key-data'?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly exec?: ExecPlugin;
}
interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args?: string[] | null;
  readonly env?: { name: string; value: string }[] | null;
}
interface Kubeconfig {
  readonly clusters?: (Named & { cluster: Cluster; folder: string })[];
  readonly contexts?: (Named & { context: { cluster: string; user: string } })[];
  readonly users?: (Named & { user: User; folder: string })[];
}

/**
 * The connection that a context stands for.
 *
 * @throws KubeconfigError when there is no such context, naming those that there are.
 */
export async function connectionOf(access: ClusterAccess): Promise<Connection> {
  try {
    return await readConnection(access);
  } catch (error) {
    if (error instanceof KubeconfigError) throw error;
    throw new KubeconfigError(`the kubeconfig cannot be used: ${(error as Error).message}; mend it`);
  }
}

async function readConnection(access: ClusterAccess): Promise<Connection> {
  const { source, configs } = await load(access.kubeconfig);
  const find = <K extends keyof Kubeconfig>(key: K, name: string | undefined) =>
    configs.flatMap((config) => (config[key] ?? []) as Named[]).find((entry) => entry.name === name);

  const context = find('contexts', access.context) as NonNullable<Kubeconfig['contexts']>[number] | undefined;
  if (context === undefined) {
    const known = configs.flatMap(({ contexts }) => contexts ?? []).map(({ name }) => name);
    throw new KubeconfigError(
      `mlflow-stack:kubernetes.context is "${access.context}", which ${source} does not have; ` +
        (known.length > 0 ? `contexts there: ${known.join(', ')}` : 'there are no contexts in it') +
        '. `npm run quickstart` starts a local cluster',
    );
  }
  const cluster = find('clusters', context.context.cluster) as
    NonNullable<Kubeconfig['clusters']>[number] | undefined;
  const user = find('users', context.context.user) as NonNullable<Kubeconfig['users']>[number] | undefined;
  if (cluster === undefined || user === undefined) {
    throw new KubeconfigError(
      `context "${access.context}" in ${source} names a cluster or user that is not there; mend the kubeconfig`,
    );
  }
  const login = await logIn(user.user, user.folder);
  return {
    server: new URL(cluster.cluster.server),
    tls: {
      ca: await content(cluster.cluster, 'certificate-authority', cluster.folder),
      cert: login.cert,
      key: login.key,
      servername: cluster.cluster['tls-server-name'],
      rejectUnauthorized: cluster.cluster['insecure-skip-tls-verify'] !== true,
    },
    headers: login.authorization === undefined ? {} : { authorization: login.authorization },
  };
}

async function load(given: string | undefined): Promise<{ source: string; configs: Kubeconfig[] }> {
  if (given?.includes('\n'))
    return { source: 'the kubeconfig', configs: [located(parse(given) as Kubeconfig | null, process.cwd())] };
  const wanted =
    given === undefined
      ? (process.env.KUBECONFIG ?? join(homedir(), '.kube/config')).split(delimiter)
      : [given.replace(/^~(?=\/)/, homedir())];
  const paths = wanted.filter((path) => path !== '' && existsSync(path));
  const configs = await Promise.all(
    paths.map(async (path) =>
      located(parse(await readFile(path, 'utf8')) as Kubeconfig | null, dirname(resolve(path))),
    ),
  );
  return { source: paths.length > 0 ? paths.join(', ') : 'your kubeconfig (no file found)', configs };
}

/** Relative paths in a kubeconfig are meant from its own folder. */
function located(config: Kubeconfig | null, folder: string): Kubeconfig {
  return {
    contexts: config?.contexts ?? [],
    clusters: (config?.clusters ?? []).map((entry) => ({ ...entry, folder })),
    users: (config?.users ?? []).map((entry) => ({ ...entry, folder })),
  };
}

async function content(entry: object, key: string, folder: string): Promise<Buffer | undefined> {
  const values = entry as Record<string, string | undefined>;
  const data = values[`${key}-data`];
  if (data !== undefined) return Buffer.from(data, 'base64');
  const path = values[key];
  return path === undefined ? undefined : await readFile(resolve(folder, path));
}

interface Login {
  readonly authorization?: string | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

async function logIn(user: User, folder: string): Promise<Login> {
  if (user.exec) return await execLogin(user.exec);
  const token =
    user.tokenFile === undefined
      ? user.token
      : (await readFile(resolve(folder, user.tokenFile), 'utf8')).trim();
  const basic = user.username && Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64');
  return {
    authorization: token ? `Bearer ${token}` : basic ? `Basic ${basic}` : undefined,
    cert: await content(user, 'client-certificate', folder),
    key: await content(user, 'client-key', folder),
  };
}

/** Log-in by a program, as for GKE and EKS: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
async function execLogin({ apiVersion, command, args, env }: ExecPlugin): Promise<Login> {
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } };
  const { stdout } = await promisify(execFile)(command, args ?? [], {
    env: {
      ...process.env,
      ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
      KUBERNETES_EXEC_INFO: JSON.stringify(info),
    },
  }).catch((error: unknown) => {
    throw new KubeconfigError(`the log-in program "${command}" of the kubeconfig failed: ${String(error)}`);
  });
  const { status = {} } = JSON.parse(stdout) as {
    status?: { token?: string; clientCertificateData?: string; clientKeyData?: string };
  };
  return {
    authorization: status.token === undefined ? undefined : `Bearer ${status.token}`,
    cert: status.clientCertificateData === undefined ? undefined : Buffer.from(status.clientCertificateData),
    key: status.clientKeyData === undefined ? undefined : Buffer.from(status.clientKeyData),
  };
}
