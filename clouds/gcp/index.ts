import { branch } from '../../components/cloud-parts.ts';
import type { Settings } from '../../config.ts';
import type { Cloud } from '../cloud.ts';
import { clusterAccess } from '../cluster-access.ts';
import type { AccountEmail } from './accounts.ts';
import { checkApis } from './apis.ts';
import { bucket } from './bucket.ts';
import { type GcpContext, gcpContext } from './context.ts';
import { database } from './database.ts';
import { type ExtraSdk, extras, loadExtraSdk } from './extras.ts';
import { identities } from './identities.ts';

/** GKE, Cloud Storage and Cloud SQL. */
export function gcp(settings: Settings): Cloud {
  let made: GcpContext | undefined;
  const context = (): GcpContext => (made ??= gcpContext(settings));
  let entrySdk: typeof import('./entry.ts') | undefined;
  let extraSdk: ExtraSdk = {};
  let databaseAccount: AccountEmail | undefined;
  return {
    cluster: () => clusterAccess(settings.kubernetes),
    prepare: async () => {
      [entrySdk, extraSdk] = await Promise.all([
        settings.ingress.enabled ? import('./entry.ts') : undefined,
        loadExtraSdk(settings),
        checkApis(context()),
      ]);
    },
    get providers() {
      return [context().provider];
    },
    bucket: (name, opts) => bucket(context(), name, opts),
    database: (name, args, opts) => {
      const { connection, account } = database(context(), name, args, opts);
      databaseAccount = account;
      return connection;
    },
    ...(settings.identity.kind === 'workload' && {
      identities: (name, args, opts) => identities(context(), name, args, databaseAccount, opts),
    }),
    entry: (name, args, opts) =>
      entrySdk?.entry(context(), name, args, branch(name, opts)) ?? {
        annotations: {},
        serviceAnnotations: {},
      },
    extras: (name, args, opts) =>
      extras(context(), extraSdk, name, args, databaseAccount, branch(name, opts)),
    ...(settings.externalSecrets.store?.provider === 'gcpSecretManager' && {
      secretReader: (name, args, opts) => {
        if (extraSdk.secretReader === undefined) throw new Error('prepare() comes first');
        return extraSdk.secretReader.secretReader(context(), name, args, opts);
      },
    }),
    ...(settings.secrets.store === 'cloud' && {
      secrets: (name, values, opts) => extraSdk.secrets?.keepSecrets(context(), name, values, opts) ?? {},
      keptValues: async () => (await extraSdk.secrets?.keptValues(context())) ?? {},
    }),
    snapshot: async (instance, label) => await (await import('./snapshot.ts')).snapshot(instance, label),
  };
}
