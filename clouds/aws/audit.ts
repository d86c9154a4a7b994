// Who reads and writes files in the bucket, by CloudTrail, in a bucket of its own.
import * as pulumi from '@pulumi/pulumi';
import { Trail } from '@pulumi/aws/cloudtrail/trail.js';
import { BucketLifecycleConfiguration } from '@pulumi/aws/s3/bucketLifecycleConfiguration.js';
import { BucketPolicy } from '@pulumi/aws/s3/bucketPolicy.js';
import { RandomId } from '@pulumi/random/randomId.js';
import type { BucketAccess } from '../../components/connections.ts';
import { cloudName } from '../../lib/labels.ts';
import { privateBucket } from './bucket.ts';
import type { AwsContext } from './context.ts';
import { policyDocument, tlsOnly, trailDelivery } from './policies.ts';

/** Name of the bucket with the log. */
export function auditTrail(
  context: AwsContext,
  name: string,
  { name: watched }: BucketAccess,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { settings, partition, region, accountId } = context;
  const id = new RandomId(`${name}-id`, { byteLength: 12 }, opts);
  const bucketName = id.hex.apply((hex) => `${cloudName(32)}-audit-${hex}`);
  const trailName = id.hex.apply((hex) => `${cloudName(100)}-${hex}`);
  const log = privateBucket(context, `${name}-bucket`, bucketName, {}, opts);
  const own = { ...opts, ...log.options };
  new BucketLifecycleConfiguration(
    `${name}-lifecycle`,
    {
      bucket: log.bucket,
      rules: [
        {
          id: 'old-logs',
          status: 'Enabled',
          filter: {},
          expiration: { days: settings.logRetentionDays },
        },
      ],
    },
    own,
  );
  const policy = new BucketPolicy(
    `${name}-policy`,
    {
      bucket: log.bucket,
      policy: pulumi
        .all([log.arn, trailName])
        .apply(([arn, trail]) =>
          policyDocument(
            ...trailDelivery(
              arn,
              `arn:${partition}:cloudtrail:${region}:${accountId}:trail/${trail}`,
              accountId,
            ),
            tlsOnly(arn),
          ),
        ),
    },
    { ...own, dependsOn: [log.accessBlock] },
  );
  new Trail(
    `${name}-trail`,
    {
      name: trailName,
      s3BucketName: log.bucket,
      enableLogFileValidation: true,
      includeGlobalServiceEvents: false,
      advancedEventSelectors: [
        {
          name: 'Files in the bucket',
          fieldSelectors: [
            { field: 'eventCategory', equals: ['Data'] },
            { field: 'resources.type', equals: ['AWS::S3::Object'] },
            {
              field: 'resources.ARN',
              startsWiths: [pulumi.interpolate`arn:${partition}:s3:::${watched}/`],
            },
          ],
        },
      ],
    },
    { ...opts, dependsOn: [policy] },
  );
  return log.bucket;
}
