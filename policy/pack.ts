// The rules as a policy pack: pulumi preview --policy-pack policy
import policy from '@pulumi/policy';
import type { PolicyResource, ResourceValidationArgs, StackValidationPolicy } from '@pulumi/policy';
import type { Props, Resource, Rule } from './resource.ts';
import { rules } from './rules/index.ts';

new policy.PolicyPack('mlflow-stack', {
  policies: rules.flatMap((rule) =>
    [...resourcePolicy(rule), ...stackPolicy(rule)].map((each) => ({
      ...each,
      enforcementLevel: rule.isAdvice ? 'advisory' : 'mandatory',
    })),
  ),
});

function resourcePolicy({ name, description, resource: check }: Rule): policy.ResourceValidationPolicy[] {
  if (check === undefined) return [];
  return [
    {
      name,
      description,
      validateResource: (args, report) => check(resourceOf(args)).forEach((finding) => report(finding)),
    },
  ];
}

function stackPolicy({ name, description, resource, stack: check }: Rule): StackValidationPolicy[] {
  if (check === undefined) return [];
  return [
    {
      // Each policy of a pack needs a name of its own.
      name: resource === undefined ? name : `${name}-in-stack`,
      description,
      validateStack: ({ resources }, report) => {
        const all = resources.map(resourceOf);
        for (const [index, { urn }] of resources.entries()) {
          const own = all[index];
          if (own) check(own, all).forEach((finding) => report(finding, urn));
        }
      },
    },
  ];
}

function resourceOf({
  type,
  name,
  urn,
  props,
  opts,
  provider,
}: ResourceValidationArgs | PolicyResource): Resource {
  const [, , stack = '', project = ''] = urn.split(/::?/);
  return {
    type,
    name,
    project,
    stack,
    props: unguarded(props),
    protect: opts.protect,
    provider: provider && unguarded(provider.props),
  };
}

/**
 * Pulumi's guard throws where a rule comes across a value that a preview does not know, and gives up the rule for that
 * resource. The rules know such values.
 */
const unguarded = (props: Props): Props =>
  Object.fromEntries(
    Object.entries(Object.getOwnPropertyDescriptors(props)).map(([key, { value }]) => [
      key,
      value as unknown,
    ]),
  );
