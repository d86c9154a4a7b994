// The bucket: private, encrypted, versioned, reached over TLS alone.
import * as pulumi from '@pulumi/pulumi';
import { Bucket } from '@pulumi/aws/s3/bucket.js';
import { BucketLifecycleConfiguration } from '@pulumi/aws/s3/bucketLifecycleConfiguration.js';
import { BucketLogging } from '@pulumi/aws/s3/bucketLogging.js';
import { BucketOwnershipControls } from '@pulumi/aws/s3/bucketOwnershipControls.js';
import { BucketPolicy } from '@pulumi/aws/s3/bucketPolicy.js';
import { BucketPublicAccessBlock } from '@pulumi/aws/s3/bucketPublicAccessBlock.js';
import { BucketServerSideEncryptionConfiguration } from '@pulumi/aws/s3/bucketServerSideEncryptionConfiguration.js';
import { BucketVersioning } from '@pulumi/aws/s3/bucketVersioning.js';
import { RandomId } from '@pulumi/random/randomId.js';
import type { ArtifactConnection, SecretKey } from '../../components/connections.ts';
import { dataOptions, guardOptions } from '../../lib/data-protection.ts';
import { cloudName } from '../../lib/labels.ts';
import type { AwsContext } from './context.ts';
import { logDelivery, policyDocument, tlsOnly } from './policies.ts';

export function bucket(
  context: AwsContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): Omit<ArtifactConnection, 'mode'> {
  const { settings, region, accountId } = context;
  const { prefix, existingBucket, kmsKeyArn, readBuckets } = settings.artifactStore;
  const bucketName = existingBucket ?? newBucket(context, name, opts);
  return {
    bucket: { name: bucketName, prefix, keyId: kmsKeyArn, readBuckets },
    uri: pulumi.interpolate`s3://${bucketName}/${prefix}`,
    settings: {
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      // A bucket of this name that is somebody else's is none.
      MLFLOW_S3_EXPECTED_BUCKET_OWNER: accountId,
    },
    secrets: settings.identity.kind === 'keys' ? keys(settings.identity.secretName) : {},
    volumes: [],
    volumeMounts: [],
  };
}

/** The four fields of the Secret, and the name by which older SDKs know the region. */
function keys(secretName: string): Record<string, SecretKey> {
  const key = (name: string): SecretKey => ({ secretName, key: name });
  return {
    AWS_ACCESS_KEY_ID: key('AWS_ACCESS_KEY_ID'),
    AWS_SECRET_ACCESS_KEY: key('AWS_SECRET_ACCESS_KEY'),
    AWS_REGION: key('AWS_REGION'),
    AWS_DEFAULT_REGION: key('AWS_REGION'),
    AWS_S3_BUCKET: key('AWS_S3_BUCKET'),
  };
}

function newBucket(
  context: AwsContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { artifactStore, logRetentionDays } = context.settings;
  const { bucketName, kmsKeyArn, versioning, noncurrentDays, abortMultipartDays, transition } = artifactStore;
  const id = new RandomId(`${name}-bucket-id`, { byteLength: 12 }, opts);
  const generated = id.hex.apply((hex) => `${cloudName(38)}-${hex}`);
  const store = privateBucket(context, `${name}-bucket`, bucketName ?? generated, { kmsKeyArn }, opts);
  const own = { ...opts, ...store.options };
  const versions = new BucketVersioning(
    `${name}-bucket-versioning`,
    {
      bucket: store.bucket,
      // A bucket that never had versions is `Disabled`, and cannot be again once it had.
      versioningConfiguration: { status: versioning ? 'Enabled' : 'Suspended' },
    },
    // MFA delete can be switched by nobody but the root user of the account, outside of Pulumi: docs/aws.md#mfa-delete
    { ...own, ignoreChanges: ['mfa', 'versioningConfiguration.mfaDelete'] },
  );
  new BucketLifecycleConfiguration(
    `${name}-bucket-lifecycle`,
    {
      bucket: store.bucket,
      rules: [
        {
          id: 'unfinished-uploads',
          status: 'Enabled',
          filter: {},
          abortIncompleteMultipartUpload: { daysAfterInitiation: abortMultipartDays },
        },
        {
          id: 'old-versions',
          status: 'Enabled',
          filter: {},
          noncurrentVersionExpiration: { noncurrentDays },
          expiration: { expiredObjectDeleteMarker: true },
        },
        ...(transition === undefined
          ? []
          : [{ id: 'older-files', status: 'Enabled', filter: {}, transitions: [{ ...transition }] }]),
      ],
    },
    { ...own, dependsOn: [versions] },
  );
  new BucketPolicy(
    `${name}-bucket-policy`,
    { bucket: store.bucket, policy: store.arn.apply((arn) => policyDocument(tlsOnly(arn))) },
    { ...own, dependsOn: [store.accessBlock] },
  );
  if (artifactStore.accessLogging) {
    accessLogs(context, name, { ...store, id, days: logRetentionDays }, opts);
  }
  return store.bucket;
}

interface PrivateBucket {
  readonly bucket: pulumi.Output<string>;
  readonly arn: pulumi.Output<string>;
  readonly accessBlock: BucketPublicAccessBlock;
  /** Options of whatever guards the bucket: it must not become open while its data is retained. */
  readonly options: pulumi.ResourceOptions;
}

/** Nobody outside the account reads it, whatever policies and lists of access say. */
export function privateBucket(
  { settings }: AwsContext,
  name: string,
  bucket: pulumi.Input<string>,
  { kmsKeyArn }: { readonly kmsKeyArn?: string | undefined },
  opts: pulumi.ComponentResourceOptions,
): PrivateBucket {
  const { dataProtection } = settings;
  const options = guardOptions(dataProtection);
  const own = { ...opts, ...options };
  const made = new Bucket(
    name,
    { bucket, forceDestroy: dataProtection === 'delete' },
    { ...opts, ...dataOptions(dataProtection) },
  );
  const accessBlock = new BucketPublicAccessBlock(
    `${name}-access-block`,
    {
      bucket: made.bucket,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    own,
  );
  new BucketOwnershipControls(
    `${name}-ownership`,
    { bucket: made.bucket, rule: { objectOwnership: 'BucketOwnerEnforced' } },
    own,
  );
  new BucketServerSideEncryptionConfiguration(
    `${name}-encryption`,
    {
      bucket: made.bucket,
      rules: [
        kmsKeyArn === undefined
          ? { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }
          : {
              applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: kmsKeyArn },
              // One request to the key for many files.
              bucketKeyEnabled: true,
            },
      ],
    },
    own,
  );
  return { bucket: made.bucket, arn: made.arn, accessBlock, options };
}

/** A bucket of its own for the log of each access. S3 delivers to none that is encrypted by a key of the user. */
function accessLogs(
  context: AwsContext,
  name: string,
  source: PrivateBucket & { readonly id: RandomId; readonly days: number },
  opts: pulumi.ComponentResourceOptions,
): void {
  const bucketName = source.id.hex.apply((hex) => `${cloudName(33)}-logs-${hex}`);
  const logs = privateBucket(context, `${name}-logs`, bucketName, {}, opts);
  const own = { ...opts, ...logs.options };
  new BucketLifecycleConfiguration(
    `${name}-logs-lifecycle`,
    {
      bucket: logs.bucket,
      rules: [{ id: 'old-logs', status: 'Enabled', filter: {}, expiration: { days: source.days } }],
    },
    own,
  );
  const policy = new BucketPolicy(
    `${name}-logs-policy`,
    {
      bucket: logs.bucket,
      policy: pulumi
        .all([logs.arn, source.arn])
        .apply(([arn, sourceArn]) =>
          policyDocument(logDelivery(arn, sourceArn, context.accountId), tlsOnly(arn)),
        ),
    },
    { ...own, dependsOn: [logs.accessBlock] },
  );
  new BucketLogging(
    `${name}-bucket-logging`,
    { bucket: source.bucket, targetBucket: logs.bucket, targetPrefix: 'access/' },
    { ...own, dependsOn: [policy] },
  );
}
