// StoreRecord: remembers in the cluster what the stores of a cloud were made with, for the checks of the next update.
import * as pulumi from '@pulumi/pulumi';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import { objectLabels } from '../lib/labels.ts';
import { names } from '../lib/names.ts';
import type { StoreRecord as Texts } from '../lib/store-record.ts';

export interface StoreRecordArgs {
  readonly namespace: pulumi.Input<string>;
  readonly record: Texts;
  /** Where the stores are. Nothing is remembered before they are there. */
  readonly places: readonly pulumi.Input<string>[];
}

export class StoreRecord extends pulumi.ComponentResource {
  constructor(name: string, args: StoreRecordArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:StoreRecord', name, args, opts);
    new ConfigMap(
      `${name}-config-map`,
      {
        metadata: { name: names.storeRecord, namespace: args.namespace, labels: objectLabels('stores') },
        data: pulumi.all([...args.places]).apply(() => args.record),
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
