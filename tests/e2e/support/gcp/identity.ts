// Who pods are in the pretended project, and what they may do in its buckets.
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
