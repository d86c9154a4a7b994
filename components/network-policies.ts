// NetworkPolicies: what each workload of the stack may talk to, and who may talk to it.
import * as pulumi from '@pulumi/pulumi';
import { NetworkPolicy } from '@pulumi/kubernetes/networking/v1/networkPolicy.js';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import type { WorkloadPolicy } from '../lib/network.ts';

export interface NetworkPoliciesArgs {
  readonly namespace: pulumi.Input<string>;
  /** One for each workload. */
  readonly policies: readonly WorkloadPolicy[];
}

/** Selects the stack's own pods and no others, since the namespace may be shared. */
export class NetworkPolicies extends pulumi.ComponentResource {
  constructor(name: string, args: NetworkPoliciesArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:NetworkPolicies', name, args, opts);
    for (const { name: policyName, component, ingress, egress } of args.policies) {
      new NetworkPolicy(
        `${name}-${component}`,
        {
          metadata: { name: policyName, namespace: args.namespace, labels: objectLabels(component) },
          spec: {
            podSelector: { matchLabels: selectorLabels(component) },
            policyTypes: ['Ingress', 'Egress'],
            ingress,
            egress,
          },
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}
