import * as pulumi from '@pulumi/pulumi';

/** What a cloud adds to the stack beside the components, as one branch of its tree. */
export class CloudParts extends pulumi.ComponentResource {
  constructor(name: string, opts: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:CloudParts', name, {}, opts);
    this.registerOutputs({});
  }
}
