// What is neither store nor way in, as far as it is the same in every cloud.
import type * as pulumi from '@pulumi/pulumi';
import type { BucketAccess, WorkloadIdentity } from '../components/connections.ts';
import { workloadAccount } from '../components/service-account.ts';
import type { Settings } from '../config.ts';
import type { ExtrasArgs, IdentitiesArgs } from './cloud.ts';

type Outputs = Record<string, pulumi.Input<unknown>>;

/** Whom an identity is for, and which bucket it may use. */
export interface ClientNeeds {
  readonly namespace: pulumi.Input<string>;
  readonly serviceAccount: string;
  readonly bucket: BucketAccess;
}

/** The ServiceAccount of programs that train. In mode proxy they need no right of their own, and get no identity. */
export function clientAccount(
  { artifactStore, clientIdentity }: Settings,
  name: string,
  args: Pick<IdentitiesArgs, 'namespace' | 'bucket'>,
  identify: (needs: ClientNeeds) => WorkloadIdentity,
  opts: pulumi.ComponentResourceOptions,
) {
  const { serviceAccount } = clientIdentity;
  const namespace = clientIdentity.namespace ?? args.namespace;
  const bucket = artifactStore.mode === 'direct' ? args.bucket : undefined;
  const identity = bucket && identify({ namespace, serviceAccount, bucket });
  workloadAccount(name, { namespace, component: 'client', identity, objectName: serviceAccount }, opts);
  return { namespace, serviceAccount, identity };
}

/** Settings by which a later stack finds the data that this one leaves; `more` are those of one cloud. */
export function keptAfterDestroy(
  { dataProtection }: Settings,
  { bucket, instance, keptSecrets }: Pick<ExtrasArgs, 'bucket' | 'instance' | 'keptSecrets'>,
  more: Outputs = {},
): Outputs {
  if (dataProtection === 'delete') return {};
  return {
    keptAfterDestroy: {
      ...(bucket && { 'artifactStore.existingBucket': bucket.name }),
      ...(instance && { 'backendStore.existingInstance': instance.id }),
      ...(keptSecrets.length > 0 && { 'secrets.existing': [...keptSecrets].sort() }),
      ...more,
    },
  };
}
