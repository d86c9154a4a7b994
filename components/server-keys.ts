// ServerKeys: what the server keeps secret. Keys that data depends on are made once and never again: without the passphrase
// that encrypted them, the API keys in the database are lost.
import * as pulumi from '@pulumi/pulumi';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { RandomBytes } from '@pulumi/random/randomBytes.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { type DataProtection, dataOptions } from '../lib/data-protection.ts';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import { names } from '../lib/names.ts';
import type { GeneratedSecrets, SecretKey, Variables } from './connections.ts';

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
  readonly dataProtection: DataProtection;
}

export class ServerKeys extends pulumi.ComponentResource {
  /** Variables of the server. */
  public readonly variables: Variables;
  /** Key of the browser sessions, one of them. */
  public readonly sessionKey: SecretKey;
  /** Those keys that no existing Secret holds. */
  public readonly generated: GeneratedSecrets;

  constructor(name: string, args: ServerKeysArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:ServerKeys', name, recordedArgs(args), opts);
    const { values, keyOf } = generatedKeys(name, args, this);
    this.sessionKey = args.flaskKeyFrom ?? keyOf('flask-key');
    this.variables = {
      settings: { MLFLOW_CRYPTO_KEK_VERSION: String(args.kekVersion) },
      secrets: {
        MLFLOW_FLASK_SERVER_SECRET_KEY: this.sessionKey,
        MLFLOW_CRYPTO_KEK_PASSPHRASE: args.kekPassphraseFrom ?? keyOf('kek-passphrase'),
        MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: args.webhookKeyFrom ?? keyOf('webhook-key'),
      },
    };
    this.generated = {
      ...(args.flaskKeyFrom === undefined && { 'flask-key': values['flask-key'] }),
      ...(args.kekPassphraseFrom === undefined && { 'kek-passphrase': values['kek-passphrase'] }),
      ...(args.webhookKeyFrom === undefined && { 'webhook-key': values['webhook-key'] }),
    };
    this.registerOutputs({});
  }
}

/** Args as the state keeps them: without what was only found in the cluster. */
function recordedArgs({ existing: _, ...args }: ServerKeysArgs): pulumi.Inputs {
  return args;
}

type ServerKey = 'flask-key' | 'kek-passphrase' | 'webhook-key';

/**
 * One Secret with a name that never changes. What it holds in the cluster wins over what is generated here: the two differ
 * only when a stack finds the data of an earlier one.
 */
function generatedKeys(name: string, args: ServerKeysArgs, parent: pulumi.Resource) {
  const password = (key: string) =>
    new RandomPassword(`${name}-${key}`, { length: 48, special: false }, { parent }).result;
  const bytes = new RandomBytes(`${name}-webhook-key`, { length: 32 }, { parent });
  const kept = (key: ServerKey, made: pulumi.Output<string>) => pulumi.secret(args.existing[key] ?? made);
  const values: Record<ServerKey, pulumi.Output<string>> = {
    'flask-key': kept('flask-key', password('flask-key')),
    'kek-passphrase': kept('kek-passphrase', password('kek-passphrase')),
    // A Fernet key: https://cryptography.io/en/latest/fernet/#cryptography.fernet.Fernet
    'webhook-key': kept(
      'webhook-key',
      bytes.base64.apply((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
    ),
  };
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
      stringData: values,
    },
    { parent, ...dataOptions(args.dataProtection) },
  );
  return { values, keyOf: (key: ServerKey): SecretKey => ({ secretName: secret.metadata.name, key }) };
}
