import * as pulumi from '@pulumi/pulumi';

/** What a cloud adds to the stack beside the components, as one branch of its tree. */
class CloudParts extends pulumi.ComponentResource {
  constructor(name: string, opts: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:CloudParts', name, {}, opts);
    this.registerOutputs({});
  }
}

/** Options for what is in a branch of its own. */
export const branch = (name: string, opts: pulumi.ComponentResourceOptions) => ({
  parent: new CloudParts(name, opts),
});
