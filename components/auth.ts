// Auth: how people and programs show who they are, by one of the kinds that exclude each other.
import * as pulumi from '@pulumi/pulumi';
import { cloudLogIn } from '../lib/auth.ts';
import { type BasicAuthArgs, basicAuth } from './auth-basic.ts';
import { type PluginArgs, pluginAuth } from './auth-plugin.ts';
import type { AuthConnection, GeneratedSecrets } from './connections.ts';
import { type EdgeAuthArgs, edgeAuth } from './edge-auth.ts';
import { type OAuth2ProxyArgs, oauth2Proxy } from './oauth2-proxy.ts';
import type { AuthWiring, GeneratedUser, SignIn } from './sign-in.ts';

export interface AuthArgs extends BasicAuthArgs {
  readonly kind: 'none' | 'basic' | 'oauth2Proxy' | 'edge' | 'plugin';
  readonly edge: EdgeAuthArgs;
  readonly oauth2Proxy: OAuth2ProxyArgs;
  readonly plugin: PluginArgs;
  readonly wiring: AuthWiring;
}

export class Auth extends pulumi.ComponentResource {
  /** For the pods; undefined where they ask nobody. */
  public readonly connection: AuthConnection | undefined;
  /** Password of the first administrator; undefined where there is none, or an existing Secret holds it. */
  public readonly adminPassword: pulumi.Output<string> | undefined;
  /** Generated passwords by user; undefined where there are none. */
  public readonly passwords: pulumi.Output<Record<string, string>> | undefined;

  /** Users of programs in the cluster, by namespace. */
  public readonly clients: Readonly<Record<string, GeneratedUser>>;
  /** What was made secret, passwords of all users as one JSON text. */
  public readonly generated: GeneratedSecrets;

  constructor(name: string, args: AuthArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:Auth', name, recordedArgs(args), opts);
    const made = signIn(name, args, this);
    const { connection, adminPassword, users = [], programs = [], clients = {} } = made;
    this.connection = connection;
    this.adminPassword = adminPassword;
    this.clients = clients;
    this.passwords = users.length === 0 ? undefined : passwordsByName(users);
    const all = [...users, ...programs, ...Object.values(clients)];
    this.generated = {
      ...made.generated,
      ...(all.length > 0 && { users: pulumi.jsonStringify(passwordsByName(all)) }),
    };
    this.registerOutputs({});
  }
}

/** Args as the state keeps them: encrypted where they are secret. */
function recordedArgs({ adminPassword, ...args }: AuthArgs): pulumi.Inputs {
  return { ...args, ...(adminPassword === undefined ? {} : { adminPassword: pulumi.secret(adminPassword) }) };
}

function signIn(name: string, args: AuthArgs, parent: pulumi.Resource): SignIn {
  switch (args.kind) {
    case 'none':
      return {};
    case 'basic':
      return basicAuth(name, args, args.wiring, parent);
    case 'edge':
      if (cloudLogIn(args.edge) !== undefined) return {};
      return edgeAuth(name, args.edge, args.wiring, parent);
    case 'oauth2Proxy':
      return oauth2Proxy(name, args.oauth2Proxy, args.wiring, parent);
    case 'plugin':
      return pluginAuth(name, args, args.wiring, parent);
  }
}

function passwordsByName(users: readonly GeneratedUser[]): pulumi.Output<Record<string, string>> {
  return pulumi
    .all(users.map(({ password }) => password))
    .apply((passwords) =>
      Object.fromEntries(users.map(({ username }, index) => [username, passwords[index] ?? ''])),
    );
}
