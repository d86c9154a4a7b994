import * as pulumi from '@pulumi/pulumi';
import { ServiceAccount } from '@pulumi/kubernetes/core/v1/serviceAccount.js';
import { objectLabels } from '../lib/labels.ts';
import type { WorkloadIdentity } from './connections.ts';

/** A ServiceAccount of its own for a workload that has no business at the Kubernetes API: no rights, and no token. */
export function workloadAccount(
  name: string,
  {
    namespace,
    component,
    identity,
    objectName = name,
  }: {
    readonly namespace: pulumi.Input<string>;
    readonly component: string;
    /** What the cloud wants to see on it. */
    readonly identity?: WorkloadIdentity | undefined;
    /** Default: the name of the workload. */
    readonly objectName?: string;
  },
  parentOrOptions: pulumi.Resource | pulumi.CustomResourceOptions,
): ServiceAccount {
  return new ServiceAccount(
    `${name}-service-account`,
    {
      metadata: {
        name: objectName,
        namespace,
        labels: objectLabels(component),
        ...(identity && { annotations: identity.annotations }),
      },
      automountServiceAccountToken: false,
    },
    parentOrOptions instanceof pulumi.Resource ? { parent: parentOrOptions } : parentOrOptions,
  );
}
