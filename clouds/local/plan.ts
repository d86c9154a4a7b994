import type { CloudPlan } from '../plan.ts';

export const localPlan: CloudPlan = {
  defaults: {
    artifactStore: 'pvc',
    backendStore: 'postgres',
    dataProtection: 'delete',
    credentials: 's3-credentials',
  },
  ownKinds: [],
  maxConnections: () => undefined,
  mistakes: () => [],
};
