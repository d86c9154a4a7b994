// The server: options, sizes, and what its version of MLflow must be able to do.
import { compareVersions, mlflowVersion } from '../../lib/image.ts';
import { parseQuantity } from '../../lib/quantity.ts';
import { ownedOption, ownedVariable } from '../../lib/server-options.ts';
import type { Settings } from '../index.ts';
import { repeated, sentences } from './rule.ts';

export function server({ server, backendStore, artifactStore, gc, metrics, pods }: Settings): string[] {
  const { valueOptions, flagOptions, caBundle } = server;
  const owned = [
    ...Object.keys(valueOptions).map((name) => ['valueOptions', name]),
    ...flagOptions.map((name) => ['flagOptions', name]),
  ];
  const variables = Object.keys(server.env);
  const sections = {
    'server.resources': server.resources,
    'backendStore.resources': backendStore.resources,
    'artifactStore.resources': artifactStore.resources,
    'gc.resources': gc.resources,
  };
  return [
    ...owned.flatMap(([list = '', name = '']) => {
      const instead = ownedOption(name);
      return instead === undefined
        ? []
        : [`server.${list} has ${name}, which the program sets itself; use ${instead}`];
    }),
    ...variables.flatMap((name) => {
      const instead = ownedVariable(name);
      return instead === undefined
        ? []
        : [`server.env has ${name}, which the program sets itself; use ${instead}`];
    }),
    ...Object.entries(sections).flatMap(([key, { requests, limits }]) => exceeded(key, requests, limits)),
    ...sentences([
      [
        caBundle !== undefined &&
          (caBundle.configMapName === undefined) === (caBundle.secretName === undefined),
        'server.caBundle needs either configMapName or secretName, and not both',
      ],
    ]),
    ...sentences([
      [
        server.tls.enabled && server.jobs,
        'server.tls.enabled is true, but the job runner of server.jobs calls the server in plain text; switch one of them off',
      ],
    ]),
    ...(['alerts', 'dashboard'] as const).flatMap((key) =>
      metrics[key] && !metrics.enabled
        ? [`metrics.${key} is true, but there are no metrics; set metrics.enabled to true`]
        : [],
    ),
    ...repeated('pods.imagePullSecrets', pods.imagePullSecrets),
  ];
}

/** What MLflow must be able to do for what is asked of it, and since when it can. */
export function versions({ server, auth, workspaces, backendStore, traceArchival }: Settings): string[] {
  const version = mlflowVersion(server.image);
  const needs: [boolean, string, string, string][] = [
    // Before it, the default list of allowed hosts could not be replaced.
    [true, '3.10.0', 'this program', 'choose a newer tag'],
    // https://nvd.nist.gov/vuln/detail/CVE-2026-2635: a well-known admin password.
    [auth.kind === 'basic', '3.16.1', 'auth.kind basic', 'choose a newer tag, or auth.kind none'],
    // What mlflow-oidc-auth 11 asks for.
    [auth.kind === 'plugin', '3.16.0', 'auth.kind plugin', 'choose a newer tag, or another kind'],
    [workspaces.enabled, '3.10.0', 'workspaces.enabled', 'choose a newer tag, or leave workspaces off'],
    [
      backendStore.readReplica !== undefined,
      '3.14.0',
      'backendStore.readReplica',
      'choose a newer tag, or remove it',
    ],
    [traceArchival.enabled, '3.17.0', 'traceArchival.enabled', 'choose a newer tag, or leave it off'],
  ];
  return needs
    .filter(([asked, since]) => asked && compareVersions(version, since) < 0)
    .map(
      ([, since, what, remedy]) =>
        `server.image.tag is ${server.image.tag}, but ${what} needs MLflow ${since} or newer; ${remedy}`,
    );
}

function exceeded(
  key: string,
  requests: { cpu: string; memory: string },
  limits: { cpu?: string | undefined; memory: string },
): string[] {
  return (['cpu', 'memory'] as const).flatMap((kind) => {
    const limit = limits[kind];
    return limit !== undefined && (parseQuantity(requests[kind]) ?? 0) > (parseQuantity(limit) ?? 0)
      ? [
          `${key}.requests.${kind} is ${requests[kind]}, more than limits.${kind}, ${limit}; raise the limit or lower the request`,
        ]
      : [];
  });
}
