import type { Settings } from '../../config.ts';
import type { Cloud } from '../cloud.ts';
import { clusterAccess } from '../cluster-access.ts';

export const gcp = (settings: Settings): Cloud => ({
  cluster: () => clusterAccess(settings.kubernetes),
  providers: [],
});
