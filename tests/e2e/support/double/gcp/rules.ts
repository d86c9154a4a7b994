// What the services of Google Cloud refuse, and the plug-in before them: names, labels, places, members of policies.
import type { Context, Kind } from '../provider.ts';
import { type Props, type Store } from '../store.ts';
import { isObject } from '../inputs.ts';

export type Fail = (property: string, reason: string) => void;
/** Undefined for a good value, else what is wrong. */
export type Rule = (value: string) => string | undefined;

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
export const part = (value: unknown): Props => (isObject(value) ? value : {});

const matching =
  (pattern: RegExp, problem = `doesn't match regexp "${pattern.source}"`): Rule =>
  (value) =>
    pattern.test(value) ? undefined : problem;

export const oneOf =
  (...allowed: readonly string[]): Rule =>
  (value) =>
    allowed.includes(value) ? undefined : `expected to be one of ${JSON.stringify(allowed)}, got ${value}`;

/** Checks texts by their paths, each by its own rule. What is not there, or not known yet, is not looked at. */
export function texts(rules: Readonly<Record<string, Rule>>) {
  return (inputs: Props, fail: Fail): void => {
    for (const [path, rule] of Object.entries(rules)) {
      const value = path.split('.').reduce<unknown>((found, name) => part(found)[name], inputs);
      const problem = typeof value === 'string' ? rule(value) : undefined;
      if (problem !== undefined)
        fail(path, `invalid value for ${path} (${JSON.stringify(value)}): ${problem}`);
    }
  };
}

/** https://cloud.google.com/storage/docs/buckets#naming */
export const bucketName: Rule = (value) => {
  if (!/^[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9]$/.test(value))
    return 'must contain 3-63 characters, only lowercase letters, numeric characters, dashes, underscores, and dots, and start and end with a number or letter';
  if (value.split('.').some((each) => each.length > 63)) return 'must contain 3-63 characters';
  return /^goog|google|g00gle|^\d+(\.\d+){3}$/.test(value) ? 'is reserved' : undefined;
};

/** Names of networks, addresses and certificates. */
export const computeName = matching(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/);
export const accountId = matching(/^[a-z]([-a-z0-9]{4,28}[a-z0-9])$/);
export const projectId = matching(/^[a-z][-a-z0-9]{4,28}[a-z0-9]$/);
export const instanceName = matching(/^[a-z][-a-z0-9]{0,96}[a-z0-9]$|^[a-z]$/);
export const secretId = matching(/^[-\w]{1,255}$/);
export const roleName = matching(
  /^(roles\/[\w.]+|(projects\/[-a-z0-9:.]+|organizations\/\d+)\/roles\/[\w.]+)$/,
  'is no role: expected roles/..., projects/.../roles/... or organizations/.../roles/...',
);

const REGIONS =
  'africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2 asia-southeast1 asia-southeast2 australia-southeast1 australia-southeast2 europe-central2 europe-north1 europe-north2 europe-southwest1 europe-west1 europe-west10 europe-west12 europe-west2 europe-west3 europe-west4 europe-west6 europe-west8 europe-west9 me-central1 me-central2 me-west1 northamerica-northeast1 northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1 us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4'.split(
    ' ',
  );
const MULTI_REGIONS = ['ASIA', 'EU', 'US', 'ASIA1', 'EUR4', 'EUR5', 'EUR7', 'EUR8', 'NAM4'];

export const region: Rule = (value) => (REGIONS.includes(value) ? undefined : `region ${value} is not known`);
/** Where a bucket may be. */
export const location: Rule = (value) =>
  REGIONS.includes(value.toLowerCase()) || MULTI_REGIONS.includes(value.toUpperCase())
    ? undefined
    : 'The specified location constraint is not valid.';

const email = '[^@\\s]+@[^@\\s]+\\.[^@\\s]+';
/** https://cloud.google.com/iam/docs/principal-identifiers */
export const member = matching(
  new RegExp(
    [
      'allUsers',
      'allAuthenticatedUsers',
      `(user|group):${email}`,
      `serviceAccount:${email}`,
      // An account of Kubernetes, as Workload Identity calls it.
      'serviceAccount:[a-z][-a-z0-9]+\\.svc\\.id\\.goog\\[[-a-z0-9]+/[-.a-z0-9]+\\]',
      'domain:[-a-z0-9]+(\\.[-a-z0-9]+)+',
      'project(Owner|Editor|Viewer):[a-z][-a-z0-9]+',
      'principal(Set)?://iam\\.googleapis\\.com/\\S+',
    ]
      .map((each) => `^${each}$`)
      .join('|'),
  ),
  'IAM members must have one of the values outlined here: https://cloud.google.com/billing/docs/reference/rest/v1/Policy#Binding',
);

/** https://cloud.google.com/compute/docs/labeling-resources#requirements */
export function checkLabels(property: string, labels: unknown, fail: Fail): void {
  for (const [key, value] of Object.entries(part(labels))) {
    if (!/^[\p{Ll}\p{Lo}][\p{Ll}\p{Lo}\p{N}_-]{0,62}$/u.test(key))
      fail(
        property,
        `Label keys can only contain lowercase letters, international characters, digits, _ and -, 63 at most: ${key}`,
      );
    if (typeof value === 'string' && !/^[\p{Ll}\p{Lo}\p{N}_-]{0,63}$/u.test(value))
      fail(
        property,
        `Label values can only contain lowercase letters, international characters, digits, _ and -, 63 at most: ${value}`,
      );
  }
}

/** What the plug-in adds where it labels. */
export function withLabels({ labels }: Props): Props {
  const all = { ...part(labels), 'goog-pulumi-provisioned': 'true' };
  return { labels: part(labels), pulumiLabels: all, effectiveLabels: all };
}

/** Adds what all types have that know a `deletionPolicy`: its default, its values, and what it does. */
export function guarded(kind: Kind, policies: readonly string[] = ['DELETE', 'PREVENT', 'ABANDON']): Kind {
  return {
    ...kind,
    defaults: (inputs, config) => ({ deletionPolicy: 'DELETE', ...kind.defaults?.(inputs, config) }),
    check: (inputs, fail, context) => {
      texts({ deletionPolicy: oneOf(...policies) })(inputs, fail);
      kind.check?.(inputs, fail, context);
    },
    delete: async (object, context) => {
      const policy = object.outputs.deletionPolicy;
      if (policy === 'PREVENT')
        throw new Error(
          `cannot destroy ${object.id} without setting deletion_policy="DELETE" and running \`pulumi up\``,
        );
      if (policy === 'ABANDON') return 'kept';
      return await kind.delete?.(object, context);
    },
  };
}

/** What the service answers about an object that is not there. */
export function existing(store: Store, type: string, id: string, what: string) {
  const object = store.get(type, id);
  if (object === undefined) throw new Error(`googleapi: Error 404: ${what} does not exist., notFound`);
  return object;
}

/** The last part of a path such as `projects/P/global/networks/N`, of a URL of it, or the name alone. */
export const lastPart = (path: unknown): string => text(path).split('/').at(-1) ?? '';

export const inProject = (inputs: Props, { config }: Context): string =>
  text(inputs.project) || text(config.project);

/** A number that looks like one of Google's and depends on nothing but the text. */
export function numberOf(value: string): string {
  let hash = 7n;
  for (const byte of Buffer.from(value)) hash = (hash * 31n + BigInt(byte)) % 900_000_000_000n;
  return String(100_000_000_000n + hash);
}

export const now = (): string => new Date().toISOString();
