import type * as pulumi from '@pulumi/pulumi';

/** What a migration left. */
export interface Migration {
  /** Revision of the schema. */
  readonly revision: string;
  /** Name of the Job that did it. */
  readonly job: string;
  /** Copy of the database from before; empty when there is none. */
  readonly snapshot: string;
}

/** How one MLflow version takes the place of another: they must never run side by side on one database. */
export interface Rollout {
  /** Whether the migration with this hash has succeeded, so that it need not run again. */
  isDone(hash: string): boolean;
  /** Name of the Job for this hash: the recorded one when it is done, else a new one. */
  migrationName(prefix: string, hash: string): string;
  /**
   * Stops all that writes to the database when another version of MLflow is deployed, and lets the cloud copy the managed
   * database with this id, where it is one.
   */
  stopWriters(instance?: string): Promise<void>;
  /** What the last migration left, without a new one. */
  recorded(): Migration;
  /** Waits for a migration. When it fails, what was stopped is started again and the update ends. */
  finished(job: string): Promise<Migration>;
  /** Called when the new server is deployed: ends what `stopWriters` began, and waits until all pods are new and ready. */
  deployed(): Promise<void>;
}

/** Args as they are kept in the state: without what only does something. */
export function plainArgs<T extends { readonly rollout: Rollout }>({
  rollout: _,
  ...args
}: T): pulumi.Inputs {
  return args;
}
