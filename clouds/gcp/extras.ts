// What is neither store nor way in: who reads data is written down, programs get an identity, nodes may read images.
import type * as pulumi from '@pulumi/pulumi';
import type { ExtrasArgs, IdentitiesArgs } from '../cloud.ts';
import { type ClientNeeds, clientAccount, keptAfterDestroy } from '../extras.ts';
import { type AccountEmail, account, bind } from './accounts.ts';
import type { GcpContext } from './context.ts';
import { bucketRights } from './identities.ts';

/** SDKs of what a stack does not use are not loaded. */
export interface ExtraSdk {
  readonly audit?: typeof import('./audit.ts') | undefined;
  readonly images?: typeof import('./images.ts') | undefined;
  readonly secrets?: typeof import('./secrets.ts') | undefined;
  readonly secretReader?: typeof import('./secret-reader.ts') | undefined;
}

export async function loadExtraSdk({
  audit,
  identity,
  externalSecrets,
  secrets: { store },
}: GcpContext['settings']): Promise<ExtraSdk> {
  const [auditSdk, images, secrets, secretReader] = await Promise.all([
    audit.enabled ? import('./audit.ts') : undefined,
    identity.imageRepository === undefined ? undefined : import('./images.ts'),
    store === 'cloud' ? import('./secrets.ts') : undefined,
    externalSecrets.store?.provider === 'gcpSecretManager' ? import('./secret-reader.ts') : undefined,
  ]);
  return { audit: auditSdk, images, secrets, secretReader };
}

/** Outputs of the stack. */
export function extras(
  context: GcpContext,
  sdk: ExtraSdk,
  name: string,
  args: ExtrasArgs,
  databaseAccount: AccountEmail | undefined,
  opts: pulumi.ComponentResourceOptions,
): Record<string, pulumi.Input<unknown>> {
  const { settings, gcp } = context;
  const { clientIdentity } = settings;
  sdk.images?.readableImages(context, name, opts);
  return {
    project: gcp.project,
    region: gcp.region,
    ...(sdk.audit && { auditLog: sdk.audit.auditLog(context, `${name}-audit`, args, opts) }),
    ...(clientIdentity.enabled && { clientIdentity: client(context, `${name}-client`, args, opts) }),
    ...keptAfterDestroy(settings, args, {
      ...(args.instance && { 'gcp.existingDatabase': true }),
      ...(databaseAccount && { 'gcp.databaseAccount': databaseAccount }),
    }),
  };
}

function client(
  context: GcpContext,
  name: string,
  args: IdentitiesArgs,
  opts: pulumi.ComponentResourceOptions,
): Record<string, pulumi.Input<string>> {
  const identify = ({ bucket, ...programs }: ClientNeeds) => {
    const email = account(context, name, 'cli', 'programs that train', opts);
    bucketRights(name, email, bucket, opts);
    return bind(context, name, email, programs, opts);
  };
  const { identity, ...home } = clientAccount(context.settings, name, args, identify, opts);
  return { ...home, ...(identity && { account: identity.principal }) };
}
