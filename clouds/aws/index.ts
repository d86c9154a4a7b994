import type { Settings } from '../../config.ts';
import type { Cloud } from '../cloud.ts';
import { clusterAccess } from '../cluster-access.ts';
import { bucket } from './bucket.ts';
import { type AwsContext, lookUp } from './context.ts';
import { database } from './database.ts';
import { entry } from './entry.ts';
import { identities } from './identities.ts';

/** EKS, S3 and RDS. */
export function aws(settings: Settings): Cloud {
  let found: AwsContext | undefined;
  const context = (): AwsContext => {
    if (found === undefined) throw new Error('prepare() comes first');
    return found;
  };
  const hasRoles = ['workload', 'podIdentity'].includes(settings.identity.kind);
  return {
    cluster: () => clusterAccess(settings.kubernetes),
    prepare: async () => {
      found = await lookUp(settings);
    },
    get providers() {
      return [context().provider];
    },
    bucket: (name, _args, opts) => bucket(context(), name, opts),
    database: (name, args, opts) => database(context(), name, args, opts),
    entry: (name, args, opts) => entry(context(), name, args, opts),
    ...(hasRoles && { identities: (name, args, opts) => identities(context(), name, args, opts) }),
  };
}
