// How one MLflow version takes the place of another. Two versions must never work on one database, so all that writes is
// stopped before its schema changes; and when that fails, the old server must come back without anybody's help. Pulumi has
// no steps of this kind, so the program takes them itself, with the rights of the kubeconfig, and only while it updates.
import * as pulumi from '@pulumi/pulumi';
import type { Cloud, ClusterAccess } from '../clouds/cloud.ts';
import type { Migration, Rollout } from '../components/rollout.ts';
import type { Settings } from '../config.ts';
import { mlflowVersion } from '../lib/image.ts';
import { ForbiddenError, clusterClient } from './client.ts';
import type { ClusterFacts, DeployedServer } from './facts.ts';
import { connectionOf } from './kubeconfig.ts';
import { type MigrationResult, type Watch, migrationOutcome, migrationResult } from './migration-job.ts';
import { componentSelector, jobSelector, podsOf } from './pods.ts';
import { type Clock, realClock } from './polling.ts';
import * as writers from './writers.ts';

/** Seconds for the pods of a migration that was given up. */
const endSeconds = 60;
/** The same when Pulumi is about to kill the program. */
const hastySeconds = 2;

/** Also starts what an interrupted update has stopped, when its version is no longer wanted. */
export async function clusterRollout(
  access: ClusterAccess,
  settings: Settings,
  { deployed }: Pick<ClusterFacts, 'deployed'>,
  { clock, host, cloud }: Surroundings = { ...realSurroundings, cloud: {} },
): Promise<Rollout> {
  const rollout = new ClusterRollout({ access, settings, deployed, clock, host, cloud });
  await rollout.settle();
  return rollout;
}

export interface Surroundings {
  readonly clock: Clock;
  readonly host: Pick<NodeJS.Process, 'once' | 'off' | 'exit'>;
  /** Copies managed databases. */
  readonly cloud: Pick<Cloud, 'snapshot'>;
}

export const realSurroundings = { clock: realClock, host: process } as const;

interface Situation extends Surroundings {
  readonly access: ClusterAccess;
  readonly settings: Settings;
  readonly deployed: DeployedServer | undefined;
}

class ClusterRollout implements Rollout {
  readonly #situation: Situation;
  readonly #version: string;
  /** Whether there is something to start again. */
  #stopped: boolean;
  /** Whether this update has a migration of its own. */
  #migrates = false;
  /** Copy that the cloud made of the managed database. */
  #snapshot: string | undefined;

  constructor(situation: Situation) {
    this.#situation = situation;
    this.#version = mlflowVersion(situation.settings.server.image);
    this.#stopped = situation.deployed?.stoppedReplicas !== undefined;
  }

  isDone(hash: string): boolean {
    return this.#situation.deployed?.migration?.split('-').at(-2) === hash;
  }

  migrationName(prefix: string, hash: string): string {
    const { deployed, clock } = this.#situation;
    if (this.isDone(hash) && deployed?.migration) return deployed.migration;
    this.#migrates = true;
    // A name of its own for each attempt, so that the next update runs again what failed or was interrupted.
    return `${prefix}-${hash}-${clock.now().toString(36)}`;
  }

  recorded(): Migration {
    const { revision = '', migration: job = '', snapshot = '' } = this.#situation.deployed ?? {};
    return { revision, job, snapshot };
  }

  async stopWriters(instance?: string): Promise<void> {
    const { deployed, host } = this.#situation;
    if (pulumi.runtime.isDryRun()) return;
    if (deployed === undefined || deployed.version === this.#version) {
      if (this.#migrates) await this.#inCluster((watch) => writers.endMigrations(watch, endSeconds));
      return;
    }
    await this.#inCluster(async (watch) => {
      await watch.say(`MLflow ${deployed.version} is stopped, since ${this.#version} changes its database.`);
      this.#stopped = true;
      host.once('SIGINT', this.#interrupted);
      try {
        await writers.stop(watch);
      } catch (error) {
        const problem = `MLflow ${deployed.version} could not be stopped: ${reasonOf(error)}`;
        throw failure(`${problem}\n${await this.#restarted(watch, deployed)}`);
      }
      if (instance !== undefined) await this.#copy(watch, deployed, instance);
    });
  }

  async #copy(watch: Watch, deployed: DeployedServer, instance: string): Promise<void> {
    const { cloud, settings } = this.#situation;
    if (!settings.migrations.snapshot || cloud.snapshot === undefined) return;
    await watch.say(`The database is copied before MLflow ${this.#version} changes its schema.`);
    try {
      this.#snapshot = await cloud.snapshot(instance, `mlflow-${deployed.version}`);
    } catch (error) {
      const problem =
        `The database ${instance} could not be copied before its migration: ${reasonOf(error)}; mend that, or set ` +
        'mlflow-stack:migrations.snapshot to false';
      throw failure(`${problem}\n${await this.#restarted(watch, deployed)}`);
    }
  }

  async finished(job: string): Promise<Migration> {
    const { deployed, settings } = this.#situation;
    // The Job may be gone by now, since finished Jobs are cleared away.
    if (pulumi.runtime.isDryRun() || job === deployed?.migration) return this.recorded();
    return await this.#inCluster(async (watch) => {
      const outcome = await migrationOutcome(watch, job, settings.server.timeoutSeconds).catch(
        (error: unknown) => ({ failure: `could not be followed: ${reasonOf(error)}` }),
      );
      const migration = `The migration to MLflow ${this.#version} (Job ${job})`;
      if ('failure' in outcome)
        throw failure(`${migration} ${outcome.failure}\n${await this.#givenUp(watch, job)}`);
      this.#situation.host.off('SIGINT', this.#interrupted);
      if (outcome.result === undefined)
        throw failure(
          `${migration} has succeeded, but its pod, which had the result, is gone; update once more to start the server`,
        );
      return this.#migration(job, outcome.result);
    });
  }

  async deployed(): Promise<void> {
    if (pulumi.runtime.isDryRun()) return;
    await this.#inCluster(async (watch) => {
      if (this.#stopped) {
        await writers.conclude(watch);
        this.#started();
      }
      const problem = await writers.notReady(watch, this.#situation.settings.server.timeoutSeconds);
      if (problem !== undefined) throw failure(`The server of MLflow ${this.#version} ${problem}`);
    });
  }

  /** Undoes an update that was interrupted after it had stopped the server, when the settings went back since. */
  async settle(): Promise<void> {
    const { deployed } = this.#situation;
    if (pulumi.runtime.isDryRun() || !this.#stopped || deployed?.version !== this.#version) return;
    await this.#inCluster(async (watch) => {
      await this.#undo(watch, deployed, endSeconds);
      await watch.say(`MLflow ${this.#version}, which an interrupted update had stopped, is started again.`);
    });
  }

  /**
   * When something else in the stack fails while the server is stopped, Pulumi interrupts the program and kills it five
   * seconds later. That is time enough to start the server again.
   */
  readonly #interrupted = (): void => {
    const { deployed, host } = this.#situation;
    if (deployed === undefined) return;
    void this.#inCluster((watch) => this.#undo(watch, deployed, hastySeconds))
      .then(
        () =>
          pulumi.log.warn(`MLflow ${deployed.version} is started again, since the update was interrupted.`),
        (error: unknown) => pulumi.log.warn(reasonOf(error)),
      )
      .finally(() => host.exit(130));
  };

  /** Starts the old server again, unless a migration has changed the schema. */
  async #undo(watch: Watch, deployed: DeployedServer, seconds: number): Promise<void> {
    await this.#endMigrations(watch, deployed, seconds);
    await writers.restart(watch);
    this.#started();
  }

  #started(): void {
    this.#stopped = false;
    this.#situation.host.off('SIGINT', this.#interrupted);
  }

  /** An interrupted update may have left a migration that still runs, or that has changed the schema. */
  async #endMigrations(
    watch: Watch,
    { migration, revision, version }: DeployedServer,
    seconds: number,
  ): Promise<void> {
    await writers.endMigrations(watch, seconds);
    const all = await podsOf(watch.client, watch.namespace, componentSelector('migration'));
    const pods = all.filter(
      ({ metadata }) => migration === undefined || !metadata.name.startsWith(`${migration}-`),
    );
    const result = migrationResult(pods);
    if (result !== undefined && result.revision !== (revision ?? result.before)) {
      throw failure(
        `An interrupted update has brought the database to schema ${result.revision}, which MLflow ${version} does not ` +
          'know; finish that update with its server.image.tag, or go back as in docs/upgrade.md#going-back',
      );
    }
  }

  #migration(job: string, { before, revision, snapshot }: MigrationResult): Migration {
    // A migration that had nothing to do leaves the copy of the last one that had.
    const kept = before === revision ? this.recorded().snapshot : '';
    return { job, revision, snapshot: this.#snapshot ?? snapshot ?? kept };
  }

  /** Makes sure that a failed migration has come to rest, and starts the old server. Tells how that is. */
  async #givenUp(watch: Watch, job: string): Promise<string> {
    const { deployed } = this.#situation;
    if (deployed === undefined) return 'There was no server before; mend this and update again.';
    if (!this.#stopped) return `The server of MLflow ${deployed.version} goes on as before.`;
    try {
      await writers.endJob(watch, job);
      const left = await writers.podsLeft(watch, jobSelector(job), endSeconds);
      if (left.length > 0) return staysStopped(deployed, `${left.join(', ')} of the migration still runs`);
    } catch (error) {
      return staysStopped(deployed, reasonOf(error));
    }
    return await this.#restarted(watch, deployed);
  }

  async #restarted(watch: Watch, deployed: DeployedServer): Promise<string> {
    try {
      await writers.restart(watch);
      this.#started();
      const problem = await writers.notReady(watch);
      return problem === undefined
        ? `The server of MLflow ${deployed.version} runs again; nothing was changed in it.`
        : `The server of MLflow ${deployed.version} was started again, but ${problem}`;
    } catch (error) {
      return staysStopped(deployed, reasonOf(error));
    }
  }

  async #inCluster<T>(action: (watch: Watch) => Promise<T>): Promise<T> {
    const { access, settings, clock } = this.#situation;
    try {
      const client = clusterClient(await connectionOf(access), () => connectionOf(access));
      try {
        const say = (text: string) => pulumi.log.info(text);
        return await action({ client, namespace: settings.namespace.name, clock, say });
      } finally {
        client.close();
      }
    } catch (error) {
      if (pulumi.RunError.isInstance(error)) throw error;
      throw failure(`The update to MLflow ${this.#version} cannot go on: ${reasonOf(error)}`);
    }
  }
}

/** Its message stays as it is: Pulumi would put the way to the value that failed in front, which tells users nothing. */
function failure(text: string): Error {
  return Object.defineProperty(new pulumi.RunError(text), 'message', {
    get: () => text,
    set: () => undefined,
  });
}

function staysStopped({ version }: DeployedServer, reason: string): string {
  return (
    `The server of MLflow ${version} stays stopped (${reason}); mend that and update again, with ` +
    `mlflow-stack:server.image.tag of MLflow ${version} to have it back as it was`
  );
}

const reasonOf = (error: unknown): string => {
  const { message } = error as Error;
  return error instanceof ForbiddenError
    ? `your log-in lacks a right that a new version of MLflow needs, docs/upgrade.md#rights (${message})`
    : message;
};
