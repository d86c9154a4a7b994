// Kind plugin: an auth plug-in in MLflow's image, behind a guard that checks Host and Origin as MLflow's own app does, and
// that shows metrics to their scraper alone, which plug-ins leave open.
import type * as pulumi from '@pulumi/pulumi';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { authDatabase, oidcAuth } from '../lib/auth.ts';
import type { Variables } from './connections.ts';
import {
  type AuthWiring,
  type SignIn,
  mergedVariables,
  noVariables,
  ownUser,
  userVariables,
} from './sign-in.ts';

export interface PluginArgs {
  /** The plug-in's app. Its image is the server's. */
  readonly appName?: string | undefined;
  /** Its variables, none of them secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly envFrom: readonly core.v1.EnvFromSource[];
  /** By which garbage collection logs in: keys of an existing Secret become variables of the same name. */
  readonly credentialsFrom?: { readonly secretName: string; readonly keys: readonly string[] } | undefined;
}

export interface PluginAuthArgs {
  readonly plugin: PluginArgs;
  readonly defaultPermission: string;
}

export function pluginAuth(
  name: string,
  { plugin, defaultPermission }: PluginAuthArgs,
  wiring: AuthWiring,
  parent: pulumi.Resource,
): SignIn {
  const { appName = '' } = plugin;
  const scraper = ownUser(name, 'metrics', wiring, parent);
  const preset = appName === oidcAuth ? oidcVariables(defaultPermission, wiring) : noVariables;
  return {
    programs: scraper === undefined ? [] : [scraper],
    connection: {
      // Of the guard, which the pod writes down where MLflow looks for plug-ins.
      appName: 'mlflow-stack',
      settings: databaseSettings(appName),
      server: mergedVariables(
        { settings: { GUARDED_APP: appName }, secrets: {} },
        userVariables('METRICS', scraper),
        preset,
        { settings: plugin.env, secrets: {} },
      ),
      serverEnvFrom: plugin.envFrom,
      migration: noVariables,
      gc: wiring.gc ? credentials(plugin) : noVariables,
      scraperSecretName: scraper?.secretName,
    },
  };
}

function databaseSettings(appName: string): Record<string, string> {
  const database = authDatabase({ kind: 'plugin', plugin: { appName } });
  return database === undefined ? {} : { AUTH_APP: appName, AUTH_DATABASE: database };
}

/** https://github.com/mlflow-oidc/mlflow-oidc-auth/blob/main/docs/configuration.md; its database is in the pod's hands. */
function oidcVariables(defaultPermission: string, wiring: AuthWiring): Variables {
  const { url } = wiring;
  return {
    settings: {
      // From MLflow's address to the provider and back, without a page of the plug-in in between.
      AUTOMATIC_LOGIN_REDIRECT: 'true',
      DEFAULT_LANDING_PAGE_IS_PERMISSIONS: 'false',
      DEFAULT_MLFLOW_PERMISSION: defaultPermission,
      OIDC_DB_POOL_MAX_OVERFLOW: String(wiring.maxOverflow),
      OIDC_DB_POOL_SIZE: String(wiring.poolSize),
      ...(url === undefined
        ? {}
        : {
            // Its own pages are not below the static prefix.
            OIDC_REDIRECT_URI: `${url}/callback`,
            SESSION_COOKIE_SECURE: String(url.startsWith('https:')),
          }),
    },
    secrets: { SECRET_KEY: wiring.sessionKey },
  };
}

function credentials({ credentialsFrom }: PluginArgs): Variables {
  if (credentialsFrom === undefined) return noVariables;
  const { secretName, keys } = credentialsFrom;
  return { settings: {}, secrets: Object.fromEntries(keys.map((key) => [key, { secretName, key }])) };
}
