// What is known of Google Cloud without its SDK.
import type { CloudPlan } from '../plan.ts';

export const gcpPlan: CloudPlan = {
  defaults: {
    artifactStore: 'gcs',
    backendStore: 'cloudSql',
    dataProtection: 'retain',
    credentials: 'gcs-credentials',
  },
  ownKinds: ['gcs', 'cloudSql'],
  maxConnections: () => undefined,
  mistakes: () => [],
};
