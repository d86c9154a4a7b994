// Who pods are in the pretended project, and what they may do in its buckets and with its database.
import type { Store } from '../double/store.ts';
import { lastPart, part, text } from '../double/gcp/rules.ts';

const prefix = 'pretended.';
/** What the metadata server gives pods, and the services know their account by. */
export const tokenOf = (email: string): string => prefix + email;
export const accountOf = (authorization: string | undefined): string | undefined =>
  authorization?.startsWith(`Bearer ${prefix}`) === true
    ? authorization.slice(`Bearer ${prefix}`.length)
    : undefined;

/** Whether the account lets a ServiceAccount of the cluster act as it. */
export function trusts(store: Store, email: string, serviceAccount: string): boolean {
  return store
    .list('gcp:serviceaccount/iAMMember:IAMMember')
    .some(
      ({ inputs }) =>
        lastPart(inputs.serviceAccountId) === email &&
        inputs.role === 'roles/iam.workloadIdentityUser' &&
        inputs.member === `serviceAccount:${serviceAccount}`,
    );
}

const objects = (...verbs: string[]) => verbs.map((verb) => `storage.objects.${verb}`);
/** https://cloud.google.com/storage/docs/access-control/iam-roles */
const rolePermissions: Readonly<Record<string, readonly string[]>> = {
  'roles/storage.objectCreator': objects('create'),
  'roles/storage.objectViewer': objects('get', 'list'),
  'roles/storage.objectUser': objects('create', 'delete', 'get', 'list', 'update'),
  'roles/storage.objectAdmin': objects('create', 'delete', 'get', 'list', 'update', 'setIamPolicy'),
};

export function permitted(store: Store, email: string, bucket: string, permission: string): boolean {
  return store
    .list('gcp:storage/bucketIAMMember:BucketIAMMember')
    .some(
      ({ inputs }) =>
        inputs.bucket === bucket &&
        inputs.member === `serviceAccount:${email}` &&
        part(inputs.condition).expression === undefined &&
        (rolePermissions[text(inputs.role)] ?? []).includes(permission),
    );
}

const instances = (...verbs: string[]) => verbs.map((verb) => `cloudsql.instances.${verb}`);
/** https://cloud.google.com/sql/docs/postgres/iam-roles */
const instancePermissions: Readonly<Record<string, readonly string[]>> = {
  'roles/cloudsql.client': instances('connect', 'get'),
  'roles/cloudsql.instanceUser': instances('get', 'login'),
};

/** Whether a role of the project, or of the one instance by its condition, has the permission. */
export function permittedOnInstance(
  store: Store,
  email: string,
  { project, instance }: { readonly project: string; readonly instance: string },
  permission: string,
): boolean {
  const facts = {
    name: `projects/${project}/instances/${instance}`,
    service: 'sqladmin.googleapis.com',
    type: 'sqladmin.googleapis.com/Instance',
  };
  return store
    .list('gcp:projects/iAMMember:IAMMember')
    .some(
      ({ inputs }) =>
        inputs.project === project &&
        inputs.member === `serviceAccount:${email}` &&
        holds(text(part(inputs.condition).expression), facts) &&
        (instancePermissions[text(inputs.role)] ?? []).includes(permission),
    );
}

/** Conditions that compare what is known of the resource; none of any other kind holds. */
function holds(expression: string, facts: Readonly<Record<string, string>>): boolean {
  if (expression === '') return true;
  return expression.split(' && ').every((term) => {
    const [, fact = '', value] = /^resource\.(\w+) == "([^"]*)"$/.exec(term) ?? [];
    return value !== undefined && facts[fact] === value;
  });
}
