import { ScratchStack } from '../../../tools/lib/scratch-stack.ts';

/** Cluster and Pulumi state of the tests; each of those that run at the same time has its own. */
export const instance = process.env.E2E_INSTANCE ?? 'e2e';

export const stack = new ScratchStack(instance);
