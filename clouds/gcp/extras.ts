// What is neither store nor way in: who reads data is written down, programs get an identity, nodes may read images.
import type * as pulumi from '@pulumi/pulumi';
import { workloadAccount } from '../../components/service-account.ts';
import type { IdentitiesArgs } from '../cloud.ts';
import { type AccountEmail, account, bind } from './accounts.ts';
import type { GcpContext } from './context.ts';
import { bucketRights } from './identities.ts';

/** SDKs of what a stack does not use are not loaded. */
export interface ExtraSdk {
  readonly audit?: typeof import('./audit.ts') | undefined;
  readonly images?: typeof import('./images.ts') | undefined;
}

export async function loadExtraSdk({ audit, identity }: GcpContext['settings']): Promise<ExtraSdk> {
  const [auditSdk, images] = await Promise.all([
    audit.enabled ? import('./audit.ts') : undefined,
    identity.imageRepository === undefined ? undefined : import('./images.ts'),
  ]);
  return { audit: auditSdk, images };
}

/** Outputs of the stack. */
export function extras(
  context: GcpContext,
  sdk: ExtraSdk,
  name: string,
  args: IdentitiesArgs,
  databaseAccount: AccountEmail | undefined,
  opts: pulumi.ComponentResourceOptions,
): Record<string, pulumi.Input<unknown>> {
  const { settings, gcp } = context;
  const { clientIdentity, dataProtection } = settings;
  sdk.images?.readableImages(context, name, opts);
  return {
    project: gcp.project,
    region: gcp.region,
    ...(sdk.audit && { auditLog: sdk.audit.auditLog(context, `${name}-audit`, args, opts) }),
    ...(clientIdentity.enabled && { clientIdentity: client(context, `${name}-client`, args, opts) }),
    // Settings by which a later stack finds the data that this one leaves.
    ...(dataProtection !== 'delete' && {
      keptAfterDestroy: {
        ...(args.bucket && { 'artifactStore.existingBucket': args.bucket.name }),
        ...(args.instance && {
          'backendStore.existingInstance': args.instance.id,
          'gcp.existingDatabase': true,
        }),
        ...(databaseAccount && { 'gcp.databaseAccount': databaseAccount }),
      },
    }),
  };
}

/** In mode proxy programs need no right of their own. */
function client(
  context: GcpContext,
  name: string,
  { namespace, bucket }: IdentitiesArgs,
  opts: pulumi.ComponentResourceOptions,
): Record<string, pulumi.Input<string>> {
  const { artifactStore, clientIdentity } = context.settings;
  const { serviceAccount } = clientIdentity;
  const home = clientIdentity.namespace ?? namespace;
  const direct = artifactStore.mode === 'direct' ? bucket : undefined;
  const email = direct && account(context, name, 'cli', 'programs that train', opts);
  if (email !== undefined) bucketRights(name, email, direct, opts);
  const identity = email && bind(context, name, email, { namespace: home, serviceAccount }, opts);
  workloadAccount(name, { namespace: home, component: 'client', identity, objectName: serviceAccount }, opts);
  return { namespace: home, serviceAccount, ...(email && { account: email }) };
}
