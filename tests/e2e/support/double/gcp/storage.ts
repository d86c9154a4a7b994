// Buckets of the pretended Google Cloud: settings in the store, objects in the Cloud Storage server that the test runs.
import type { Kind } from '../provider.ts';
import type { Props } from '../store.ts';
import {
  bucketName,
  checkLabels,
  guarded,
  inProject,
  location,
  now,
  numberOf,
  oneOf,
  part,
  projectId,
  text,
  texts,
  withLabels,
} from './rules.ts';

const api = (path: string) => `${process.env.DOUBLE_STORAGE ?? ''}/storage/v1/${path}`;

/** Asks the Cloud Storage server itself. */
export async function call(method: string, path: string, body?: object): Promise<Props> {
  const answer = await fetch(api(path), {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const said = await answer.text();
  if (!answer.ok) throw new Error(`googleapi: Error ${answer.status}: ${said}`);
  return said === '' ? {} : (JSON.parse(said) as Props);
}

/** Names of all objects, old versions not among them. */
async function objectsIn(bucket: string): Promise<string[]> {
  const { items } = (await call('GET', `b/${bucket}/o?maxResults=1000`)) as { items?: { name: string }[] };
  return (items ?? []).map(({ name }) => name);
}

const STORAGE_CLASSES = ['STANDARD', 'MULTI_REGIONAL', 'REGIONAL', 'NEARLINE', 'COLDLINE', 'ARCHIVE'];

function checkLifecycle(rules: unknown, fail: (property: string, reason: string) => void): void {
  (Array.isArray(rules) ? rules.map(part) : []).forEach((rule, index) => {
    const { type, storageClass } = part(rule.action);
    const at = `lifecycleRules[${index}].action`;
    if (
      typeof type === 'string' &&
      !['Delete', 'SetStorageClass', 'AbortIncompleteMultipartUpload'].includes(type)
    )
      fail(`${at}.type`, `${type} is no action`);
    if (type === 'SetStorageClass' && !STORAGE_CLASSES.includes(text(storageClass)))
      fail(`${at}.storageClass`, `${text(storageClass)} is no storage class`);
    if (type !== 'SetStorageClass' && storageClass !== undefined)
      fail(`${at}.storageClass`, 'only SetStorageClass takes a storage class');
    if (Object.keys(part(rule.condition)).length === 0)
      fail(`lifecycleRules[${index}].condition`, 'Lifecycle rule condition must not be empty');
    const allowed = ['age', 'matchesPrefixes', 'matchesSuffixes'];
    if (type === 'AbortIncompleteMultipartUpload')
      for (const name of Object.keys(part(rule.condition)).filter((each) => !allowed.includes(each)))
        fail(
          `lifecycleRules[${index}].condition.${name}`,
          'AbortIncompleteMultipartUpload takes age, matchesPrefixes and matchesSuffixes only',
        );
  });
}

export const bucket: Kind = guarded({
  replaceOnChanges: ['name', 'location', 'project', 'enableObjectRetention', 'hierarchicalNamespace'],
  autoname: { property: 'name', maxLength: 222 },
  defaults: (_, { project }) => ({ project, forceDestroy: false, storageClass: 'STANDARD' }),
  check: (inputs, fail) => {
    texts({
      name: bucketName,
      project: projectId,
      location,
      storageClass: oneOf(...STORAGE_CLASSES),
      publicAccessPrevention: oneOf('inherited', 'enforced'),
      'logging.logBucket': bucketName,
      'encryption.defaultKmsKeyName': (value) =>
        /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+$/.test(value)
          ? undefined
          : 'Invalid KMS key name',
    })(inputs, fail);
    checkLabels('labels', inputs.labels, fail);
    checkLifecycle(inputs.lifecycleRules, fail);
    const { retentionDurationSeconds: kept } = part(inputs.softDeletePolicy);
    if (typeof kept === 'number' && kept !== 0 && (kept < 604_800 || kept > 7_776_000))
      fail('softDeletePolicy.retentionDurationSeconds', 'must be 0, or between 7 and 90 days');
    if (inputs.retentionPolicy !== undefined && part(inputs.versioning).enabled === true)
      fail('retentionPolicy', 'Object versioning and retention policy cannot both be set');
  },
  id: ({ name }) => text(name),
  computed: (inputs, context, old) => ({
    ...withLabels(inputs),
    location: text(inputs.location).toUpperCase(),
    projectNumber: Number(numberOf(inProject(inputs, context))),
    publicAccessPrevention: inputs.publicAccessPrevention ?? 'inherited',
    rpo: inputs.rpo ?? 'DEFAULT',
    selfLink: `https://www.googleapis.com/storage/v1/b/${text(inputs.name)}`,
    softDeletePolicy: inputs.softDeletePolicy ?? { retentionDurationSeconds: 604_800, effectiveTime: now() },
    timeCreated: old?.outputs.timeCreated ?? now(),
    updated: now(),
    uniformBucketLevelAccess: inputs.uniformBucketLevelAccess ?? false,
    url: `gs://${text(inputs.name)}`,
    versioning: inputs.versioning ?? { enabled: false },
    website: inputs.website ?? {},
  }),
  create: async ({ id, inputs }, context) => {
    await call('POST', `b?project=${inProject(inputs, context)}`, {
      name: id,
      versioning: { enabled: part(inputs.versioning).enabled === true },
    });
  },
  update: async ({ id, inputs }) => {
    await call('PATCH', `b/${id}`, { versioning: { enabled: part(inputs.versioning).enabled === true } });
  },
  delete: async ({ id, outputs }) => {
    for (;;) {
      const objects = await objectsIn(id);
      if (objects.length === 0) break;
      if (outputs.forceDestroy !== true)
        throw new Error(
          `Error trying to delete bucket ${id} containing objects without \`force_destroy\` set to true`,
        );
      for (const name of objects) await call('DELETE', `b/${id}/o/${encodeURIComponent(name)}`);
    }
    await call('DELETE', `b/${id}`);
  },
});
