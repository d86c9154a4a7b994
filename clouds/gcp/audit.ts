// Who reads and writes data is written down: requests to Cloud Storage, sessions of the database.
import * as pulumi from '@pulumi/pulumi';
import { ProjectBucketConfig } from '@pulumi/gcp/logging/projectBucketConfig.js';
import { ProjectSink } from '@pulumi/gcp/logging/projectSink.js';
import { IAMAuditConfig } from '@pulumi/gcp/projects/iamauditConfig.js';
import { RandomId } from '@pulumi/random/randomId.js';
import { cloudName } from '../../lib/labels.ts';
import type { IdentitiesArgs } from '../cloud.ts';
import type { GcpContext } from './context.ts';

/** Returns the id of the log bucket that has all of it, and keeps it for `logRetentionDays`. */
export function auditLog(
  context: GcpContext,
  name: string,
  { bucket, instance }: IdentitiesArgs,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { settings, gcp } = context;
  const { project, region } = gcp;
  const own = context.after(['logging'], opts);
  // Google knows no such switch for a single bucket.
  if (bucket !== undefined)
    new IAMAuditConfig(
      `${name}-data-access`,
      {
        project,
        service: 'storage.googleapis.com',
        auditLogConfigs: [{ logType: 'DATA_READ' }, { logType: 'DATA_WRITE' }],
      },
      context.after(['cloudresourcemanager'], opts),
    );
  // A name stays taken for a week after its log bucket was deleted.
  const id = new RandomId(`${name}-id`, { byteLength: 4 }, opts);
  const logName = id.hex.apply((hex) => `${cloudName(60)}-${hex}`);
  const log = new ProjectBucketConfig(
    `${name}-log`,
    {
      project,
      location: region,
      bucketId: logName,
      retentionDays: settings.logRetentionDays,
      description: 'Who reads and writes data of MLflow',
    },
    own,
  );
  const filters = [
    bucket &&
      pulumi.interpolate`(resource.type="gcs_bucket" AND resource.labels.bucket_name="${bucket.name}" AND logName:"cloudaudit.googleapis.com")`,
    instance &&
      pulumi.interpolate`(resource.type="cloudsql_database" AND resource.labels.database_id="${databaseId(instance.id)}")`,
  ].filter((each) => each !== undefined);
  new ProjectSink(
    `${name}-sink`,
    {
      name: logName,
      project,
      destination: pulumi.interpolate`logging.googleapis.com/${log.id}`,
      filter: pulumi.all(filters).apply((each) => each.join(' OR ')),
      uniqueWriterIdentity: true,
    },
    own,
  );
  return log.id;
}

/** `project:instance`, of `project:region:instance`. */
const databaseId = (id: pulumi.Input<string>): pulumi.Output<string> =>
  pulumi.output(id).apply((each) => each.replace(/:.*:/, ':'));
