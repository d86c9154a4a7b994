// The password of a managed database: generated, given, found in an existing Secret, or left by an earlier stack.
import * as pulumi from '@pulumi/pulumi';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import type { DatabaseArgs } from '../clouds/cloud.ts';
import type { Settings } from '../config.ts';
import { dataOptions } from '../lib/data-protection.ts';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import { databaseSecret } from '../lib/names.ts';
import type { GeneratedSecrets, SecretKey } from './connections.ts';
import { secretValue } from './secret-value.ts';

export interface DatabaseCredentials {
  readonly password: pulumi.Output<string>;
  /** Where pods find it. */
  readonly key: SecretKey;
  /** It, where nobody else keeps it. */
  readonly generated?: GeneratedSecrets;
}

export interface CredentialsArgs extends DatabaseArgs {
  readonly settings: Settings;
  /** Whether the user is there already, so that no new password would let anybody in. */
  readonly isKnown: boolean;
}

/** @throws RunError when nobody knows the password of an instance that is there already. */
export function databaseCredentials(
  name: string,
  args: CredentialsArgs,
  opts: pulumi.ComponentResourceOptions,
): DatabaseCredentials {
  const { passwordFrom } = args;
  const { dataProtection } = args.settings;
  const metadata = { namespace: args.namespace, labels: objectLabels('database') };
  if (passwordFrom !== undefined) {
    const password = secretValue(`${name}-credentials`, args.namespace, passwordFrom, opts);
    return { password, key: passwordFrom };
  }
  const password = pulumi.secret(ownPassword(name, args, opts));
  const secret = new Secret(
    `${name}-credentials`,
    { metadata, type: 'Opaque', stringData: { password } },
    opts,
  );
  if (dataProtection !== 'delete')
    // By a name that a later stack knows, which finds the data again.
    new Secret(
      `${name}-kept-credentials`,
      {
        metadata: { ...metadata, name: databaseSecret, annotations: overruleOthers },
        type: 'Opaque',
        stringData: { password },
      },
      { ...opts, ...dataOptions(dataProtection) },
    );
  return {
    password,
    key: { secretName: secret.metadata.name, key: 'password' },
    generated: { 'database-password': password },
  };
}

function ownPassword(
  name: string,
  { settings, keptPassword, isKnown }: CredentialsArgs,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Input<string> {
  const { password, existingInstance = '' } = settings.backendStore;
  if (password !== undefined) return password;
  if (!isKnown)
    return new RandomPassword(
      `${name}-password`,
      { length: 32, special: false, keepers: { rotation: String(settings.secrets.rotation.database) } },
      opts,
    ).result;
  if (keptPassword === undefined)
    throw new pulumi.RunError(
      `mlflow-stack:backendStore.existingInstance is ${existingInstance}, but Secret ${databaseSecret}, which a stack leaves ` +
        'with its data, is not in the namespace; give its password in backendStore.password or passwordFrom, ' +
        'or name database-password in secrets.existing where a secret manager has it',
    );
  return keptPassword;
}
