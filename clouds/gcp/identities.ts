// Which account each workload is known by, and what that may do.
import * as pulumi from '@pulumi/pulumi';
import { BucketIAMMember } from '@pulumi/gcp/storage/bucketIAMMember.js';
import type { BucketAccess, WorkloadIdentity } from '../../components/connections.ts';
import type { IdentitiesArgs } from '../cloud.ts';
import { workloadNeeds } from '../needs.ts';
import { type AccountEmail, account, bind, instanceRights } from './accounts.ts';
import type { GcpContext } from './context.ts';

/** In the names of accounts, by component. */
const parts: Readonly<Record<string, string>> = {
  'tracking-server': 'srv',
  migration: 'mig',
  gc: 'gc',
  'trace-archival': 'arc',
};

/**
 * With `databaseAccount`, the database knows one account as its user, so all workloads that use it are that one, and share its
 * rights in the bucket. Otherwise each has an account of its own, and those that need nothing have none.
 */
export function identities(
  context: GcpContext,
  name: string,
  args: IdentitiesArgs,
  databaseAccount: AccountEmail | undefined,
  opts: pulumi.ComponentResourceOptions,
): Record<string, WorkloadIdentity> {
  const { namespace, bucket, instance } = args;
  if (databaseAccount !== undefined) {
    bucketRights(name, databaseAccount, bucket, opts);
    if (instance !== undefined) instanceRights(context, name, databaseAccount, instance, opts);
  }
  return Object.fromEntries(
    workloadNeeds(args).map(({ component, serviceAccount, ...need }) => {
      const own = `${name}-${component}`;
      const email =
        databaseAccount ??
        account(context, own, parts[component] ?? 'pod', component.replaceAll('-', ' '), opts);
      if (databaseAccount === undefined) {
        bucketRights(own, email, need.bucket, opts);
        if (need.instance !== undefined) instanceRights(context, own, email, need.instance, opts);
      }
      return [component, bind(context, own, email, { namespace, serviceAccount }, opts)];
    }),
  );
}

/** Reads, writes and deletes files in the one bucket, and reads those of others that are named. */
export function bucketRights(
  name: string,
  email: AccountEmail,
  bucket: BucketAccess | undefined,
  opts: pulumi.ComponentResourceOptions,
): void {
  if (bucket === undefined) return;
  const member = pulumi.interpolate`serviceAccount:${email}`;
  new BucketIAMMember(
    `${name}-bucket-access`,
    { bucket: bucket.name, role: 'roles/storage.objectUser', member },
    opts,
  );
  for (const readable of bucket.readBuckets) {
    new BucketIAMMember(
      `${name}-read-${readable}`,
      { bucket: readable, role: 'roles/storage.objectViewer', member },
      opts,
    );
  }
}
