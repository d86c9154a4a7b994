// Follows the Job that brings the database to a new schema.
import { type ClusterClient, type KubernetesObject, objectPath } from './client.ts';
import {
  type Condition,
  type Obstacle,
  type Pod,
  failedStep,
  jobSelector,
  messageOf,
  newestWarning,
  obstacle,
  podsOf,
} from './pods.ts';
import { type Clock, poll } from './polling.ts';

/** What a migration tells when it has succeeded. */
export interface MigrationResult {
  /** Revision of the schema before; null for an empty database. */
  readonly before: string | null;
  readonly revision: string;
  /** Copy of the database from before; null when there is none. */
  readonly snapshot: string | null;
}

/** How it ended: with a result, which is missing when its pod is gone already; or why it failed, as the end of a sentence. */
export type Outcome = { readonly result: MigrationResult | undefined } | { readonly failure: string };

export interface Job extends KubernetesObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** What it takes to follow something in the cluster. */
export interface Watch {
  readonly client: ClusterClient;
  readonly namespace: string;
  readonly clock: Clock;
  readonly say: (text: string) => Promise<void>;
}

/** An obstacle that lasts this long is not waited for any further: the server is down meanwhile. */
const patienceSeconds = 60;
/** Kubernetes itself ends the Job when its time is over. */
const graceSeconds = 60;

export const jobPath = (namespace: string, job?: string): string =>
  objectPath('apis/batch/v1', namespace, 'jobs', job);

/** Waits for the end of a migration. */
export async function migrationOutcome(watch: Watch, job: string, timeoutSeconds: number): Promise<Outcome> {
  const { client, namespace, clock } = watch;
  const pods = () => podsOf(client, namespace, jobSelector(job));
  const obstacles = new Obstacles(watch);

  const outcome = await poll(clock, timeoutSeconds + graceSeconds, async () => {
    const found = await client.get<Job>(jobPath(namespace, job));
    if (found === undefined) return { failure: 'was deleted by somebody' };
    if (condition(found, 'Complete')) return { result: migrationResult(await pods()) };
    const failed = condition(found, 'Failed');
    if (failed !== undefined && failed.reason !== 'DeadlineExceeded')
      return {
        failure: `failed in ${failedStep(await pods()) ?? `a step unknown: ${failed.message ?? ''}`}`,
      };
    const isOver = failed !== undefined || (await obstacles.areHopeless(await pods()));
    return isOver ? 'unfinished' : undefined;
  });
  if (typeof outcome === 'object') return outcome;

  const { current } = obstacles;
  const warned = () => newestWarning(client, namespace, (name) => name === job || name.startsWith(`${job}-`));
  if (current !== undefined) {
    const warning = current === noPod ? await warned() : undefined;
    return { failure: `could not start: ${[current.text, warning].filter(Boolean).join(': ')}` };
  }
  const tooLate = `did not end within ${timeoutSeconds} s`;
  const step = failedStep(await pods());
  if (step !== undefined) return { failure: `${tooLate}, failing in ${step}` };
  const warning = (await warned()) ?? 'its database may be large';
  return { failure: `${tooLate} (${warning}); raise mlflow-stack:server.timeoutSeconds if it needs longer` };
}

function condition({ status }: Job, type: string): Condition | undefined {
  return status?.conditions?.find((each) => each.type === type && each.status === 'True');
}

/** Whether it has come to an end, whichever. */
export const hasEnded = (job: Job): boolean =>
  condition(job, 'Complete') !== undefined || condition(job, 'Failed') !== undefined;

/** What a migration wrote when it was done. */
export function migrationResult(pods: readonly Pod[]): MigrationResult | undefined {
  try {
    const written: unknown = JSON.parse(messageOf(pods, 'migration') ?? '');
    const { before, revision, snapshot } = written as Partial<MigrationResult>;
    return revision === undefined
      ? undefined
      : { before: before ?? null, revision, snapshot: snapshot ?? null };
  } catch {
    return undefined;
  }
}

const noPod: Obstacle = { reason: 'NoPod', text: 'Kubernetes made no pod for it', hopeless: true };

/** What keeps a Job's pods from starting, and for how long already. */
class Obstacles {
  current: Obstacle | undefined;
  readonly #watch: Watch;
  readonly #said = new Set<string>();
  #hopelessSince: number | undefined;

  constructor(watch: Watch) {
    this.#watch = watch;
  }

  /** Looks at the newest pod, and says what is new. */
  async areHopeless([newest]: readonly Pod[]): Promise<boolean> {
    const { clock, say } = this.#watch;
    this.current = newest === undefined ? noPod : obstacle(newest);
    if (!this.current?.hopeless) this.#hopelessSince = undefined;
    else this.#hopelessSince ??= clock.now();
    if (this.current && this.current !== noPod && !this.#said.has(this.current.reason)) {
      this.#said.add(this.current.reason);
      await say(`The migration waits: ${this.current.text}`);
    }
    return this.#hopelessSince !== undefined && clock.now() - this.#hopelessSince >= patienceSeconds * 1000;
  }
}
