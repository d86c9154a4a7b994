// The cloud that is none: any Kubernetes cluster, with both stores inside it. Nothing outside the cluster is used, so the pods
// need no identity but their ServiceAccounts.
import type { Settings } from '../../config.ts';
import type { Cloud } from '../cloud.ts';
import { clusterAccess } from '../cluster-access.ts';

export const local = (settings: Settings): Cloud => ({
  cluster: () => clusterAccess(settings.kubernetes),
  providers: [],
});
