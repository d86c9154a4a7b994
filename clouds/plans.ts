// The one list of clouds. No SDK is loaded with it.
import { awsPlan } from './aws/plan.ts';
import { gcpPlan } from './gcp/plan.ts';
import { localPlan } from './local/plan.ts';
import type { CloudPlan } from './plan.ts';

export const cloudNames = ['local', 'gcp', 'aws'] as const;
export type CloudName = (typeof cloudNames)[number];

export const cloudPlans: Readonly<Record<CloudName, CloudPlan>> = {
  local: localPlan,
  gcp: gcpPlan,
  aws: awsPlan,
};
