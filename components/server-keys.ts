// ServerKeys: what the server keeps secret. Keys that data depends on are made once and never again: without the passphrase
// that encrypted them, the API keys in the database are lost.
import * as pulumi from '@pulumi/pulumi';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { RandomBytes } from '@pulumi/random/randomBytes.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { type DataProtection, dataOptions } from '../lib/data-protection.ts';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import { names } from '../lib/names.ts';
import type { AuthConnection, SecretKey, Variables } from './connections.ts';

export interface ServerKeysArgs {
  readonly namespace: pulumi.Input<string>;
  /** What the Secret in the cluster holds already: it was retained when the stack was destroyed, together with the data. */
  readonly existing: Readonly<Record<string, string>>;
  /** Existing Secrets in place of generated keys. */
  readonly flaskKeyFrom?: SecretKey | undefined;
  readonly kekPassphraseFrom?: SecretKey | undefined;
  readonly webhookKeyFrom?: SecretKey | undefined;
  /** Version of the passphrase. */
  readonly kekVersion: number;
  readonly auth: {
    /** `basic`: MLflow's own users. */
    readonly kind: 'none' | 'basic';
    readonly adminUsername: string;
    readonly adminPassword?: pulumi.Input<string> | undefined;
    readonly adminPasswordFrom?: SecretKey | undefined;
    readonly defaultPermission: string;
    readonly cacheSeconds: number;
  };
  readonly rotation: {
    /** A new number makes a new password of the administrator. */
    readonly admin: number;
  };
  readonly dataProtection: DataProtection;
}

export class ServerKeys extends pulumi.ComponentResource {
  /** Variables of the server. */
  public readonly variables: Variables;
  public readonly auth: AuthConnection | undefined;
  /** Password of the first administrator; undefined where there are no users, or an existing Secret holds it. */
  public readonly adminPassword: pulumi.Output<string> | undefined;

  constructor(name: string, args: ServerKeysArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:ServerKeys', name, recordedArgs(args), opts);
    const generated = generatedKeys(name, args, this);
    this.variables = {
      settings: { MLFLOW_CRYPTO_KEK_VERSION: String(args.kekVersion) },
      secrets: {
        MLFLOW_FLASK_SERVER_SECRET_KEY: args.flaskKeyFrom ?? generated('flask-key'),
        MLFLOW_CRYPTO_KEK_PASSPHRASE: args.kekPassphraseFrom ?? generated('kek-passphrase'),
        MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: args.webhookKeyFrom ?? generated('webhook-key'),
      },
    };
    if (args.auth.kind === 'basic') {
      const { adminUsername, adminPasswordFrom, defaultPermission, cacheSeconds } = args.auth;
      const admin =
        adminPasswordFrom === undefined ? adminSecret(name, args, this) : { key: adminPasswordFrom };
      this.adminPassword = 'password' in admin ? admin.password : undefined;
      this.auth = {
        adminUsername,
        adminPassword: admin.key,
        database: 'mlflow_auth',
        defaultPermission,
        cacheSeconds,
      };
    }
    this.registerOutputs({});
  }
}

/** Args as the state keeps them: encrypted where they are secret, and without what was only found there. */
function recordedArgs({ existing: _, auth, ...args }: ServerKeysArgs): pulumi.Inputs {
  return { ...args, auth: pulumi.secret(auth) };
}

/**
 * One Secret with a name that never changes. What it holds in the cluster wins over what is generated here: the two differ
 * only when a stack finds the data of an earlier one.
 */
function generatedKeys(
  name: string,
  args: ServerKeysArgs,
  parent: pulumi.Resource,
): (key: string) => SecretKey {
  const password = (key: string) =>
    new RandomPassword(`${name}-${key}`, { length: 48, special: false }, { parent }).result;
  const bytes = new RandomBytes(`${name}-webhook-key`, { length: 32 }, { parent });
  const made: Record<string, pulumi.Output<string>> = {
    'flask-key': password('flask-key'),
    'kek-passphrase': password('kek-passphrase'),
    // A Fernet key: https://cryptography.io/en/latest/fernet/#cryptography.fernet.Fernet
    'webhook-key': bytes.base64.apply((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  };
  const stringData = Object.fromEntries(
    Object.entries(made).map(([key, value]) => [key, pulumi.secret(args.existing[key] ?? value)]),
  );
  const secret = new Secret(
    `${name}-secret`,
    {
      metadata: {
        name: names.keys,
        namespace: args.namespace,
        labels: objectLabels('keys'),
        annotations: overruleOthers,
      },
      type: 'Opaque',
      stringData,
    },
    { parent, ...dataOptions(args.dataProtection) },
  );
  return (key) => ({ secretName: secret.metadata.name, key });
}

function adminSecret(
  name: string,
  { namespace, auth, rotation }: ServerKeysArgs,
  parent: pulumi.Resource,
): { key: SecretKey; password: pulumi.Output<string> } {
  const password = pulumi.secret(
    auth.adminPassword ??
      new RandomPassword(
        `${name}-admin-password`,
        { length: 24, special: false, keepers: { rotation: String(rotation.admin) } },
        { parent },
      ).result,
  );
  // A name that changes with the password makes new pods.
  const secret = new Secret(
    `${name}-admin`,
    {
      metadata: { namespace, labels: objectLabels('keys') },
      type: 'Opaque',
      stringData: { password },
    },
    { parent },
  );
  return { key: { secretName: secret.metadata.name, key: 'password' }, password };
}
