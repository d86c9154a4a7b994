// Google service accounts: each is what one ServiceAccount of the cluster is known by, without any key.
import * as pulumi from '@pulumi/pulumi';
import { IAMMember as ProjectMember } from '@pulumi/gcp/projects/iammember.js';
import { Account } from '@pulumi/gcp/serviceaccount/account.js';
import { IAMMember as AccountMember } from '@pulumi/gcp/serviceaccount/iammember.js';
import { RandomId } from '@pulumi/random/randomId.js';
import type { InstanceAccess, WorkloadIdentity } from '../../components/connections.ts';
import { cloudName } from '../../lib/labels.ts';
import type { GcpContext } from './context.ts';

/** What a Google service account is known by: its address. */
export type AccountEmail = pulumi.Output<string>;

/** The longest name of a service account, and of the random digits after it. */
const longest = 30;
const bytes = 3;

/**
 * An account of its own. Google remembers the rights of one that was deleted by its name, so that a new one gets a new name.
 *
 * @param part Few letters that tell the stack's accounts apart.
 */
export function account(
  context: GcpContext,
  name: string,
  part: string,
  purpose: string,
  opts: pulumi.ComponentResourceOptions,
): AccountEmail {
  const own = context.after(['iam'], opts);
  const id = new RandomId(`${name}-account-id`, { byteLength: bytes }, { ...own, retainOnDelete: false });
  const prefix = cloudName(longest - part.length - 2 * bytes - 2);
  return new Account(
    `${name}-account`,
    {
      accountId: id.hex.apply((hex) => `${prefix}-${part}-${hex}`),
      displayName: `MLflow: ${purpose}`.slice(0, 100),
      description: `${purpose} of ${pulumi.getProject()}, stack ${pulumi.getStack()}`,
    },
    own,
  ).email;
}

/** Lets exactly one ServiceAccount of the cluster act as the account. */
export function bind(
  { gcp }: GcpContext,
  name: string,
  email: AccountEmail,
  {
    namespace,
    serviceAccount,
  }: { readonly namespace: pulumi.Input<string>; readonly serviceAccount: string },
  opts: pulumi.ComponentResourceOptions,
): WorkloadIdentity {
  const binding = new AccountMember(
    `${name}-binding`,
    {
      serviceAccountId: email.apply((address) => `projects/${projectOf(address)}/serviceAccounts/${address}`),
      role: 'roles/iam.workloadIdentityUser',
      member: pulumi.interpolate`serviceAccount:${gcp.clusterProject ?? gcp.project}.svc.id.goog[${namespace}/${serviceAccount}]`,
    },
    opts,
  );
  return {
    // A pod that starts before its account trusts it has no rights; so the annotation comes after the binding.
    annotations: {
      'iam.gke.io/gcp-service-account': pulumi.all([email, binding.id]).apply(([address]) => address),
    },
    podLabels: {},
    principal: email,
  };
}

const projectOf = (email: string): string => /@([^.]+)\./.exec(email)?.[1] ?? '';

/** Rights to reach the one instance through the proxy, and to log in to it. */
export function instanceRights(
  context: GcpContext,
  name: string,
  email: AccountEmail,
  instance: Pick<InstanceAccess, 'id' | 'iam'>,
  opts: pulumi.ComponentResourceOptions,
): void {
  const roles = {
    client: 'roles/cloudsql.client',
    ...(instance.iam && { user: 'roles/cloudsql.instanceUser' }),
  };
  const own = context.after(['cloudresourcemanager'], opts);
  for (const [part, role] of Object.entries(roles)) {
    new ProjectMember(
      `${name}-database-${part}`,
      {
        project: pulumi.output(instance.id).apply((id) => id.split(':')[0] ?? ''),
        role,
        member: pulumi.interpolate`serviceAccount:${email}`,
        condition: {
          title: 'the instance of the stack',
          expression: pulumi.output(instance.id).apply(onInstance),
        },
      },
      own,
    );
  }
}

/** https://cloud.google.com/sql/docs/postgres/iam-conditions */
function onInstance(id: string): string {
  const [project = '', , instance = ''] = id.split(':');
  return (
    `resource.name == "projects/${project}/instances/${instance}" && ` +
    'resource.service == "sqladmin.googleapis.com"'
  );
}
