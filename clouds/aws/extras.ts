// What is neither store nor way in: who reads data is written down, programs get an identity, nodes may read images.
import type * as pulumi from '@pulumi/pulumi';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy.js';
import type { ExtrasArgs, IdentitiesArgs } from '../cloud.ts';
import { type ClientNeeds, clientAccount, keptAfterDestroy } from '../extras.ts';
import type { AwsContext } from './context.ts';
import { identity } from './identities.ts';
import { imageStatement, policyDocument } from './policies.ts';

/** Outputs of the stack. */
export function extras(
  context: AwsContext,
  audit: typeof import('./audit.ts') | undefined,
  name: string,
  args: ExtrasArgs,
  opts: pulumi.ComponentResourceOptions,
): Record<string, pulumi.Input<unknown>> {
  const { settings, accountId, region } = context;
  const { clientIdentity } = settings;
  const trail = args.bucket && audit?.auditTrail(context, `${name}-audit`, args.bucket, opts);
  readableImages(context, name, opts);
  return {
    accountId,
    region,
    ...(trail !== undefined && { auditBucket: trail }),
    ...(clientIdentity.enabled && { clientIdentity: client(context, `${name}-client`, args, opts) }),
    ...keptAfterDestroy(settings, args),
  };
}

function client(
  context: AwsContext,
  name: string,
  args: IdentitiesArgs,
  opts: pulumi.ComponentResourceOptions,
): Record<string, pulumi.Input<string>> {
  const identify = (needs: ClientNeeds) => identity(context, name, needs, opts);
  const { identity: role, ...account } = clientAccount(context.settings, name, args, identify, opts);
  return { ...account, ...(role && { role: role.principal }) };
}

/** Nodes log in to the registry by the right that EKS gives them; this is the right to read one repository. */
function readableImages(
  { settings, partition, region, accountId }: AwsContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): void {
  const { imageRepository, imageReaders } = settings.identity;
  if (imageRepository === undefined) return;
  const arn = `arn:${partition}:ecr:${region}:${accountId}:repository/${imageRepository}`;
  for (const role of imageReaders)
    new RolePolicy(`${name}-images-${role}`, { role, policy: policyDocument(imageStatement(arn)) }, opts);
}
