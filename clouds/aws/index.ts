import { branch } from '../../components/cloud-parts.ts';
import type { Settings } from '../../config.ts';
import type { Cloud } from '../cloud.ts';
import { clusterAccess } from '../cluster-access.ts';
import { bucket } from './bucket.ts';
import { type AwsContext, lookUp } from './context.ts';
import { database } from './database.ts';
import { type EntrySdk, entry, loadEntrySdk } from './entry.ts';
import { extras } from './extras.ts';
import { identities } from './identities.ts';
import { secretReader } from './secret-reader.ts';

interface Prepared {
  readonly context: AwsContext;
  readonly entrySdk: EntrySdk;
  readonly audit: typeof import('./audit.ts') | undefined;
  readonly secrets: typeof import('./secrets.ts') | undefined;
}

/** EKS, S3 and RDS. */
export function aws(settings: Settings): Cloud {
  let found: Prepared | undefined;
  const prepared = (): Prepared => {
    if (found === undefined) throw new Error('prepare() comes first');
    return found;
  };
  const keepsSecrets = settings.secrets.store === 'cloud';
  const hasRoles = ['workload', 'podIdentity'].includes(settings.identity.kind);
  return {
    cluster: () => clusterAccess(settings.kubernetes),
    prepare: async () => {
      const [context, entrySdk, audit, secrets] = await Promise.all([
        lookUp(settings),
        loadEntrySdk(settings),
        settings.audit.enabled ? import('./audit.ts') : undefined,
        keepsSecrets ? import('./secrets.ts') : undefined,
      ]);
      found = { context, entrySdk, audit, secrets };
    },
    get providers() {
      return [prepared().context.provider];
    },
    bucket: (name, opts) => bucket(prepared().context, name, opts),
    database: (name, args, opts) => database(prepared().context, name, args, opts),
    ...(hasRoles && {
      identities: (name, args, opts) => identities(prepared().context, name, args, opts),
    }),
    entry: (name, args, opts) =>
      entry(prepared().context, prepared().entrySdk, name, args, branch(name, opts)),
    records: (name, { address }, opts) =>
      prepared().entrySdk.dns?.aliasRecords(prepared().context, name, address, branch(name, opts)),
    extras: (name, args, opts) =>
      extras(prepared().context, prepared().audit, name, args, branch(name, opts)),
    secretReader: (name, args, opts) => secretReader(prepared().context, name, args, opts),
    ...(keepsSecrets && {
      secrets: (name, values, opts) =>
        prepared().secrets?.keepSecrets(prepared().context, name, values, opts) ?? {},
      keptValues: async () => (await prepared().secrets?.keptValues(prepared().context)) ?? {},
    }),
    snapshot: async (instance, label) =>
      await (await import('./snapshot.ts')).snapshot(settings.aws?.region ?? '', instance, label),
  };
}
