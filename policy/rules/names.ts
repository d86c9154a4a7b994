// Names that their platform takes, and tags that tell whose a resource is.
import {
  type Props,
  type Resource,
  type Rule,
  at,
  cloudOf,
  isObject,
  isUnknown,
  kindOf,
  parsed,
} from '../resource.ts';

interface Limit {
  /** Type token. */
  readonly type: RegExp;
  /** Where the name is; the first that is given counts. Without any, Pulumi makes one with a suffix of 8 characters. */
  readonly fields: readonly string[];
  readonly min?: number;
  readonly max: number;
  readonly pattern: RegExp;
}

const dns = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

const limits: readonly Limit[] = [
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  {
    type: /^aws:s3\/bucket(V2)?:/,
    fields: ['bucket'],
    min: 3,
    max: 63,
    pattern: /^[a-z0-9][-.a-z0-9]*[a-z0-9]$/,
  },
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
  { type: /^aws:iam\/(role|user):/, fields: ['name'], max: 64, pattern: /^[\w+=,.@-]+$/ },
  { type: /^aws:iam\/policy:/, fields: ['name'], max: 128, pattern: /^[\w+=,.@-]+$/ },
  // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
  { type: /^aws:rds\/instance:/, fields: ['identifier'], max: 63, pattern: /^[a-z](-?[a-z0-9])*$/ },
  // https://cloud.google.com/iam/docs/service-accounts-create
  {
    type: /^gcp:serviceaccount\/account:/,
    fields: ['accountId'],
    min: 6,
    max: 30,
    pattern: /^[a-z]([-a-z0-9]*[a-z0-9])$/,
  },
  // https://cloud.google.com/storage/docs/buckets#naming
  {
    type: /^gcp:storage\/bucket:/,
    fields: ['name'],
    min: 3,
    max: 63,
    pattern: /^[a-z0-9][-_.a-z0-9]*[a-z0-9]$/,
  },
  // https://cloud.google.com/sql/docs/quotas: 98 with project id and colon, of which a project id takes 30 at most
  { type: /^gcp:sql\/databaseInstance:/, fields: ['name'], max: 67, pattern: /^[a-z]([-a-z0-9]*[a-z0-9])?$/ },
  { type: /^gcp:compute\//, fields: ['name'], max: 63, pattern: /^[a-z]([-a-z0-9]*[a-z0-9])?$/ },
  // https://kubernetes.io/docs/concepts/overview/working-with-objects/names/. The pods of a CronJob need 11 more characters.
  { type: /^kubernetes:batch\/v1:CronJob$/, fields: ['metadata.name'], max: 52, pattern: dns },
  {
    type: /^kubernetes:(rbac|apiextensions)/,
    fields: ['metadata.name'],
    max: 253,
    pattern: /^[a-z0-9]([-.:a-z0-9]*[a-z0-9])?$/,
  },
  { type: /^kubernetes:/, fields: ['metadata.name'], max: 63, pattern: dns },
];

const suffix = '-12345678';

export const nameLimits: Rule = {
  name: 'name-limits',
  description: 'Names are as long as their platform takes them, and of the characters that it takes.',
  resource: (resource) => {
    const limit = limits.find(({ type }) => type.test(resource.type));
    if (limit === undefined) return [];
    const given = limit.fields.map((field) => at(resource.props, field)).find((name) => name !== undefined);
    if (isUnknown(given)) return [];
    const name = typeof given === 'string' ? given : `${resource.name}${suffix}`;
    const { min = 1, max, pattern } = limit;
    return [
      ...(name.length < min || name.length > max
        ? [`name ${name} has ${name.length} characters; ${min} to ${max} are allowed`]
        : []),
      ...(pattern.test(name) ? [] : [`name ${name} has characters that are not allowed there`]),
    ];
  },
};

/** Where tags are, by type. Kinds that have none are left out. */
const tagFields: readonly (readonly [RegExp, string])[] = [
  [
    /^aws:(s3\/bucket(V2)?|rds\/(instance|subnetGroup|parameterGroup|cluster)|iam\/(role|policy)|ec2\/(securityGroup|vpc|subnet|eip)|kms\/key|cloudwatch\/logGroup|cloudtrail\/trail|secretsmanager\/secret|acm\/certificate|ecr\/repository|eks\/(cluster|nodeGroup)):/,
    'tags',
  ],
  [
    /^gcp:(storage\/bucket|compute\/(globalAddress|address|instance)|secretmanager\/secret|kms\/cryptoKey|artifactregistry\/repository|dns\/managedZone):/,
    'labels',
  ],
  [/^gcp:sql\/databaseInstance:/, 'settings.userLabels'],
  [/^gcp:container\/cluster:/, 'resourceLabels'],
];

/** What the provider adds to the tags of each resource. */
const defaultTags = (provider: Props | undefined, field: string): unknown =>
  field === 'tags'
    ? at(parsed(provider?.defaultTags), 'tags')
    : field === 'labels'
      ? parsed(provider?.defaultLabels)
      : undefined;

/** Labels of Google take lower case only. */
const sameText = (value: unknown, wanted: string): boolean =>
  typeof value === 'string' && value.toLowerCase() === wanted.toLowerCase();

export const tagged: Rule = {
  name: 'tagged',
  description: 'Resources in a cloud carry the names of their project and stack.',
  isAdvice: true,
  resource: (resource: Resource) => {
    const [, field] = tagFields.find(([type]) => type.test(resource.type)) ?? [];
    if (field === undefined) return [];
    const given = [defaultTags(resource.provider, field), at(resource.props, field)];
    if (given.some(isUnknown)) return [];
    const values = given.filter(isObject).flatMap(Object.values) as unknown[];
    return [resource.project, resource.stack]
      .filter((wanted) => !values.some((value) => isUnknown(value) || sameText(value, wanted)))
      .map((wanted) => `${field} does not have the value ${wanted}`);
  },
};

const labels = ['name', 'instance', 'component', 'part-of', 'managed-by'].map(
  (key) => `app.kubernetes.io/${key}`,
);

export const labelled: Rule = {
  name: 'labelled',
  description: 'Objects in the cluster carry the recommended labels.',
  isAdvice: true,
  resource: (resource) => {
    const { props } = resource;
    if (cloudOf(resource) !== 'kubernetes' || !isObject(props.metadata) || kindOf(resource).endsWith('Patch'))
      return [];
    const own = props.metadata.labels;
    if (isUnknown(own)) return [];
    const missing = labels.filter((key) => !isObject(own) || own[key] === undefined);
    return missing.length === 0 ? [] : [`lacks the labels ${missing.join(', ')}`];
  },
};
