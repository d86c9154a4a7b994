// Secret Manager: keeps what the stack generates, for as long as the data, in the region of the stores.
import * as pulumi from '@pulumi/pulumi';
import { CryptoKeyIAMMember } from '@pulumi/gcp/kms/cryptoKeyIAMMember.js';
import { ServiceIdentity } from '@pulumi/gcp/projects/serviceIdentity.js';
import { getSecretVersion } from '@pulumi/gcp/secretmanager/getSecretVersion.js';
import { Secret } from '@pulumi/gcp/secretmanager/secret.js';
import { SecretVersion } from '@pulumi/gcp/secretmanager/secretVersion.js';
import { dataOptions, guardOptions } from '../../lib/data-protection.ts';
import type { KeptSecret } from '../../lib/kept-secrets.ts';
import type { GeneratedSecrets } from '../../components/connections.ts';
import type { KeptNames, KeptValues } from '../cloud.ts';
import { keepEach, keptSecretName, readKept } from '../kept-secrets.ts';
import type { GcpContext } from './context.ts';

export function keepSecrets(
  context: GcpContext,
  name: string,
  values: GeneratedSecrets,
  opts: pulumi.ComponentResourceOptions,
): KeptNames {
  const own = context.after(['secretmanager'], opts);
  const key = keyAccess(context, name, own);
  return keepEach(values, (what, value) => keepSecret(context, `${name}-${what}`, what, value, key, own));
}

/** Returns the name of the secret, known only once it has its value. */
function keepSecret(
  { settings, gcp, labels }: GcpContext,
  name: string,
  what: KeptSecret,
  value: pulumi.Input<string>,
  key: CryptoKeyIAMMember | undefined,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { artifactStore, dataProtection, secrets } = settings;
  const secretId = keptSecretName(what);
  const kmsKeyName = artifactStore.kmsKeyName;
  const secret = secrets.existing.includes(what)
    ? `projects/${gcp.project}/secrets/${secretId}`
    : new Secret(
        `${name}-secret`,
        {
          secretId,
          labels,
          replication: {
            userManaged: {
              replicas: [
                {
                  location: gcp.region,
                  ...(kmsKeyName !== undefined && { customerManagedEncryption: { kmsKeyName } }),
                },
              ],
            },
          },
          deletionProtection: dataProtection !== 'delete',
        },
        pulumi.mergeOptions(opts, {
          ...dataOptions(dataProtection),
          ...(key !== undefined && { dependsOn: key }),
        }),
      ).id;
  const version = new SecretVersion(
    `${name}-version`,
    { secret, secretData: value },
    // One that is protected could not be replaced by the next.
    { ...opts, ...guardOptions(dataProtection) },
  );
  return version.name.apply(() => secretId);
}

/** Secret Manager itself uses the key, for those who may read. */
function keyAccess(
  { settings }: GcpContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): CryptoKeyIAMMember | undefined {
  const { artifactStore, dataProtection } = settings;
  if (artifactStore.kmsKeyName === undefined) return undefined;
  const own = { ...opts, ...guardOptions(dataProtection) };
  const { member } = new ServiceIdentity(`${name}-service`, { service: 'secretmanager.googleapis.com' }, own);
  return new CryptoKeyIAMMember(
    `${name}-key-access`,
    {
      cryptoKeyId: artifactStore.kmsKeyName,
      role: 'roles/cloudkms.cryptoKeyEncrypterDecrypter',
      member,
    },
    own,
  );
}

export const keptValues = ({ settings, provider }: GcpContext): Promise<KeptValues> =>
  readKept('Secret Manager', settings, async (secret) => {
    const { secretData } = await getSecretVersion({ secret }, { provider });
    return secretData;
  });
