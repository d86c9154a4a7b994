import { ScratchStack } from '../../../tools/lib/scratch-stack.ts';

/** Cluster and Pulumi state of the tests. */
export const instance = 'e2e';

export const stack = new ScratchStack(instance);
