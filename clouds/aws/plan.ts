// What is known of AWS without its SDK.
import type { CloudPlan } from '../plan.ts';

export const awsPlan: CloudPlan = {
  defaults: {
    artifactStore: 's3',
    backendStore: 'rds',
    dataProtection: 'retain',
    credentials: 's3-credentials',
  },
  ownKinds: ['s3', 'rds'],
  maxConnections: () => undefined,
  mistakes: () => [],
};
