import { setTimeout } from 'node:timers/promises';
import { ForbiddenError } from './client.ts';

/** Time, which tests make pass faster. */
export interface Clock {
  /** Milliseconds. */
  now(): number;
  sleep(milliseconds: number): Promise<void>;
}

export const realClock: Clock = {
  now: () => Date.now(),
  sleep: async (milliseconds) => {
    await setTimeout(milliseconds);
  },
};

/**
 * Looks each second until there is something to see; undefined when the time is over. An API server that does not answer for
 * a moment is asked again: giving up in the middle of a rollout would leave the server stopped.
 */
export async function poll<T>(
  clock: Clock,
  seconds: number,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const end = clock.now() + seconds * 1000;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
      if (clock.now() >= end) return undefined;
    } catch (error) {
      if (error instanceof ForbiddenError || clock.now() >= end) throw error;
    }
    await clock.sleep(1000);
  }
}
