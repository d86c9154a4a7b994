// What is written down: log groups, and the trail of requests.
import * as cloudtrail from '@aws-sdk/client-cloudtrail';
import * as logs from '@aws-sdk/client-cloudwatch-logs';
import type { Context, ServedKind } from '../provider.ts';
import type { Props } from '../store.ts';
import { allTags, asApi, asTagList, clientOf, regionOf, saying, unlessAbsent } from './clients.ts';
import { arn, bucketName, oneOf, texts } from './rules.ts';

const logClient = clientOf((settings) => new logs.CloudWatchLogsClient(settings));
const trailClient = clientOf((settings) => new cloudtrail.CloudTrailClient(settings));

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const retentions = [
  0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

async function describeGroup(name: string, context: Context): Promise<logs.LogGroup | undefined> {
  const asked = logClient(context).send(new logs.DescribeLogGroupsCommand({ logGroupNamePrefix: name }));
  return (await asked).logGroups?.find(({ logGroupName }) => logGroupName === name);
}

async function setRetention(logGroupName: string, inputs: Props, context: Context): Promise<void> {
  const retentionInDays = Number(inputs.retentionInDays ?? 0);
  await logClient(context).send(
    retentionInDays === 0
      ? (new logs.DeleteRetentionPolicyCommand({ logGroupName }) as never)
      : (new logs.PutRetentionPolicyCommand({ logGroupName, retentionInDays }) as never),
  );
}

const groupOutputs = (group: logs.LogGroup | undefined, inputs: Props, context: Context): Props => ({
  arn: group?.arn?.replace(/:\*$/, ''),
  logGroupClass: group?.logGroupClass ?? 'STANDARD',
  region: regionOf(context.config),
  tagsAll: allTags(inputs, context),
});

export const logGroup: ServedKind = {
  replaceOnChanges: ['name', 'namePrefix', 'logGroupClass', 'region'],
  autoname: { property: 'name', maxLength: 512 },
  defaults: () => ({ skipDestroy: false }),
  check: (inputs, fail) => {
    texts({
      name: (value) =>
        /^[\w./#-]{1,512}$/.test(value) ? undefined : 'must be 1 to 512 letters, digits and ._/#-',
      kmsKeyId: arn,
    })(inputs, fail);
    const { retentionInDays = 0 } = inputs;
    if (!retentions.includes(retentionInDays as number))
      fail('retentionInDays', `expected retention_in_days to be one of [${retentions.join(' ')}]`);
  },
  make: async (inputs, context) => {
    const name = inputs.name as string;
    const made = logClient(context).send(
      new logs.CreateLogGroupCommand({
        logGroupName: name,
        kmsKeyId: inputs.kmsKeyId as string | undefined,
        tags: allTags(inputs, context),
      }),
    );
    await saying(`creating CloudWatch Logs Log Group (${name})`, 'CloudWatch Logs: CreateLogGroup', made);
    await setRetention(name, inputs, context);
    return { id: name, outputs: groupOutputs(await describeGroup(name, context), inputs, context) };
  },
  look: async ({ id, outputs }, context) => {
    const found = await describeGroup(id, context);
    return found && { ...groupOutputs(found, outputs, context), retentionInDays: found.retentionInDays ?? 0 };
  },
  change: async (inputs, { id }, context) => {
    await setRetention(id, inputs, context);
    return groupOutputs(await describeGroup(id, context), inputs, context);
  },
  unmake: async ({ id, outputs }, context) => {
    if (outputs.skipDestroy === true) return;
    await unlessAbsent(logClient(context).send(new logs.DeleteLogGroupCommand({ logGroupName: id })));
  },
};

async function select(inputs: Props, TrailName: string, context: Context): Promise<void> {
  const { eventSelectors, advancedEventSelectors } = inputs;
  if (advancedEventSelectors !== undefined)
    await trailClient(context).send(
      new cloudtrail.PutEventSelectorsCommand({
        TrailName,
        AdvancedEventSelectors: (advancedEventSelectors as Props[]).map(({ name, fieldSelectors }) => ({
          Name: name as string,
          FieldSelectors: asApi(fieldSelectors) as cloudtrail.AdvancedFieldSelector[],
        })),
      }),
    );
  else if (eventSelectors !== undefined)
    await trailClient(context).send(
      new cloudtrail.PutEventSelectorsCommand({
        TrailName,
        EventSelectors: asApi(eventSelectors) as cloudtrail.EventSelector[],
      }),
    );
  await trailClient(context).send(
    inputs.enableLogging === false
      ? (new cloudtrail.StopLoggingCommand({ Name: TrailName }) as never)
      : (new cloudtrail.StartLoggingCommand({ Name: TrailName }) as never),
  );
}

const trailSettings = (inputs: Props) => ({
  Name: inputs.name as string,
  S3BucketName: inputs.s3BucketName as string,
  S3KeyPrefix: inputs.s3KeyPrefix as string | undefined,
  IncludeGlobalServiceEvents: (inputs.includeGlobalServiceEvents ?? true) as boolean,
  IsMultiRegionTrail: (inputs.isMultiRegionTrail ?? false) as boolean,
  EnableLogFileValidation: (inputs.enableLogFileValidation ?? false) as boolean,
  KmsKeyId: inputs.kmsKeyId as string | undefined,
});

export const trail: ServedKind = {
  replaceOnChanges: ['name', 'region'],
  autoname: { property: 'name', maxLength: 128 },
  defaults: () => ({
    enableLogFileValidation: false,
    enableLogging: true,
    includeGlobalServiceEvents: true,
    isMultiRegionTrail: false,
    isOrganizationTrail: false,
  }),
  check: (inputs, fail) => {
    texts({
      name: (value) =>
        /^[A-Za-z0-9][\w.-]{1,126}[A-Za-z0-9]$/.test(value) && !/[-_.]{2}/.test(value)
          ? undefined
          : 'InvalidTrailNameException: 3 to 128 letters, digits, dots, underscores and hyphens, not two signs in a row',
      s3BucketName: bucketName,
      kmsKeyId: arn,
    })(inputs, fail);
    if (inputs.eventSelectors !== undefined && inputs.advancedEventSelectors !== undefined)
      fail('eventSelectors', '"event_selector": conflicts with advanced_event_selector');
    const kinds = oneOf('All', 'ReadOnly', 'WriteOnly');
    for (const { readWriteType = 'All' } of (inputs.eventSelectors ?? []) as Props[])
      if (kinds(readWriteType as string) !== undefined)
        fail('eventSelectors', kinds(readWriteType as string) ?? '');
  },
  make: async (inputs, context) => {
    const name = inputs.name as string;
    const made = trailClient(context).send(
      new cloudtrail.CreateTrailCommand({
        ...trailSettings(inputs),
        TagsList: asTagList(allTags(inputs, context)),
      }),
    );
    const { TrailARN = '' } = await saying(
      `creating CloudTrail Trail (${name})`,
      'CloudTrail: CreateTrail',
      made,
    );
    await select(inputs, name, context);
    return {
      // As the plug-in has it since its sixth version.
      id: TrailARN,
      outputs: {
        arn: TrailARN,
        homeRegion: regionOf(context.config),
        region: regionOf(context.config),
        tagsAll: allTags(inputs, context),
      },
    };
  },
  look: async ({ outputs }, context) => {
    const asked = trailClient(context).send(new cloudtrail.GetTrailCommand({ Name: outputs.name as string }));
    return (await unlessAbsent(asked)) && {};
  },
  change: async (inputs, { outputs }, context) => {
    await trailClient(context).send(new cloudtrail.UpdateTrailCommand(trailSettings(inputs)));
    await select(inputs, inputs.name as string, context);
    const { arn: trailArn, homeRegion, region } = outputs;
    return { arn: trailArn, homeRegion, region, tagsAll: allTags(inputs, context) };
  },
  unmake: async ({ outputs }, context) => {
    await unlessAbsent(
      trailClient(context).send(new cloudtrail.DeleteTrailCommand({ Name: outputs.name as string })),
    );
  },
};
