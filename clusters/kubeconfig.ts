import { stringify } from 'yaml';

/** By which program whoever uses a cluster logs in to it. */
export interface LogIn {
  readonly command: string;
  readonly args?: readonly string[];
  readonly provideClusterInfo?: boolean;
}

/** Leads to a cluster with the log-in of whoever uses it; holds no key. */
export const kubeconfigOf = (
  name: string,
  { server, authority }: { readonly server: string; readonly authority: string },
  logIn: LogIn,
): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server, 'certificate-authority-data': authority } }],
    users: [{ name, user: { exec: { apiVersion: 'client.authentication.k8s.io/v1beta1', ...logIn } } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
