// Logs and who gets in from where, in the pretended Google Cloud.
import type { Kind } from '../provider.ts';
import {
  computeName,
  guarded,
  inProject,
  numberOf,
  part,
  projectId,
  text,
  texts,
  withLabels,
} from './rules.ts';

export const logBucket: Kind = guarded({
  replaceOnChanges: ['project', 'location', 'bucketId'],
  defaults: () => ({ retentionDays: 30 }),
  check: (inputs, fail) => {
    texts({
      project: projectId,
      bucketId: (value) =>
        /^[-\w.]{1,100}$/.test(value) ? undefined : 'only letters, digits, underscores, hyphens and periods',
    })(inputs, fail);
    const days = inputs.retentionDays;
    if (typeof days === 'number' && (days < 1 || days > 3650)) fail('retentionDays', 'expected 1 to 3650');
  },
  id: ({ project, location, bucketId }) =>
    `projects/${text(project)}/locations/${text(location)}/buckets/${text(bucketId)}`,
  computed: (inputs, context) => ({
    name: logBucket.id(inputs, context),
    lifecycleState: 'ACTIVE',
    description: inputs.description ?? '',
  }),
});

export const sink: Kind = guarded({
  replaceOnChanges: ['project', 'name'],
  autoname: { property: 'name', maxLength: 100 },
  defaults: (_, { project }) => ({ project, uniqueWriterIdentity: true }),
  check: texts({
    project: projectId,
    destination: (value) =>
      /^(storage|bigquery|pubsub|logging)\.googleapis\.com\/./.test(value)
        ? undefined
        : 'expected the address of a log bucket, bucket, dataset or topic',
  }),
  id: (inputs, context) => `projects/${inProject(inputs, context)}/sinks/${text(inputs.name)}`,
  computed: (inputs, context) => ({
    bigqueryOptions: { usePartitionedTables: false },
    // None is needed where a log bucket of the same project is the destination.
    writerIdentity: text(inputs.destination).startsWith('logging.')
      ? ''
      : `serviceAccount:service-${numberOf(inProject(inputs, context))}@gcp-sa-logging.iam.gserviceaccount.com`,
  }),
});

export const securityPolicy: Kind = guarded({
  replaceOnChanges: ['project', 'name', 'type'],
  autoname: { property: 'name', maxLength: 63, lowercase: true },
  defaults: (_, { project }) => ({ project }),
  check: (inputs, fail) => {
    texts({ name: computeName, project: projectId })(inputs, fail);
    const rules = Array.isArray(inputs.rules) ? inputs.rules.map(part) : [];
    const priorities = rules.map(({ priority }) => priority);
    if (new Set(priorities).size < priorities.length) fail('rules', 'two rules have the same priority');
    if (rules.length > 0 && !priorities.includes(2_147_483_647))
      fail('rules', 'A default rule with priority 2147483647 and match * is needed');
    rules.forEach(({ action, match }, index) => {
      if (
        typeof action === 'string' &&
        !/^(allow|deny\((403|404|502)\)|rate_based_ban|throttle|redirect)$/.test(action)
      )
        fail(`rules[${index}].action`, `${action} is no action`);
      const { srcIpRanges } = part(part(match).config);
      if (Array.isArray(srcIpRanges) && srcIpRanges.length > 10)
        fail(`rules[${index}].match.config.srcIpRanges`, 'at most 10 ranges');
    });
  },
  id: (inputs, context) =>
    `projects/${inProject(inputs, context)}/global/securityPolicies/${text(inputs.name)}`,
  computed: (inputs, context) => ({
    ...withLabels(inputs),
    advancedOptionsConfig: {},
    fingerprint: 'TDmRCkm9yyg=',
    labelFingerprint: '42WmSpB8rSM=',
    rules: inputs.rules ?? [],
    selfLink: `https://www.googleapis.com/compute/v1/${securityPolicy.id(inputs, context)}`,
    type: inputs.type ?? 'CLOUD_ARMOR',
  }),
});
