// KeptSecrets: what the stack generates, once more in the cloud's secret manager, where it outlives the cluster.
import * as pulumi from '@pulumi/pulumi';
import type { Cloud, KeptNames } from '../clouds/cloud.ts';
import type { GeneratedSecrets } from './connections.ts';

export interface KeptSecretsArgs {
  readonly cloud: Pick<Cloud, 'secrets'>;
  readonly values: GeneratedSecrets;
}

export class KeptSecrets extends pulumi.ComponentResource {
  /** Names in the secret manager, by what is kept. */
  public readonly names: KeptNames;

  constructor(name: string, { cloud, values }: KeptSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    // What is kept, without the values.
    super('mlflow-stack:index:KeptSecrets', name, { kept: Object.keys(values).sort() }, opts);
    this.names = cloud.secrets?.(name, values, { parent: this }) ?? {};
    this.registerOutputs({ names: this.names });
  }
}
