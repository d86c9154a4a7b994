import type * as pulumi from '@pulumi/pulumi';
import { Namespace } from '@pulumi/kubernetes/core/v1/namespace.js';
import { type DataProtection, dataOptions } from '../lib/data-protection.ts';
import { objectLabels, overruleOthers } from '../lib/labels.ts';

export interface NamespaceArgs {
  readonly name: string;
  /** False uses a namespace that is there already, and leaves it and its labels alone. */
  readonly create: boolean;
  /** What happens to it when the stack is destroyed: the claims in it go with it. */
  readonly dataProtection: DataProtection;
}

/** Where the objects of a stack go. */
export interface TargetNamespace {
  readonly name: pulumi.Input<string>;
  /** Options for everything in it: what disappears together with the namespace need not be deleted one by one. */
  readonly contentOptions: pulumi.ComponentResourceOptions;
}

/** The namespace of a stack, made with the `restricted` pod security level enforced unless it is there already. */
export function targetNamespace(
  args: NamespaceArgs,
  provider: pulumi.ProviderResource,
  below: Pick<pulumi.ResourceOptions, 'parent'>,
): TargetNamespace {
  const contentOptions = { ...below, providers: [provider] };
  if (!args.create) return { name: args.name, contentOptions };
  const namespace = new Namespace(
    `${args.name}-namespace`,
    {
      metadata: {
        name: args.name,
        annotations: overruleOthers,
        labels: {
          ...objectLabels('namespace'),
          'pod-security.kubernetes.io/enforce': 'restricted',
          'pod-security.kubernetes.io/warn': 'restricted',
        },
      },
    },
    { ...below, provider, ...dataOptions(args.dataProtection) },
  );
  return {
    name: namespace.metadata.name,
    contentOptions:
      args.dataProtection === 'delete' ? { ...contentOptions, deletedWith: namespace } : contentOptions,
  };
}
