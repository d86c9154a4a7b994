// What is neither store nor way in: who reads data is written down, programs get an identity, nodes may read images.
import * as pulumi from '@pulumi/pulumi';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy.js';
import { workloadAccount } from '../../components/service-account.ts';
import type { IdentitiesArgs } from '../cloud.ts';
import type { AwsContext } from './context.ts';
import { identity } from './identities.ts';
import { imageStatement, policyDocument } from './policies.ts';

/** Outputs of the stack. */
export function extras(
  context: AwsContext,
  audit: typeof import('./audit.ts') | undefined,
  name: string,
  args: IdentitiesArgs,
  opts: pulumi.ComponentResourceOptions,
): Record<string, pulumi.Input<unknown>> {
  const { settings, accountId, region } = context;
  const { clientIdentity, dataProtection } = settings;
  const trail = args.bucket && audit?.auditTrail(context, `${name}-audit`, args.bucket, opts);
  readableImages(context, name, opts);
  return {
    accountId,
    region,
    ...(trail !== undefined && { auditBucket: trail }),
    ...(clientIdentity.enabled && { clientIdentity: client(context, `${name}-client`, args, opts) }),
    // Settings by which a later stack finds the data that this one leaves.
    ...(dataProtection !== 'delete' && {
      keptAfterDestroy: {
        ...(args.bucket && { 'artifactStore.existingBucket': args.bucket.name }),
        ...(args.instance && { 'backendStore.existingInstance': args.instance.id }),
      },
    }),
  };
}

/** In mode proxy programs need no right of their own. */
function client(
  context: AwsContext,
  name: string,
  { namespace, bucket }: IdentitiesArgs,
  opts: pulumi.ComponentResourceOptions,
): Record<string, pulumi.Input<string>> {
  const { artifactStore, clientIdentity } = context.settings;
  const { serviceAccount } = clientIdentity;
  const home = clientIdentity.namespace ?? namespace;
  const role =
    artifactStore.mode === 'direct' && bucket !== undefined
      ? identity(context, name, { namespace: home, serviceAccount, bucket }, opts)
      : undefined;
  workloadAccount(
    name,
    { namespace: home, component: 'client', identity: role, objectName: serviceAccount },
    opts,
  );
  return { namespace: home, serviceAccount, ...(role && { role: role.principal }) };
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
