import type { Settings } from '../../config.ts';
import type { Cloud } from '../cloud.ts';
import { clusterAccess } from '../cluster-access.ts';
import type { AccountEmail } from './accounts.ts';
import { bucket } from './bucket.ts';
import { type GcpContext, gcpContext } from './context.ts';
import { database } from './database.ts';
import { identities } from './identities.ts';

/** GKE, Cloud Storage and Cloud SQL. */
export function gcp(settings: Settings): Cloud {
  let made: GcpContext | undefined;
  // Not before the cluster is checked.
  const context = (): GcpContext => (made ??= gcpContext(settings));
  let databaseAccount: AccountEmail | undefined;
  return {
    cluster: () => clusterAccess(settings.kubernetes),
    get providers() {
      return [context().provider];
    },
    bucket: (name, _args, opts) => bucket(context(), name, opts),
    database: (name, args, opts) => {
      const { connection, account } = database(context(), name, args, opts);
      databaseAccount = account;
      return connection;
    },
    ...(settings.identity.kind === 'workload' && {
      identities: (name, args, opts) => identities(context(), name, args, databaseAccount, opts),
    }),
  };
}
