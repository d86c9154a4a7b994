// MLflow compares the Host header with a list, character by character and including the port, and refuses what is not
// listed. Setting the list replaces MLflow's own, so it has to name every way in.
// https://mlflow.org/docs/latest/self-hosting/security/network/

/** The way in from outside the cluster. */
export interface PublicEntry {
  /** Hosts of Ingresses and routes. */
  readonly hosts: readonly string[];
  /** Port at which they are reached. */
  readonly port: number;
}

export interface EntryPoints {
  readonly service: { readonly name: string; readonly namespace: string };
  readonly publicHosts: readonly string[];
  /** Whether MLflow's job runner calls the server back, which it does as 0.0.0.0. */
  readonly jobs: boolean;
  /** Address of the pod itself, which a scraper of metrics calls. Default: calls to it are refused. */
  readonly podAddress?: string | undefined;
}

/** Values for `MLFLOW_SERVER_ALLOWED_HOSTS`. */
export function allowedHosts({ service, publicHosts, jobs, podAddress }: EntryPoints): string[] {
  const { name, namespace } = service;
  const hosts = [
    ...publicHosts,
    name,
    `${name}.${namespace}`,
    `${name}.${namespace}.svc`,
    `${name}.${namespace}.svc.cluster.local`,
    'localhost',
    '127.0.0.1',
  ];
  return [
    ...hosts.flatMap((host) => [host, `${host}:*`]),
    ...(jobs ? ['0.0.0.0:*'] : []),
    // Without a pattern, so that an IPv6 address in brackets is no set of characters.
    ...(podAddress === undefined ? [] : [`${podAddress}:5000`, `[${podAddress}]:5000`]),
  ];
}

/** The way in that an Ingress is; none where it is switched off. */
export function publicEntry({
  enabled,
  hosts,
  port,
}: PublicEntry & { readonly enabled: boolean }): PublicEntry {
  return { hosts: enabled ? hosts : [], port };
}

/** Addresses that people open in a browser: `http://mlflow.example.com`, with the port where it is not 80. */
export function publicUrls({ hosts, port }: PublicEntry): string[] {
  return hosts.map((host) => (port === 80 ? `http://${host}` : `http://${host}:${port}`));
}

/**
 * Values for `MLFLOW_SERVER_CORS_ALLOWED_ORIGINS`. Browsers send Origin with the UI's own requests, too, and MLflow makes
 * no exception for its own address.
 */
export function allowedOrigins(entry: PublicEntry): string[] {
  // A proxy that ends TLS in front of the Ingress turns the same address into https.
  return publicUrls(entry).flatMap((url) => [url, url.replace('http:', 'https:')]);
}
