// ArtifactStore: where MLflow keeps files (models, plots, data sets).
import * as pulumi from '@pulumi/pulumi';
import { type StorageArgs, dataClaim } from './claim.ts';
import type { ArtifactConnection } from './connections.ts';

export interface ArtifactStoreArgs extends StorageArgs {
  /** `ReadWriteMany` lets pods on several nodes share the claim. */
  readonly accessMode: 'ReadWriteOnce' | 'ReadWriteMany';
}

/** A claim that the server mounts and serves to clients through its artifact proxy. */
export class ArtifactStore extends pulumi.ComponentResource {
  /** What a pod needs to use the store. */
  public readonly connection: ArtifactConnection;

  constructor(name: string, args: ArtifactStoreArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:ArtifactStore', name, args, opts);
    const claim = dataClaim(name, { ...args, component: 'artifact-store' }, this);
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
