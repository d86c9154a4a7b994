// The bucket: private, encrypted, versioned.
import * as pulumi from '@pulumi/pulumi';
import { CryptoKeyIAMMember } from '@pulumi/gcp/kms/cryptoKeyIAMMember.js';
import { Bucket } from '@pulumi/gcp/storage/bucket.js';
import { BucketIAMMember } from '@pulumi/gcp/storage/bucketIAMMember.js';
import { getProjectServiceAccountOutput } from '@pulumi/gcp/storage/getProjectServiceAccount.js';
import { RandomId } from '@pulumi/random/randomId.js';
import { credentials } from '../../components/artifact-store.ts';
import type { ArtifactConnection } from '../../components/connections.ts';
import { dataOptions, guardOptions } from '../../lib/data-protection.ts';
import { cloudName } from '../../lib/labels.ts';
import { accountFileKey } from '../../lib/names.ts';
import type { GcpContext } from './context.ts';

export function bucket(
  context: GcpContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): Omit<ArtifactConnection, 'mode'> {
  const { settings, gcp } = context;
  const { prefix, existingBucket, kmsKeyName, readBuckets } = settings.artifactStore;
  const own = context.after(['storage'], opts);
  const bucketName = existingBucket ?? newBucket(context, name, own);
  const none = { settings: {}, secrets: {}, volumes: [], volumeMounts: [] };
  const access =
    settings.identity.kind === 'keys'
      ? credentials({
          secretName: settings.identity.secretName,
          keys: [],
          googleCredentialsKey: accountFileKey,
        })
      : none;
  return {
    ...access,
    bucket: { name: bucketName, prefix, keyId: kmsKeyName, readBuckets },
    uri: pulumi.interpolate`gs://${bucketName}/${prefix}`,
    settings: { ...access.settings, GOOGLE_CLOUD_PROJECT: gcp.project },
  };
}

/** Returns its name, known only once it is there. */
function newBucket(
  context: GcpContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { settings, gcp, labels } = context;
  const { artifactStore, dataProtection } = settings;
  const { bucketName, kmsKeyName, versioning, noncurrentDays, abortMultipartDays, transition } =
    artifactStore;
  const id = new RandomId(`${name}-bucket-id`, { byteLength: 12 }, opts);
  const key = kmsKeyName === undefined ? undefined : keyAccess(context, name, kmsKeyName, opts);
  const logs = artifactStore.accessLogging ? logBucket(context, name, id, opts) : undefined;
  return new Bucket(
    `${name}-bucket`,
    {
      ...privately,
      name: bucketName ?? id.hex.apply((hex) => `${cloudName(38)}-${hex}`),
      location: gcp.region.toUpperCase(),
      labels,
      versioning: { enabled: versioning },
      lifecycleRules: [
        {
          action: { type: 'Delete' },
          condition: { daysSinceNoncurrentTime: noncurrentDays, withState: 'ARCHIVED' },
        },
        { action: { type: 'AbortIncompleteMultipartUpload' }, condition: { age: abortMultipartDays } },
        ...(transition === undefined
          ? []
          : [
              {
                action: { type: 'SetStorageClass', storageClass: transition.storageClass },
                condition: { age: transition.days, withState: 'LIVE' },
              },
            ]),
      ],
      ...(kmsKeyName !== undefined && { encryption: { defaultKmsKeyName: kmsKeyName } }),
      ...(logs !== undefined && { logging: { logBucket: logs, logObjectPrefix: 'access' } }),
      forceDestroy: dataProtection === 'delete',
    },
    pulumi.mergeOptions(opts, {
      ...dataOptions(dataProtection),
      ...(key !== undefined && { dependsOn: key }),
    }),
  ).name;
}

/** Nobody gets in by lists of access or as one of all users, whatever is granted. */
const privately = { uniformBucketLevelAccess: true, publicAccessPrevention: 'enforced' } as const;

/** Storage itself uses the key, for those who may read and write. */
function keyAccess(
  { settings, provider }: GcpContext,
  name: string,
  cryptoKeyId: string,
  opts: pulumi.ComponentResourceOptions,
): CryptoKeyIAMMember {
  const { emailAddress } = getProjectServiceAccountOutput({}, { provider });
  return new CryptoKeyIAMMember(
    `${name}-bucket-key-access`,
    {
      cryptoKeyId,
      role: 'roles/cloudkms.cryptoKeyEncrypterDecrypter',
      member: pulumi.interpolate`serviceAccount:${emailAddress}`,
    },
    { ...opts, ...guardOptions(settings.dataProtection) },
  );
}

/** A bucket of its own for the log of each access, which Google delivers. https://cloud.google.com/storage/docs/access-logs */
function logBucket(
  { settings, gcp, labels }: GcpContext,
  name: string,
  id: RandomId,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { dataProtection, logRetentionDays } = settings;
  const logs = new Bucket(
    `${name}-logs`,
    {
      ...privately,
      name: id.hex.apply((hex) => `${cloudName(33)}-logs-${hex}`),
      location: gcp.region.toUpperCase(),
      labels,
      lifecycleRules: [{ action: { type: 'Delete' }, condition: { age: logRetentionDays } }],
      forceDestroy: dataProtection === 'delete',
    },
    { ...opts, ...dataOptions(dataProtection) },
  );
  new BucketIAMMember(
    `${name}-logs-delivery`,
    {
      bucket: logs.name,
      role: 'roles/storage.objectCreator',
      member: 'group:cloud-storage-analytics@google.com',
    },
    { ...opts, ...guardOptions(dataProtection) },
  );
  return logs.name;
}
