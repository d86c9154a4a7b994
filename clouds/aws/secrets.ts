// Secrets Manager: keeps what the stack generates, for as long as the data.
import type * as pulumi from '@pulumi/pulumi';
import { getSecretVersion } from '@pulumi/aws/secretsmanager/getSecretVersion.js';
import { Secret } from '@pulumi/aws/secretsmanager/secret.js';
import { SecretVersion } from '@pulumi/aws/secretsmanager/secretVersion.js';
import { dataOptions, guardOptions } from '../../lib/data-protection.ts';
import type { KeptSecret } from '../../lib/kept-secrets.ts';
import type { GeneratedSecrets } from '../../components/connections.ts';
import type { KeptNames, KeptValues } from '../cloud.ts';
import { keepEach, keptSecretName, readKept } from '../kept-secrets.ts';
import type { AwsContext } from './context.ts';

export function keepSecrets(
  context: AwsContext,
  name: string,
  values: GeneratedSecrets,
  opts: pulumi.ComponentResourceOptions,
): KeptNames {
  return keepEach(values, (what, value) => keepSecret(context, `${name}-${what}`, what, value, opts));
}

/** Returns the name of the secret, known only once it has its value. */
function keepSecret(
  { settings }: AwsContext,
  name: string,
  what: KeptSecret,
  value: pulumi.Input<string>,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { artifactStore, dataProtection, secrets } = settings;
  const secretName = keptSecretName(what);
  const secretId = secrets.existing.includes(what)
    ? secretName
    : new Secret(
        `${name}-secret`,
        {
          name: secretName,
          description: `${what} of MLflow`,
          ...(artifactStore.kmsKeyArn !== undefined && { kmsKeyId: artifactStore.kmsKeyArn }),
          // A name stays taken until the window is over.
          recoveryWindowInDays: dataProtection === 'delete' ? 0 : 30,
        },
        { ...opts, ...dataOptions(dataProtection) },
      ).arn;
  const version = new SecretVersion(
    `${name}-version`,
    { secretId, secretString: value },
    // One that is protected could not be replaced by the next.
    { ...opts, ...guardOptions(dataProtection) },
  );
  return version.secretArn.apply(() => secretName);
}

export const keptValues = ({ settings, provider }: AwsContext): Promise<KeptValues> =>
  readKept('Secrets Manager', settings, async (secretId) => {
    const { secretString } = await getSecretVersion({ secretId }, { provider });
    return secretString;
  });
