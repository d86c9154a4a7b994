// Mistakes that no single value shows: settings that exclude each other, need each other, or promise what cannot be.
import { canRoll, connectionPlan } from '../lib/connection-budget.ts';
import { compareVersions, mlflowVersion } from '../lib/image.ts';
import { ownedOption, ownedVariable } from '../lib/server-options.ts';
import { parseQuantity } from '../lib/quantity.ts';
import type { Settings } from './index.ts';

/** One sentence per mistake. */
export function conflicts(settings: Settings): string[] {
  return [
    ...stores(settings),
    ...secrets(settings),
    ...server(settings),
    ...versions(settings),
    ...scaling(settings),
    ...ingress(settings),
  ].map((text) => `mlflow-stack:${text}`);
}

function stores({ artifactStore, backendStore, registryStore, server }: Settings): string[] {
  const { kind, mode, uri, endpointUrl, credentialsFrom, existingClaim } = artifactStore;
  const { readReplica } = backendStore;
  return sentences([
    [
      mode === 'direct' && (kind === 'pvc' || (kind === 's3Compatible' && endpointUrl === undefined)),
      `artifactStore.mode is direct, but clients cannot reach ${kind === 'pvc' ? 'a claim' : 'a store inside the cluster'} by themselves; use mode proxy, or a bucket`,
    ],
    [kind === 'external' && uri === undefined, 'artifactStore.uri is missing; kind external needs one'],
    [
      kind !== 'external' && uri !== undefined,
      `artifactStore.uri is for kind external, but kind is ${kind}; remove it or change the kind`,
    ],
    [
      uri?.startsWith('mlflow-artifacts:') === true || uri?.startsWith('file:') === true,
      `artifactStore.uri is ${uri ?? ''}, which is lost with its pod; name a store outside the pod, or use kind pvc`,
    ],
    [
      kind !== 's3Compatible' && endpointUrl !== undefined,
      `artifactStore.endpointUrl is for kind s3Compatible, but kind is ${kind}; remove it or change the kind`,
    ],
    [
      kind === 's3Compatible' && endpointUrl !== undefined && credentialsFrom === undefined,
      'artifactStore.credentialsFrom is missing; name the Secret with the keys of the S3 server',
    ],
    [
      credentialsFrom !== undefined &&
        (kind === 'pvc' || (kind === 's3Compatible' && endpointUrl === undefined)),
      'artifactStore.credentialsFrom is for a store outside the cluster; remove it, or set endpointUrl',
    ],
    [
      kind !== 'pvc' && existingClaim !== undefined,
      `artifactStore.existingClaim is for kind pvc, but kind is ${kind}; remove it or change the kind`,
    ],
    [
      registryStore !== undefined &&
        (registryStore.database === undefined) === (registryStore.uriFrom === undefined),
      'registryStore needs either database or uriFrom, and not both',
    ],
    [
      registryStore?.database !== undefined &&
        (backendStore.kind === 'sqlite' ||
          backendStore.uriFrom !== undefined ||
          backendStore.dialect !== 'postgresql'),
      'registryStore.database needs a PostgreSQL that is named by host; use registryStore.uriFrom',
    ],
    [
      registryStore?.database !== undefined && registryStore.database === databaseName(backendStore),
      `registryStore.database is ${registryStore?.database ?? ''}, the database of the backend store; leave registryStore out to share it`,
    ],
    ...externalDatabase(backendStore, server),
    [
      readReplica !== undefined && backendStore.kind !== 'external',
      `backendStore.readReplica is for kind external, but kind is ${backendStore.kind}; remove it or change the kind`,
    ],
    [
      readReplica !== undefined && (readReplica.host === undefined) === (readReplica.uriFrom === undefined),
      'backendStore.readReplica needs either host or uriFrom, and not both',
    ],
    [
      readReplica?.host !== undefined &&
        (backendStore.uriFrom !== undefined || backendStore.dialect !== 'postgresql'),
      'backendStore.readReplica.host needs a PostgreSQL that is named by host; use backendStore.readReplica.uriFrom',
    ],
  ]);
}

function databaseName({ kind, database }: Settings['backendStore']): string {
  return kind === 'external' ? database : 'mlflow';
}

function externalDatabase(backendStore: Settings['backendStore'], { caBundle }: Settings['server']): Rule[] {
  const { kind, uriFrom, host, port, connectionFrom, sslMode } = backendStore;
  if (kind !== 'external') {
    const given = Object.entries({ uriFrom, host, port, connectionFrom }).filter(
      ([, value]) => value !== undefined,
    );
    return given.map(([key]) => [
      true,
      `backendStore.${key} is for kind external, but kind is ${kind}; remove it or change the kind`,
    ]);
  }
  return [
    [
      uriFrom === undefined && connectionFrom === undefined,
      'backendStore.uriFrom or backendStore.connectionFrom is missing; kind external needs a Secret that tells how to log in',
    ],
    [
      uriFrom !== undefined && (connectionFrom !== undefined || host !== undefined || port !== undefined),
      'backendStore.uriFrom holds the whole address; remove host, port and connectionFrom, or use those instead of it',
    ],
    [
      uriFrom === undefined && sslMode.startsWith('verify-') && caBundle === undefined,
      `backendStore.sslMode is ${sslMode}, but server.caBundle is missing, which holds the authority to verify against; name it`,
    ],
    [
      backendStore.password !== undefined || backendStore.passwordFrom !== undefined,
      'backendStore.password and passwordFrom are for kind postgres; an external database takes connectionFrom or uriFrom',
    ],
  ];
}

/** Passwords from tutorials and other charts, which are the first that an intruder tries. */
const wellKnownPasswords = /^(password|mlflow|postgres|admin|secret|changeme|123)+\W*\d*\W*$/i;

function secrets({ backendStore, auth }: Settings): string[] {
  const passwords = [
    { key: 'backendStore.password', value: backendStore.password, from: backendStore.passwordFrom },
    { key: 'auth.adminPassword', value: auth.adminPassword, from: auth.adminPasswordFrom },
  ];
  return sentences([
    ...passwords.flatMap(({ key, value, from }): Rule[] => [
      [
        value !== undefined && wellKnownPasswords.test(value),
        `${key} is a well-known password; leave it out to have one generated`,
      ],
      [
        value !== undefined && from !== undefined,
        `${key} and ${key}From are two sources of one secret; remove one of them`,
      ],
    ]),
    [
      backendStore.kind === 'sqlite' &&
        (backendStore.password !== undefined || backendStore.passwordFrom !== undefined),
      'backendStore.password is for kind postgres, but kind is sqlite; remove it or change the kind',
    ],
    [
      auth.kind === 'none' && (auth.adminPassword !== undefined || auth.adminPasswordFrom !== undefined),
      'auth.adminPassword is for kind basic, but auth.kind is none; remove it or change the kind',
    ],
    [
      auth.kind === 'none' && auth.cacheSeconds > 0,
      'auth.cacheSeconds is for kind basic, but auth.kind is none; remove it or change the kind',
    ],
  ]);
}

function server({ server, backendStore, artifactStore, gc, pods }: Settings): string[] {
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
    ...repeated('pods.imagePullSecrets', pods.imagePullSecrets),
  ];
}

/** What MLflow must be able to do for what is asked of it, and since when it can. */
function versions({ server, auth, workspaces, backendStore, traceArchival }: Settings): string[] {
  const version = mlflowVersion(server.image);
  const needs: [boolean, string, string, string][] = [
    // Before it, the default list of allowed hosts could not be replaced.
    [true, '3.10.0', 'this program', 'choose a newer tag'],
    // https://nvd.nist.gov/vuln/detail/CVE-2026-2635: a well-known admin password.
    [auth.kind === 'basic', '3.16.1', 'auth.kind basic', 'choose a newer tag, or auth.kind none'],
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

function scaling(settings: Settings): string[] {
  const { availability, server, autoscaling, backendStore, artifactStore, workspaces } = settings;
  const horizontal = autoscaling.enabled && autoscaling.kind === 'horizontal';
  const several = server.replicas > 1 || (horizontal && autoscaling.max > 1);
  const asked =
    (server.replicas > 1
      ? `server.replicas is ${server.replicas}`
      : `autoscaling.max is ${autoscaling.max}`) + (availability === 'high' ? ' (availability is high)' : '');
  const plan = connectionPlan(settings);
  return sentences([
    [
      several && backendStore.kind === 'sqlite',
      `${asked}, but backendStore.kind sqlite serves one pod only; use postgres, or 1 pod`,
    ],
    [
      several && backendStore.kind !== 'sqlite' && !canRoll(settings),
      `${asked}, but artifactStore.accessMode ${artifactStore.accessMode} ties the claim to one node; use ReadWriteMany, kind s3Compatible, or 1 pod`,
    ],
    [
      autoscaling.enabled && autoscaling.min > autoscaling.max,
      `autoscaling.min is ${autoscaling.min}, more than autoscaling.max, ${autoscaling.max}; raise max or lower min`,
    ],
    [
      several && server.jobs,
      `${asked}, but server.jobs is true, and each pod would run every periodic job; use 1 pod, or leave jobs off`,
    ],
    [
      workspaces.enabled && backendStore.kind === 'sqlite',
      'workspaces.enabled needs PostgreSQL, MySQL or MSSQL, but backendStore.kind is sqlite; use postgres or external',
    ],
    [
      backendStore.kind !== 'sqlite' && plan.most > plan.available,
      `backendStore.maxConnections is ${backendStore.maxConnections}, of which ${plan.available} can be used, but the stack may open ${plan.arithmetic}; raise it, or lower replicas, workers or pools`,
    ],
  ]);
}

function ingress({ ingress }: Settings): string[] {
  return [
    ...sentences([
      [
        ingress.enabled && ingress.hosts.length === 0,
        'ingress.hosts is empty; an Ingress needs at least one host, such as mlflow.example.com',
      ],
    ]),
    ...repeated('ingress.hosts', ingress.hosts),
  ];
}

/** Whether something is wrong, and what. */
type Rule = readonly [wrong: boolean, sentence: string];

const sentences = (rules: Rule[]): string[] =>
  rules.filter(([wrong]) => wrong).map(([, sentence]) => sentence);

function repeated(key: string, names: readonly string[]): string[] {
  const again = names.filter((name, index) => names.indexOf(name) !== index);
  return again.length > 0 ? [`${key} names ${again.join(', ')} more than once; name each once`] : [];
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
