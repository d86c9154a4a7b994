import type { CloudPlan } from '../plan.ts';

export const localPlan: CloudPlan = {
  defaults: { artifactStore: 'pvc', backendStore: 'postgres', dataProtection: 'delete' },
  ownKinds: [],
  maxConnections: () => undefined,
  mistakes: () => [],
};
