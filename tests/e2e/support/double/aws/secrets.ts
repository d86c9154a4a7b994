// Secrets Manager.
import * as secrets from '@aws-sdk/client-secrets-manager';
import type { Context, ServedKind } from '../provider.ts';
import type { Props } from '../store.ts';
import { allTags, asTagList, clientOf, regionOf, saying, unlessAbsent } from './clients.ts';
import { arn, texts } from './rules.ts';

const client = clientOf((settings) => new secrets.SecretsManagerClient(settings));

const secretOutputs = (id: string, inputs: Props, context: Context): Props => ({
  arn: id,
  policy: inputs.policy ?? '',
  region: regionOf(context.config),
  tagsAll: allTags(inputs, context),
});

export const secret: ServedKind = {
  replaceOnChanges: ['name', 'namePrefix', 'region'],
  autoname: { property: 'name', maxLength: 512 },
  defaults: () => ({ forceOverwriteReplicaSecret: false, recoveryWindowInDays: 30 }),
  check: (inputs, fail) => {
    texts({
      name: (value) =>
        /^[\w/+=.@-]{1,512}$/.test(value) ? undefined : 'must be 1 to 512 letters, digits and /_+=.@-',
      kmsKeyId: (value) => (value.startsWith('arn:') ? arn(value) : undefined),
    })(inputs, fail);
    const days = Number(inputs.recoveryWindowInDays);
    if (days !== 0 && (days < 7 || days > 30))
      fail('recoveryWindowInDays', 'expected recovery_window_in_days to be 0 or in the range (7 - 30)');
  },
  make: async (inputs, context) => {
    const name = inputs.name as string;
    const made = client(context).send(
      new secrets.CreateSecretCommand({
        Name: name,
        Description: inputs.description as string | undefined,
        KmsKeyId: inputs.kmsKeyId as string | undefined,
        Tags: asTagList(allTags(inputs, context)),
      }),
    );
    const what = `creating Secrets Manager Secret (${name})`;
    const { ARN = '' } = await saying(what, 'Secrets Manager: CreateSecret', made);
    return { id: ARN, outputs: secretOutputs(ARN, inputs, context) };
  },
  look: async ({ id, outputs }, context) => {
    const asked = client(context).send(new secrets.DescribeSecretCommand({ SecretId: id }));
    const found = await unlessAbsent(asked);
    return found === undefined || found.DeletedDate !== undefined
      ? undefined
      : secretOutputs(id, outputs, context);
  },
  change: async (inputs, { id }, context) => {
    await client(context).send(
      new secrets.UpdateSecretCommand({
        SecretId: id,
        Description: (inputs.description ?? '') as string,
        KmsKeyId: inputs.kmsKeyId as string | undefined,
      }),
    );
    return secretOutputs(id, inputs, context);
  },
  unmake: async ({ id: SecretId, outputs }, context) => {
    const days = Number(outputs.recoveryWindowInDays);
    await unlessAbsent(
      client(context).send(
        new secrets.DeleteSecretCommand({
          SecretId,
          ...(days === 0 ? { ForceDeleteWithoutRecovery: true } : { RecoveryWindowInDays: days }),
        }),
      ),
    );
  },
};

export const secretVersion: ServedKind = {
  replaceOnChanges: ['secretId', 'secretString', 'secretBinary', 'secretStringWoVersion', 'region'],
  secretOutputs: ['secretString', 'secretBinary', 'secretStringWo'],
  make: async (inputs, context) => {
    const made = await client(context).send(
      new secrets.PutSecretValueCommand({
        SecretId: inputs.secretId as string,
        SecretString: inputs.secretString as string | undefined,
        VersionStages: inputs.versionStages as string[] | undefined,
      }),
    );
    const { ARN = '', VersionId = '', VersionStages = [] } = made;
    return {
      id: `${inputs.secretId as string}|${VersionId}`,
      outputs: {
        arn: ARN,
        hasSecretStringWo: false,
        region: regionOf(context.config),
        secretArn: ARN,
        versionId: VersionId,
        versionStages: VersionStages,
      },
    };
  },
  look: async ({ outputs }, context) => {
    const asked = client(context).send(
      new secrets.GetSecretValueCommand({
        SecretId: outputs.secretId as string,
        VersionId: outputs.versionId as string,
      }),
    );
    return (await unlessAbsent(asked)) && {};
  },
  // The last version goes with its secret alone.
  unmake: () => Promise.resolve(),
};

export async function getSecretVersion({ secretId }: Props, context: Context): Promise<Props> {
  const asked = client(context).send(new secrets.GetSecretValueCommand({ SecretId: secretId as string }));
  const what = `reading Secrets Manager Secret Version (${secretId as string})`;
  const found = await saying(what, 'Secrets Manager: GetSecretValue', asked);
  return {
    arn: found.ARN,
    createdDate: found.CreatedDate?.toISOString(),
    id: `${secretId as string}|AWSCURRENT`,
    region: regionOf(context.config),
    secretBinary: '',
    secretId,
    secretString: found.SecretString ?? '',
    versionId: found.VersionId,
    versionStage: 'AWSCURRENT',
    versionStages: found.VersionStages ?? [],
  };
}
