import type { Writable } from 'node:stream';

/** What a running step is given. */
export interface StepContext {
  /** Log file of this step; all output of child processes goes here. */
  readonly log: Writable;
  /** Aborted when the user interrupts. Pass it on to every child process and request. */
  readonly signal: AbortSignal;
  /** Shows a short text beside the step, e.g. "3 of 5 packages". */
  report(text: string): void;
}

/** One piece of long work. Running it again when its result is already there returns within milliseconds. */
export interface Step {
  readonly title: string;
  /** Typical duration on two cores with nothing cached, in seconds, when it is long enough to be worth telling. */
  readonly estimate?: number;
  run(context: StepContext): Promise<void>;
}
