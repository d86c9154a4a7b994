// WorkloadIdentities: what the stack's pods may do in the cloud, without any key.
import * as pulumi from '@pulumi/pulumi';
import type { Cloud, IdentitiesArgs } from '../clouds/cloud.ts';
import type { WorkloadIdentity } from './connections.ts';

export interface WorkloadIdentitiesArgs extends IdentitiesArgs {
  readonly cloud: Cloud;
}

export class WorkloadIdentities extends pulumi.ComponentResource {
  /** By the label `app.kubernetes.io/component` of the pods; those that need nothing are not in it. */
  public readonly byComponent: Readonly<Record<string, WorkloadIdentity>>;

  constructor(
    name: string,
    { cloud, ...args }: WorkloadIdentitiesArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    // What they are for, without bucket and database: nothing here waits for those but what names them.
    super('mlflow-stack:index:WorkloadIdentities', name, { workloads: args.workloads }, opts);
    this.byComponent = cloud.identities?.(name, args, { parent: this }) ?? {};
    this.registerOutputs({});
  }
}
