// ArtifactStore: where MLflow keeps files (models, plots, data sets).
import * as pulumi from '@pulumi/pulumi';
import { PersistentVolumeClaim } from '@pulumi/kubernetes/core/v1/persistentVolumeClaim.js';
import { type DataProtection, dataOptions } from '../lib/data-protection.ts';
import { objectLabels } from '../lib/labels.ts';
import type { ArtifactConnection } from './connections.ts';

export interface ArtifactStoreArgs {
  /** Namespace of the claim, which is the server's. */
  readonly namespace: pulumi.Input<string>;
  /** Size of the claim, as a Kubernetes quantity. Can grow where the StorageClass allows it, never shrink. */
  readonly size: string;
  /** StorageClass of the claim. Default: the cluster's default class. A change would replace the claim. */
  readonly storageClassName?: string | undefined;
  /** `ReadWriteMany` lets pods on several nodes share the claim. */
  readonly accessMode: 'ReadWriteOnce' | 'ReadWriteMany';
  /** What happens to the claim when the stack is destroyed. */
  readonly dataProtection: DataProtection;
}

/** A claim that the server mounts and serves to clients through its artifact proxy. */
export class ArtifactStore extends pulumi.ComponentResource {
  /** What a pod needs to use the store. */
  public readonly connection: ArtifactConnection;

  constructor(name: string, args: ArtifactStoreArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:ArtifactStore', name, args, opts);
    const claim = new PersistentVolumeClaim(
      `${name}-claim`,
      {
        metadata: { name, namespace: args.namespace, labels: objectLabels('artifact-store') },
        spec: {
          accessModes: [args.accessMode],
          storageClassName: args.storageClassName,
          resources: { requests: { storage: args.size } },
        },
      },
      { parent: this, ...dataOptions(args.dataProtection) },
    );
    this.connection = {
      uri: `${mountPath}/artifacts`,
      env: [],
      volumes: [{ name: 'artifacts', persistentVolumeClaim: { claimName: claim.metadata.name } }],
      volumeMounts: [{ name: 'artifacts', mountPath }],
      shareable: args.accessMode === 'ReadWriteMany',
    };
    this.registerOutputs({ uri: this.connection.uri });
  }
}

const mountPath = '/mlflow';
