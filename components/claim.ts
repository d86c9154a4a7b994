import type * as pulumi from '@pulumi/pulumi';
import { PersistentVolumeClaim } from '@pulumi/kubernetes/core/v1/persistentVolumeClaim.js';
import { type DataProtection, dataOptions } from '../lib/data-protection.ts';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import { annotations } from '../lib/names.ts';

/** Storage in the cluster, as a component offers it in its own args. */
export interface StorageArgs {
  /** Namespace of the claim and of the pods that use it. */
  readonly namespace: pulumi.Input<string>;
  /** Size of the claim, as a Kubernetes quantity. Can grow where the StorageClass allows it, never shrink. */
  readonly size: string;
  /** StorageClass of the claim. Default: the cluster's default class. A change would replace the claim. */
  readonly storageClassName?: string | undefined;
  /** What happens to the claim when the stack is destroyed. */
  readonly dataProtection: DataProtection;
}

export interface ClaimArgs extends StorageArgs {
  /** Name in the cluster. */
  readonly name: string;
  readonly component: string;
  readonly accessMode: string;
}

/** A claim that holds data, and is protected as the settings say. */
export function dataClaim(name: string, args: ClaimArgs, parent: pulumi.Resource): PersistentVolumeClaim {
  return new PersistentVolumeClaim(
    `${name}-claim`,
    {
      metadata: {
        name: args.name,
        namespace: args.namespace,
        labels: objectLabels(args.component),
        // Pods wait for their claims. Waiting here as well would take five minutes for a claim that was retained: it is
        // bound already, so the event that the plug-in waits for has passed.
        annotations: {
          ...overruleOthers,
          'pulumi.com/skipAwait': 'true',
          [annotations.dataProtection]: args.dataProtection,
        },
      },
      spec: {
        accessModes: [args.accessMode],
        storageClassName: args.storageClassName,
        resources: { requests: { storage: args.size } },
      },
    },
    { parent, ...dataOptions(args.dataProtection) },
  );
}
