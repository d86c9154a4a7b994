// What workloads need of a cloud, whichever it is.
import type { BucketAccess, InstanceAccess } from '../components/connections.ts';
import type { IdentitiesArgs } from './cloud.ts';

export interface WorkloadNeeds {
  readonly component: string;
  readonly serviceAccount: string;
  readonly bucket: BucketAccess | undefined;
  /** The database, where identities take part in the log-in to it. */
  readonly instance: InstanceAccess | undefined;
}

/** Those that need anything. All of them use the database. */
export function workloadNeeds({ workloads, bucket, instance }: IdentitiesArgs): WorkloadNeeds[] {
  const known = instance?.iam === true || instance?.proxy === true ? instance : undefined;
  return workloads
    .map(({ component, serviceAccount, artifacts }) => ({
      component,
      serviceAccount,
      bucket: artifacts ? bucket : undefined,
      instance: known,
    }))
    .filter((each) => each.bucket !== undefined || each.instance !== undefined);
}
