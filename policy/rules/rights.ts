// Rights: nobody may do everything, and nobody is everybody.
import {
  type Finding,
  type Rule,
  at,
  cloudOf,
  isKubernetes,
  isObject,
  kindOf,
  list,
  parsed,
  texts,
} from '../resource.ts';

export interface Statement {
  readonly Effect?: unknown;
  readonly Action?: unknown;
  readonly NotAction?: unknown;
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: unknown;
}

/** What a policy of AWS allows. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
export const allowed = (policy: unknown): Statement[] =>
  list(at(parsed(policy), 'Statement'))
    .filter(isObject)
    .filter(({ Effect }) => Effect === 'Allow');

export const isEverybody = (principal: unknown): boolean =>
  texts(principal).includes('*') || (isObject(principal) && texts(principal.AWS).includes('*'));

/** Policies of these say themselves whom they are for, and their resource is what they are attached to. */
const resourcePolicies = {
  BucketPolicy: 'policy',
  Key: 'policy',
  KeyPolicy: 'policy',
  Role: 'assumeRolePolicy',
};

function awsFindings(kind: string, props: Readonly<Record<string, unknown>>): Finding[] {
  const attached = kind in resourcePolicies;
  const field = attached ? resourcePolicies[kind as keyof typeof resourcePolicies] : 'policy';
  const inline = list(props.inlinePolicies).map((one) => at(one, 'policy'));
  const isKey = kind === 'Key' || kind === 'KeyPolicy';
  return [...allowed(props[field]), ...inline.flatMap(allowed)].flatMap((statement) => {
    const actions = texts(statement.Action);
    return [
      // A key's own policy must leave all of it to its account. https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
      ...(!isKey &&
      (statement.NotAction !== undefined || actions.some((action) => /^([\w-]+:)?\*$/.test(action)))
        ? ['allows every action; name those that are needed']
        : []),
      ...(!attached && texts(statement.Resource).includes('*')
        ? ['allows actions on every resource; name the resources']
        : []),
      ...(isEverybody(statement.Principal) && statement.Condition === undefined
        ? ['allows everybody; name the principals']
        : []),
    ];
  });
}

/** Managed policies that allow all of something. */
const broad = /:policy\/(AdministratorAccess|PowerUserAccess|\w*FullAccess)$/;
const everybody = ['allUsers', 'allAuthenticatedUsers'];

export const noWildcards: Rule = {
  name: 'no-wildcard-rights',
  description: 'Rights name their actions, resources and principals: no `*`, no basic roles, not everybody.',
  resource: (resource) => {
    const { props } = resource;
    const kind = kindOf(resource);
    switch (cloudOf(resource)) {
      case 'aws':
        return [
          ...awsFindings(kind, props),
          ...[...texts(props.policyArn), ...texts(props.managedPolicyArns)]
            .filter((arn) => broad.test(arn))
            .map((arn) => `attaches ${arn}; allow what is needed instead`),
        ];
      case 'gcp':
        return [
          ...texts(props.role)
            .filter((role) => /^roles\/(owner|editor|viewer)$/.test(role))
            .map((role) => `grants ${role}, a role on everything; grant the role that is needed`),
          ...[...texts(props.member), ...texts(props.members)]
            .filter((member) => everybody.includes(member))
            .map((member) => `grants rights to ${member}; name the members`),
        ];
      case 'kubernetes':
        return isKubernetes(resource, 'Role', 'ClusterRole')
          ? list(props.rules).flatMap((rule) =>
              ['apiGroups', 'resources', 'verbs']
                .filter((field) => texts(at(rule, field)).includes('*'))
                .map((field) => `has a rule with ${field} "*"; name them`),
            )
          : [];
      default:
        return [];
    }
  },
};
