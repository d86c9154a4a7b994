// Buckets, and the parts of a bucket that are resources of their own.
import * as s3 from '@aws-sdk/client-s3';
import type { Context, ServedKind } from '../provider.ts';
import type { Props } from '../store.ts';
import { allTags, asApi, asTagList, clientOf, isAbsence, regionOf, saying, unlessAbsent } from './clients.ts';
import { bucketName, oneOf, resourcePolicy, texts } from './rules.ts';

const client = clientOf((settings) => new s3.S3Client({ ...settings, forcePathStyle: true }));

const bucketOutputs = (inputs: Props, context: Context): Props => {
  const bucket = inputs.bucket as string;
  const region = regionOf(context.config);
  return {
    arn: `arn:aws:s3:::${bucket}`,
    bucketDomainName: `${bucket}.s3.amazonaws.com`,
    bucketRegion: region,
    bucketRegionalDomainName: `${bucket}.s3.${region}.amazonaws.com`,
    region,
    tagsAll: allTags(inputs, context),
  };
};

const putTags = async (inputs: Props, context: Context): Promise<void> => {
  const TagSet = asTagList(allTags(inputs, context));
  const Bucket = inputs.bucket as string;
  await client(context).send(new s3.PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
};

export const bucket: ServedKind = {
  replaceOnChanges: ['bucket', 'bucketPrefix', 'objectLockEnabled', 'region'],
  autoname: { property: 'bucket', maxLength: 63, lowercase: true },
  defaults: () => ({ forceDestroy: false }),
  check: texts({ bucket: bucketName }),
  make: async (inputs, context) => {
    const Bucket = inputs.bucket as string;
    const region = regionOf(context.config);
    const place = {
      CreateBucketConfiguration: { LocationConstraint: region as s3.BucketLocationConstraint },
    };
    const made = client(context).send(
      new s3.CreateBucketCommand({ Bucket, ...(region !== 'us-east-1' && place) }),
    );
    await saying(`creating S3 Bucket (${Bucket})`, 'S3: CreateBucket', made);
    await putTags(inputs, context);
    return { id: Bucket, outputs: bucketOutputs(inputs, context) };
  },
  look: async ({ id, outputs }, context) => {
    const found = await unlessAbsent(client(context).send(new s3.HeadBucketCommand({ Bucket: id })));
    return found && bucketOutputs({ ...outputs, bucket: id }, context);
  },
  change: async (inputs, _, context) => {
    await putTags(inputs, context);
    return bucketOutputs(inputs, context);
  },
  unmake: async ({ id: Bucket, outputs }, context) => {
    // The plug-in goes by what is in the state, where an update has put it.
    if (outputs.forceDestroy === true) await emptied(Bucket, context);
    const deleted = client(context).send(new s3.DeleteBucketCommand({ Bucket }));
    await saying(`deleting S3 Bucket (${Bucket})`, 'S3: DeleteBucket', deleted);
  },
};

/** Deletes every version of every file. */
async function emptied(Bucket: string, context: Context): Promise<void> {
  for (;;) {
    const page = await client(context).send(new s3.ListObjectVersionsCommand({ Bucket }));
    const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    if (all.length === 0) return;
    const Objects = all.map(({ Key, VersionId }) => ({ Key: Key ?? '', VersionId }));
    await client(context).send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
  }
}

interface Part {
  /** Further properties that cannot be changed. */
  readonly replaceOnChanges?: readonly string[];
  readonly check?: ServedKind['check'];
  readonly defaults?: ServedKind['defaults'];
  /** As the real plug-in names the part in errors. */
  readonly title: string;
  put(Bucket: string, inputs: Props, context: Context): Promise<unknown>;
  get(Bucket: string, context: Context): Promise<unknown>;
  remove(Bucket: string, context: Context): Promise<unknown>;
  readonly outputs?: (inputs: Props) => Props;
}

/** A part that a bucket has one of: it is put, and taken away. */
function part({ replaceOnChanges = [], title, put, get, remove, outputs, ...rules }: Part): ServedKind {
  const write = async (inputs: Props, context: Context): Promise<Props> => {
    const name = inputs.bucket as string;
    const operation = `S3: Put${title.replaceAll(' ', '')}`;
    await saying(`creating S3 ${title} (${name})`, operation, put(name, inputs, context));
    return { region: regionOf(context.config), ...outputs?.(inputs) };
  };
  return {
    ...rules,
    replaceOnChanges: ['bucket', 'region', 'expectedBucketOwner', ...replaceOnChanges],
    check: (inputs, fail, context) => {
      texts({ bucket: bucketName })(inputs, fail);
      rules.check?.(inputs, fail, context);
    },
    make: async (inputs, context) => ({
      id: inputs.bucket as string,
      outputs: await write(inputs, context),
    }),
    look: async ({ id }, context) => ((await unlessAbsent(get(id, context))) === undefined ? undefined : {}),
    change: (inputs, _, context) => write(inputs, context),
    unmake: async ({ id }, context) => {
      await remove(id, context).catch((error: unknown) => {
        if (!isAbsence(error)) throw error;
      });
    },
  };
}

const command =
  <I extends object>(Command: new (input: I) => unknown) =>
  (Bucket: string, context: Context, rest: object = {}): Promise<unknown> =>
    client(context).send(new Command({ Bucket, ...rest } as unknown as I) as never);

const statusOf = (inputs: Props) => (inputs.versioningConfiguration as Props).status as string;

export const bucketVersioning = part({
  title: 'Bucket Versioning',
  check: (inputs, fail) => {
    const status = (inputs.versioningConfiguration as Props | undefined)?.status;
    const problem = oneOf('Enabled', 'Suspended', 'Disabled');
    if (typeof status === 'string' && problem(status) !== undefined)
      fail('versioningConfiguration.status', `${problem(status) ?? ''}, got ${status}`);
  },
  put: (Bucket, inputs, context) =>
    // A bucket that never had versions needs no word.
    statusOf(inputs) === 'Disabled'
      ? Promise.resolve()
      : command(s3.PutBucketVersioningCommand)(Bucket, context, {
          VersioningConfiguration: { Status: statusOf(inputs) },
        }),
  get: command(s3.GetBucketVersioningCommand),
  // Versions can be suspended, and never be forgotten.
  remove: (Bucket, context) =>
    command(s3.PutBucketVersioningCommand)(Bucket, context, {
      VersioningConfiguration: { Status: 'Suspended' },
    }),
});

export const bucketEncryption = part({
  title: 'Bucket Encryption',
  check: (inputs, fail) => {
    for (const [index, rule] of ((inputs.rules ?? []) as Props[]).entries()) {
      const path = `rules[${index}].applyServerSideEncryptionByDefault`;
      const { sseAlgorithm, kmsMasterKeyId } = (rule.applyServerSideEncryptionByDefault ?? {}) as Props;
      const problem = oneOf('AES256', 'aws:kms', 'aws:kms:dsse', 'aws:fsx');
      if (typeof sseAlgorithm === 'string' && problem(sseAlgorithm) !== undefined)
        fail(`${path}.sseAlgorithm`, `${problem(sseAlgorithm) ?? ''}, got ${sseAlgorithm}`);
      if (sseAlgorithm === 'AES256' && kmsMasterKeyId !== undefined)
        fail(
          `${path}.kmsMasterKeyId`,
          'a KMSMasterKeyID is not applicable if the default sse algorithm is AES256',
        );
    }
  },
  put: (Bucket, { rules }, context) =>
    command(s3.PutBucketEncryptionCommand)(Bucket, context, {
      ServerSideEncryptionConfiguration: { Rules: asApi(rules) },
    }),
  get: command(s3.GetBucketEncryptionCommand),
  remove: command(s3.DeleteBucketEncryptionCommand),
});

const blocks = ['blockPublicAcls', 'blockPublicPolicy', 'ignorePublicAcls', 'restrictPublicBuckets'] as const;

export const bucketPublicAccessBlock = part({
  title: 'Public Access Block',
  put: (Bucket, inputs, context) =>
    command(s3.PutPublicAccessBlockCommand)(Bucket, context, {
      PublicAccessBlockConfiguration: asApi(
        Object.fromEntries(blocks.map((name) => [name, inputs[name] ?? false])),
      ),
    }),
  get: command(s3.GetPublicAccessBlockCommand),
  remove: command(s3.DeletePublicAccessBlockCommand),
});

export const bucketOwnershipControls = part({
  title: 'Bucket Ownership Controls',
  check: (inputs, fail) => {
    const value = (inputs.rule as Props | undefined)?.objectOwnership;
    const problem = oneOf('BucketOwnerEnforced', 'BucketOwnerPreferred', 'ObjectWriter');
    if (typeof value === 'string' && problem(value) !== undefined)
      fail('rule.objectOwnership', `${problem(value) ?? ''}, got ${value}`);
  },
  put: (Bucket, { rule }, context) =>
    command(s3.PutBucketOwnershipControlsCommand)(Bucket, context, {
      OwnershipControls: { Rules: [asApi(rule)] },
    }),
  get: command(s3.GetBucketOwnershipControlsCommand),
  remove: command(s3.DeleteBucketOwnershipControlsCommand),
});

/** What a rule of a lifecycle may do. One at least. */
const actions = [
  'abortIncompleteMultipartUpload',
  'expiration',
  'noncurrentVersionExpiration',
  'noncurrentVersionTransitions',
  'transitions',
];

export const bucketLifecycle = part({
  title: 'Bucket Lifecycle Configuration',
  check: (inputs, fail) => {
    const rules = (inputs.rules ?? []) as Props[];
    const ids = rules.map(({ id }) => id).filter((id) => typeof id === 'string');
    if (new Set(ids).size < ids.length) fail('rules', 'InvalidArgument: Rule ID must be unique');
    for (const [index, rule] of rules.entries()) {
      const path = `rules[${index}]`;
      if (!['Enabled', 'Disabled'].includes(rule.status as string))
        fail(`${path}.status`, 'value must be one of: ["Enabled" "Disabled"]');
      if (!actions.some((action) => rule[action] !== undefined))
        fail(path, 'InvalidRequest: At least one action needs to be specified in a rule');
      for (const { days, storageClass } of (rule.transitions ?? []) as Props[])
        if (['STANDARD_IA', 'ONEZONE_IA'].includes(storageClass as string) && Number(days) < 30)
          fail(
            `${path}.transitions`,
            `InvalidArgument: 'Days' in Transition action must be greater than or equal to 30 for storageClass '${storageClass as string}'`,
          );
    }
  },
  defaults: () => ({ transitionDefaultMinimumObjectSize: 'all_storage_classes_128K' }),
  put: (Bucket, { rules, transitionDefaultMinimumObjectSize }, context) =>
    command(s3.PutBucketLifecycleConfigurationCommand)(Bucket, context, {
      LifecycleConfiguration: { Rules: asApi(rules) },
      TransitionDefaultMinimumObjectSize: transitionDefaultMinimumObjectSize,
    }),
  get: command(s3.GetBucketLifecycleConfigurationCommand),
  remove: command(s3.DeleteBucketLifecycleCommand),
  outputs: ({ expectedBucketOwner }) => ({ expectedBucketOwner: expectedBucketOwner ?? '' }),
});

export const bucketLogging = part({
  title: 'Bucket Logging',
  check: texts({ targetBucket: bucketName }),
  put: (Bucket, { targetBucket: TargetBucket, targetPrefix: TargetPrefix }, context) =>
    command(s3.PutBucketLoggingCommand)(Bucket, context, {
      BucketLoggingStatus: { LoggingEnabled: { TargetBucket, TargetPrefix } },
    }),
  get: command(s3.GetBucketLoggingCommand),
  remove: (Bucket, context) =>
    command(s3.PutBucketLoggingCommand)(Bucket, context, { BucketLoggingStatus: {} }),
});

export const bucketPolicy = part({
  title: 'Bucket Policy',
  check: texts({ policy: resourcePolicy }),
  put: (Bucket, { policy }, context) => {
    const { Statement } = JSON.parse(policy as string) as { Statement: Props[] };
    for (const resource of Statement.flatMap((statement) => statement.Resource as string | string[]))
      if (!`${resource}/`.startsWith(`arn:aws:s3:::${Bucket}/`))
        throw Object.assign(new Error('Policy has invalid resource'), {
          name: 'MalformedPolicy',
          $metadata: { httpStatusCode: 400 },
        });
    return command(s3.PutBucketPolicyCommand)(Bucket, context, { Policy: policy });
  },
  get: command(s3.GetBucketPolicyCommand),
  remove: command(s3.DeleteBucketPolicyCommand),
});
