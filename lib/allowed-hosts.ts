// MLflow compares the Host header with a list, character by character and including the port, and refuses what is not
// listed. Setting the list replaces MLflow's own, so it has to name every way in.
// https://mlflow.org/docs/latest/self-hosting/security/network/

/** A way in from outside the cluster: an Ingress or a route. */
export interface WayIn {
  readonly hosts: readonly string[];
  /** Ports at which people reach it. */
  readonly port: number;
  readonly httpsPort: number;
  /** Whether it serves HTTPS. */
  readonly tls: boolean;
  /** Whether HTTP leads to HTTPS, where it serves both. */
  readonly redirectHttp: boolean;
}

/** What the server has to accept from outside the cluster. */
export interface PublicEntry {
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
}

export interface EntryPoints {
  readonly service: { readonly name: string; readonly namespace: string };
  readonly publicHosts: readonly string[];
  /** What users add: bare names with any port, all else as it is written. */
  readonly extraHosts?: readonly string[];
  /** Whether MLflow's job runner calls the server back, which it does as 0.0.0.0. */
  readonly jobs: boolean;
  /** Address of the pod itself, which a scraper of metrics calls. Default: calls to it are refused. */
  readonly podAddress?: string | undefined;
}

/** Values for `MLFLOW_SERVER_ALLOWED_HOSTS`. */
export function allowedHosts({
  service,
  publicHosts,
  extraHosts = [],
  jobs,
  podAddress,
}: EntryPoints): string[] {
  return [
    ...[...publicHosts, ...ownHosts(service)].flatMap(withAnyPort),
    ...extraHosts.flatMap((host) => (/^[\w.-]+$/.test(host) ? withAnyPort(host) : [host])),
    ...(jobs ? ['0.0.0.0:*'] : []),
    // Without a pattern, so that an IPv6 address in brackets is no set of characters.
    ...(podAddress === undefined ? [] : [`${podAddress}:5000`, `[${podAddress}]:5000`]),
  ];
}

const withAnyPort = (host: string): string[] => [host, `${host}:*`];

/** Names of the Service, and the near end of a port-forward. */
function ownHosts({ name, namespace }: EntryPoints['service']): string[] {
  const inCluster = ['', `.${namespace}`, `.${namespace}.svc`, `.${namespace}.svc.cluster.local`];
  return [...inCluster.map((suffix) => `${name}${suffix}`), 'localhost', '127.0.0.1'];
}

/** Origins of the UI where people reach the Service itself, from within the cluster or by a port-forward. */
export const ownOrigins = (service: EntryPoints['service'], tls: boolean): string[] =>
  ownHosts(service)
    .flatMap(withAnyPort)
    .map((host) => `${tls ? 'https' : 'http'}://${host}`);

/** Whether a pattern accepts any host. */
export const isAnyHost = (host: string): boolean => /^[*?:.]*[*][*?:.]*$/.test(host);

/** What all ways in together make the server accept. */
export function publicEntry(ways: readonly WayIn[]): PublicEntry {
  return { hosts: ways.flatMap(({ hosts }) => hosts), origins: ways.flatMap(origins) };
}

/** Addresses that people open in a browser: `https://mlflow.example.com`, with the port where it is not the usual one. */
export function publicUrls(way: WayIn): string[] {
  return way.hosts.map((host) => (way.tls ? url('https', host, way.httpsPort) : url('http', host, way.port)));
}

/**
 * Values for `MLFLOW_SERVER_CORS_ALLOWED_ORIGINS`. Browsers send Origin with the UI's own requests, too, and MLflow makes
 * no exception for its own address.
 */
function origins({ hosts, port, httpsPort, tls, redirectHttp }: WayIn): string[] {
  return hosts.flatMap((host) =>
    tls
      ? [url('https', host, httpsPort), ...(redirectHttp ? [] : [url('http', host, port)])]
      : // A proxy that ends TLS in front of the way in turns the same address into https.
        [url('http', host, port), url('https', host, port === 80 ? 443 : port)],
  );
}

const usualPorts = { http: 80, https: 443 };

function url(scheme: keyof typeof usualPorts, host: string, port: number): string {
  return port === usualPorts[scheme] ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
}
