import type * as pulumi from '@pulumi/pulumi';
import { ClusterRole } from '@pulumi/kubernetes/rbac/v1/clusterRole.js';
import { ClusterRoleBinding } from '@pulumi/kubernetes/rbac/v1/clusterRoleBinding.js';
import { Role } from '@pulumi/kubernetes/rbac/v1/role.js';
import { RoleBinding } from '@pulumi/kubernetes/rbac/v1/roleBinding.js';
import { objectLabels } from '../lib/labels.ts';

/** What may be done with what, as in a Role: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
export interface PolicyRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Default: all objects of these kinds. */
  readonly resourceNames?: readonly string[] | undefined;
}

export interface RbacArgs {
  /** Rights within the namespace. Empty: no Role. */
  readonly rules: readonly PolicyRule[];
  /** Rights in the whole cluster. Empty: no ClusterRole. */
  readonly clusterRules: readonly PolicyRule[];
}

/** Whether a pod with these rights needs a token to use them. */
export const hasRules = ({ rules, clusterRules }: RbacArgs): boolean =>
  rules.length + clusterRules.length > 0;

/** Gives a ServiceAccount rights at the Kubernetes API; none by default. */
export function grantRules(
  name: string,
  args: RbacArgs & {
    readonly component: string;
    readonly namespace: pulumi.Input<string>;
    readonly serviceAccount: pulumi.Input<string>;
  },
  parent: pulumi.Resource,
): void {
  const { namespace } = args;
  const labels = objectLabels(args.component);
  const subjects = [{ kind: 'ServiceAccount', name: args.serviceAccount, namespace }];
  const roleRef = (kind: string, role: Role | ClusterRole) => ({
    apiGroup: 'rbac.authorization.k8s.io',
    kind,
    name: role.metadata.name,
  });
  if (args.rules.length > 0) {
    const role = new Role(
      `${name}-role`,
      { metadata: { namespace, labels }, rules: copied(args.rules) },
      { parent },
    );
    new RoleBinding(
      `${name}-role-binding`,
      { metadata: { namespace, labels }, roleRef: roleRef('Role', role), subjects },
      { parent },
    );
  }
  if (args.clusterRules.length > 0) {
    const role = new ClusterRole(
      `${name}-cluster-role`,
      { metadata: { labels }, rules: copied(args.clusterRules) },
      { parent },
    );
    new ClusterRoleBinding(
      `${name}-cluster-role-binding`,
      { metadata: { labels }, roleRef: roleRef('ClusterRole', role), subjects },
      { parent },
    );
  }
}

/** Pulumi's input types want lists that could be changed. */
function copied(rules: readonly PolicyRule[]) {
  return rules.map(({ apiGroups, resources, verbs, resourceNames }) => ({
    apiGroups: [...apiGroups],
    resources: [...resources],
    verbs: [...verbs],
    resourceNames: resourceNames && [...resourceNames],
  }));
}
