// What all kinds of log-in share: where they sit in the stack, and users with passwords that nobody chose.
import * as pulumi from '@pulumi/pulumi';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { htpasswdLine } from '../lib/htpasswd.ts';
import { objectLabels } from '../lib/labels.ts';
import type { AuthConnection, GeneratedSecrets, SecretKey, Variables } from './connections.ts';

/** What log-ins follow from outside of them. */
export interface AuthWiring {
  readonly namespace: pulumi.Input<string>;
  /** Key of the browser sessions. */
  readonly sessionKey: SecretKey;
  /** Address that people open, where there is a way in from outside the cluster. */
  readonly url?: string | undefined;
  /** Path under which UI and API live; empty for none. */
  readonly staticPrefix: string;
  readonly readinessPath: 'health' | 'server-info';
  /** Key of the certificates of further authorities, which every pod mounts. */
  readonly caBundleKey?: string | undefined;
  /** Connections that a process keeps per store, and beyond that under load. */
  readonly poolSize: number;
  readonly maxOverflow: number;
  /** Which of the stack's own programs have to log in. */
  readonly gc: boolean;
  readonly metrics: boolean;
  /** Namespaces whose programs log in. */
  readonly clients: readonly string[];
}

/** What a kind of log-in hands on. */
export interface SignIn {
  /** For the pods. Default: they ask nobody. */
  readonly connection?: AuthConnection;
  /** Password of the first administrator, where there is one and no existing Secret holds it. */
  readonly adminPassword?: pulumi.Output<string> | undefined;
  /** Users of the settings, with the passwords that were generated for them. */
  readonly users?: readonly GeneratedUser[];
  /** Those of the stack's own programs. */
  readonly programs?: readonly GeneratedUser[];
  /** Users of programs, by namespace. */
  readonly clients?: Readonly<Record<string, GeneratedUser>>;
  /** What was made secret beside passwords of users. */
  readonly generated?: GeneratedSecrets;
}

export interface GeneratedUser {
  readonly username: string;
  readonly password: pulumi.Output<string>;
}

export function generatedUser(name: string, username: string, parent: pulumi.Resource): GeneratedUser {
  const { result } = new RandomPassword(`${name}-password`, { length: 32, special: false }, { parent });
  return { username, password: pulumi.secret(result) };
}

/** The user of one of the stack's own programs, in a Secret with the keys `username` and `password`. */
export interface OwnUser extends GeneratedUser {
  readonly secretName: pulumi.Output<string>;
}

/** Undefined where the program is off. */
export function ownUser(
  name: string,
  program: 'gc' | 'metrics',
  wiring: AuthWiring,
  parent: pulumi.Resource,
): OwnUser | undefined {
  return wiring[program] ? storedUser(name, program, wiring, parent) : undefined;
}

/** A user `mlflow-<purpose>` with a Secret in the namespace of the stack. */
export function storedUser(
  name: string,
  purpose: string,
  wiring: AuthWiring,
  parent: pulumi.Resource,
): OwnUser {
  const user = generatedUser(`${name}-${purpose}`, `mlflow-${purpose}`, parent);
  // A name that changes with the password makes new pods.
  const secret = new Secret(
    `${name}-${purpose}`,
    {
      metadata: { namespace: wiring.namespace, labels: objectLabels('auth') },
      type: 'kubernetes.io/basic-auth',
      stringData: { ...user },
    },
    { parent },
  );
  return { ...user, secretName: secret.metadata.name };
}

/** `<prefix>_USERNAME` and `<prefix>_PASSWORD`; none for no user. */
export function userVariables(prefix: string, user: OwnUser | undefined): Variables {
  if (user === undefined) return noVariables;
  return {
    settings: { [`${prefix}_USERNAME`]: user.username },
    secrets: { [`${prefix}_PASSWORD`]: { secretName: user.secretName, key: 'password' } },
  };
}

export const noVariables: Variables = { settings: {}, secrets: {} };

export function mergedVariables(...parts: readonly Variables[]): Variables {
  return {
    settings: Object.assign({}, ...parts.map(({ settings }) => settings)) as Variables['settings'],
    secrets: Object.assign({}, ...parts.map(({ secrets }) => secrets)) as Variables['secrets'],
  };
}

/** Key of an htpasswd file in its Secret: where ingress-nginx looks. Traefik takes any, where it is the only one. */
export const htpasswdKey = 'auth';

export function htpasswdSecret(
  name: string,
  metadata: { readonly name?: string; readonly namespace: pulumi.Input<string> },
  users: readonly GeneratedUser[],
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const lines = users.map(({ username, password }) => password.apply((text) => htpasswdLine(username, text)));
  const secret = new Secret(
    `${name}-htpasswd`,
    {
      metadata: { ...metadata, labels: objectLabels('auth') },
      type: 'Opaque',
      stringData: { [htpasswdKey]: pulumi.all(lines).apply((all) => `${all.join('\n')}\n`) },
    },
    { parent },
  );
  return secret.metadata.name;
}
