// Who may use the server, and how people and programs show who they are.
import * as v from 'valibot';
import { basicAuth, oidcAuth } from '../../lib/auth.ts';
import { openWaysIn, waysIn } from '../../lib/entry.ts';
import { ownedProxyOption } from '../../lib/oauth2-proxy.ts';
import { auth as schema } from '../auth.ts';
import type { Settings } from '../index.ts';
import { type Rule, repeated, sentences, severalPods } from './rule.ts';

type Auth = Settings['auth'];

export function auth(settings: Settings): string[] {
  return [...foreignKeys(settings.auth), ...ownKeys[settings.auth.kind](settings)];
}

/** For which kinds the keys are that not all of them know. */
const kindsOf = {
  adminUsername: ['basic'],
  adminPassword: ['basic'],
  adminPasswordFrom: ['basic'],
  defaultPermission: ['basic', 'plugin'],
  cacheSeconds: ['basic'],
  edge: ['edge'],
  oauth2Proxy: ['oauth2Proxy'],
  plugin: ['plugin'],
} as const satisfies Partial<Record<keyof Auth, readonly string[]>>;

/** Keys that were given a value, but for another kind. */
function foreignKeys(auth: Auth): string[] {
  const defaults = v.parse(schema, {});
  return Object.entries(kindsOf).flatMap(([key, kinds]) => {
    if (kinds.some((kind) => kind === auth.kind)) return [];
    const name = key as keyof typeof kindsOf;
    return changed(`auth.${key}`, auth[name], defaults[name]).map(
      (path) =>
        `${path} is for kind ${kinds.join(' or ')}, but auth.kind is ${auth.kind}; remove it or change the kind`,
    );
  });
}

/** Paths of what differs from the default. The keys of a section are told one by one. */
function changed(path: string, value: unknown, byDefault: unknown): string[] {
  if (JSON.stringify(value) === JSON.stringify(byDefault)) return [];
  if (!isSection(value) || !isSection(byDefault)) return [path];
  return Object.keys(value).flatMap((key) => changed(`${path}.${key}`, value[key], byDefault[key]));
}

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const ownKeys: Record<Auth['kind'], (settings: Settings) => string[]> = {
  none: () => [],
  basic: () => [],
  edge: edgeRules,
  oauth2Proxy: proxyRules,
  plugin: pluginRules,
};

function edgeRules(settings: Settings): string[] {
  const { auth, ingress } = settings;
  const { users } = auth.edge;
  const unguarded = openWaysIn(settings).filter((way) => way !== 'ingress');
  return [
    ...sentences([
      [users.length === 0, 'auth.edge.users is empty; name at least one'],
      [
        !ingress.enabled,
        'auth.kind is edge, but ingress.enabled is false, and the Ingress controller is what asks for passwords; switch it on, or use kind basic',
      ],
      [
        unguarded.length > 0 && !auth.acceptPublic,
        `auth.kind is edge, which guards the Ingress alone, but ${unguarded.join(' and ')} let${unguarded.length > 1 ? '' : 's'} in whoever comes from anywhere; use another kind, or let in known networks only`,
      ],
    ]),
    ...repeated('auth.edge.users', users),
  ];
}

/** Users of the stack's own programs. */
const ownUsers = ['mlflow-gc', 'mlflow-metrics'];

function proxyRules(settings: Settings): string[] {
  const { auth } = settings;
  const { provider, issuerUrl, clientId, clientSecretFrom, emailDomains, allowedGroups, users, extraArgs } =
    auth.oauth2Proxy;
  const missing = Object.entries({
    clientId,
    clientSecretFrom,
    ...(needsIssuer.has(provider) ? { issuerUrl } : {}),
  });
  const taken = users.filter((user) => ownUsers.includes(user));
  return [
    ...sentences([
      ...missing.map(([key, value]): Rule => [
        value === undefined,
        `auth.oauth2Proxy.${key} is missing, without which nobody can log in; name it`,
      ]),
      [
        emailDomains.length === 0 && allowedGroups.length === 0,
        "auth.oauth2Proxy names nobody who may enter; set emailDomains or allowedGroups, or emailDomains: ['*'] for whoever the provider knows",
      ],
      [
        waysIn(settings).length === 0,
        'auth.kind is oauth2Proxy, but neither ingress nor httpRoute is enabled, and browsers have no address to come back to from the log-in; switch one on',
      ],
      [
        settings.server.tls.enabled,
        'server.tls.enabled is true, but auth.kind is oauth2Proxy, whose proxy answers at the port of the server without TLS; leave one of them out',
      ],
      [
        taken.length > 0,
        `auth.oauth2Proxy.users names ${taken.join(', ')}, which the program makes itself; leave it out`,
      ],
    ]),
    ...repeated('auth.oauth2Proxy.users', users),
    ...extraArgs.flatMap((argument) => {
      const instead = ownedProxyOption(argument);
      const [name = ''] = argument.split('=');
      return instead === undefined
        ? []
        : [`auth.oauth2Proxy.extraArgs has ${name}, which the program sets itself; use ${instead}`];
    }),
  ];
}

/** Providers of oauth2-proxy that are found by their issuer. */
const needsIssuer = new Set(['oidc', 'keycloak-oidc', 'entra-id', 'adfs', 'cidaas']);

function pluginRules(settings: Settings): string[] {
  return [
    ...sentences([
      [
        settings.server.probes.readinessPath === 'server-info',
        'server.probes.readinessPath is server-info, for which plug-ins ask a log-in; use health',
      ],
    ]),
    ...(settings.auth.plugin.appName === oidcAuth ? oidcRules(settings) : otherPluginRules(settings)),
  ];
}

function otherPluginRules({ auth, gc }: Settings): string[] {
  const { appName, credentialsFrom } = auth.plugin;
  return sentences([
    [
      appName === undefined,
      'auth.plugin.appName is missing; name the app that the plug-in adds to MLflow, such as oidc-auth',
    ],
    [appName === basicAuth, `auth.plugin.appName is ${basicAuth}, which is no plug-in; use auth.kind basic`],
    [
      appName !== undefined && appName !== basicAuth && gc.enabled && credentialsFrom === undefined,
      'auth.plugin.credentialsFrom is missing, by which garbage collection logs in; name the Secret, or set gc.enabled to false',
    ],
    [
      JSON.stringify(auth.defaultPermission) !== JSON.stringify(v.parse(schema, {}).defaultPermission),
      `auth.defaultPermission is for kind basic and the plug-in ${oidcAuth}, but auth.plugin.appName is ${appName ?? 'missing'}; remove it`,
    ],
  ]);
}

/** What the program sets for mlflow-oidc-auth, and the setting to use instead. */
const ownedByOidc: Readonly<Record<string, string>> = {
  DEFAULT_MLFLOW_PERMISSION: 'auth.defaultPermission',
  OIDC_ALEMBIC_VERSION_TABLE: 'backendStore',
  OIDC_DB_POOL_MAX_OVERFLOW: 'server.maxOverflow',
  OIDC_DB_POOL_SIZE: 'server.poolSize',
  OIDC_USERS_DB_URI: 'backendStore',
  SECRET_KEY: 'secrets.flaskKeyFrom',
};

function oidcRules(settings: Settings): string[] {
  const { auth, server } = settings;
  const { env, envFrom, credentialsFrom } = auth.plugin;
  const missing = ['OIDC_DISCOVERY_URL', 'OIDC_CLIENT_ID'].filter((name) => env[name] === undefined);
  const several = severalPods(settings);
  return [
    ...sentences([
      [
        missing.length > 0 && envFrom.length === 0,
        `auth.plugin.env lacks ${missing.join(' and ')}, without which nobody can log in; set them, or name their source in envFrom`,
      ],
      [
        envFrom.length === 0 && env.OIDC_PUBLIC_CLIENT !== 'true',
        'auth.plugin.envFrom is empty, but the secret of the client, OIDC_CLIENT_SECRET, must come from a Secret; name it',
      ],
      [
        env.OIDC_CLIENT_SECRET !== undefined,
        'auth.plugin.env has OIDC_CLIENT_SECRET, and anybody who sees the stack file could read it; use envFrom with a Secret',
      ],
      [
        several !== undefined && env.CACHE_BACKEND !== 'redis',
        `${several}, but pods of ${oidcAuth} share what they know of permissions only in Redis; set CACHE_BACKEND to redis in auth.plugin.env and CACHE_REDIS_URL there or in envFrom, or use 1 pod`,
      ],
      [
        server.staticPrefix !== '',
        `server.staticPrefix is ${server.staticPrefix}, but ${oidcAuth} has pages of its own outside of it; remove it, and use a host name for MLflow alone`,
      ],
      [
        credentialsFrom !== undefined,
        `auth.plugin.credentialsFrom is not for ${oidcAuth}, where garbage collection makes itself a token; remove it`,
      ],
    ]),
    ...Object.keys(env)
      .filter((name) => Object.hasOwn(ownedByOidc, name))
      .map(
        (name) =>
          `auth.plugin.env has ${name}, which the program sets itself; use mlflow-stack:${ownedByOidc[name]}`,
      ),
  ];
}
