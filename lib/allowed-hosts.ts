// MLflow compares the Host header with a list, character by character and including the port, and refuses what is not
// listed. Setting the list replaces MLflow's own, so it has to name every way in.
// https://mlflow.org/docs/latest/self-hosting/security/network/

export interface EntryPoints {
  readonly service: { readonly name: string; readonly namespace: string };
  /** Hosts of Ingresses and routes. */
  readonly publicHosts: readonly string[];
  /** Whether MLflow's job runner calls the server back, which it does as 0.0.0.0. */
  readonly jobs: boolean;
}

/** Values for `MLFLOW_SERVER_ALLOWED_HOSTS`. */
export function allowedHosts({ service, publicHosts, jobs }: EntryPoints): string[] {
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
  return [...hosts.flatMap((host) => [host, `${host}:*`]), ...(jobs ? ['0.0.0.0:*'] : [])];
}

/**
 * Values for `MLFLOW_SERVER_CORS_ALLOWED_ORIGINS`. Browsers send Origin with the UI's own requests, too, and MLflow makes
 * no exception for its own address.
 */
export function allowedOrigins(publicHosts: readonly string[]): string[] {
  return publicHosts.flatMap((host) => [
    `http://${host}`,
    `https://${host}`,
    // A local cluster's Ingress is often reached through a forwarded port.
    ...(host.endsWith('.localhost') ? [`http://${host}:*`, `https://${host}:*`] : []),
  ]);
}
