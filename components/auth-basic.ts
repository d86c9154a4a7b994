// Kind basic: MLflow's own users and permissions, in a database beside the backend store.
import * as pulumi from '@pulumi/pulumi';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { basicAuth as appName, authDatabase } from '../lib/auth.ts';
import { objectLabels } from '../lib/labels.ts';
import type { SecretKey, Variables } from './connections.ts';
import {
  type AuthWiring,
  type SignIn,
  mergedVariables,
  ownUser,
  storedUser,
  userVariables,
} from './sign-in.ts';

export interface BasicAuthArgs {
  readonly adminUsername: string;
  /** Default: generated. */
  readonly adminPassword?: pulumi.Input<string> | undefined;
  readonly adminPasswordFrom?: SecretKey | undefined;
  /** What users may do with what they were given no permission for. */
  readonly defaultPermission: string;
  /** Seconds that a server remembers a checked password. */
  readonly cacheSeconds: number;
  /** A new number makes a new password of the administrator. */
  readonly rotation: number;
}

export function basicAuth(
  name: string,
  args: BasicAuthArgs,
  wiring: AuthWiring,
  parent: pulumi.Resource,
): SignIn {
  const { adminPasswordFrom } = args;
  const admin =
    adminPasswordFrom === undefined ? adminSecret(name, args, wiring, parent) : { key: adminPasswordFrom };
  const gc = ownUser(name, 'gc', wiring, parent);
  // MLflow shows its metrics to administrators only.
  const scraper = ownUser(name, 'metrics', wiring, parent);
  // Each namespace is a user of its own, so that what one makes is not another's. The migration makes them, without rights.
  const clients = wiring.clients.map(
    (namespace) => [namespace, storedUser(name, `client-${namespace}`, wiring, parent)] as const,
  );
  // The migration makes the user, and the server does not start without the variables.
  const first: Variables = {
    settings: { MLFLOW_AUTH_ADMIN_USERNAME: args.adminUsername },
    secrets: { MLFLOW_AUTH_ADMIN_PASSWORD: admin.key },
  };
  return {
    adminPassword: 'password' in admin ? admin.password : undefined,
    programs: [gc, scraper].filter((user) => user !== undefined),
    ...('password' in admin && { generated: { 'admin-password': admin.password } }),
    clients: Object.fromEntries(clients),
    connection: {
      appName,
      settings: {
        AUTH_APP: appName,
        AUTH_DATABASE: authDatabase({ kind: 'basic' }) ?? '',
        AUTH_CONFIG: authConfig(args),
      },
      server: first,
      serverEnvFrom: [],
      migration: mergedVariables(
        first,
        userVariables('METRICS', scraper),
        ...clients.map(([, user], index) => userVariables(`CLIENT_${index}`, user)),
      ),
      // No other pod sees it: the run itself makes the user.
      gc: userVariables('MLFLOW_TRACKING', gc),
      scraperSecretName: scraper?.secretName,
    },
  };
}

/** Section `[mlflow]` of MLflow's auth.ini but for the database, which the pod adds: its address may hold a password. */
function authConfig({ defaultPermission, cacheSeconds }: BasicAuthArgs): string {
  return [
    `default_permission = ${defaultPermission}`,
    `auth_cache_ttl_seconds = ${cacheSeconds}`,
    // People who had access before workspaces were switched on keep it.
    'grant_default_workspace_access = true',
  ].join('\n');
}

function adminSecret(
  name: string,
  args: BasicAuthArgs,
  { namespace }: AuthWiring,
  parent: pulumi.Resource,
): { key: SecretKey; password: pulumi.Output<string> } {
  const password = pulumi.secret(
    args.adminPassword ??
      new RandomPassword(
        `${name}-admin-password`,
        { length: 24, special: false, keepers: { rotation: String(args.rotation) } },
        { parent },
      ).result,
  );
  // A name that changes with the password makes new pods.
  const secret = new Secret(
    `${name}-admin`,
    {
      metadata: { namespace, labels: objectLabels('auth') },
      type: 'Opaque',
      stringData: { password },
    },
    { parent },
  );
  return { key: { secretName: secret.metadata.name, key: 'password' }, password };
}
