// Everything of a stack that writes to its database: the server, garbage collection, trace archival; and backups, which would
// find it half changed. What is stopped is noted on the objects themselves, so that an update that was interrupted can still be
// undone by a later one.
import { annotations, names, serverComponent } from '../lib/names.ts';
import { type KubernetesObject, type ObjectList, objectPath } from './client.ts';
import { type Deployment, deploymentPath } from './facts.ts';
import { type Job, type Watch, hasEnded, jobPath } from './migration-job.ts';
import { componentSelector, failedStep, isFinished, newestWarning, obstacle, podsOf } from './pods.ts';
import { poll } from './polling.ts';

const cronJobs = [names.gc, names.traceArchival, names.backup];
/** The last of them may be left of an interrupted update. */
const jobComponents = ['gc', 'trace-archival', 'backup', 'migration'];

const stopSeconds = 120;
const startSeconds = 120;

interface CronJob extends KubernetesObject {
  readonly spec: { readonly suspend?: boolean };
}

/** Brings everything to a stop. */
export async function stop(watch: Watch): Promise<void> {
  const { client, namespace } = watch;
  for (const path of cronJobs.map((name) => cronJobPath(namespace, name))) {
    const cronJob = await client.get<CronJob>(path);
    if (cronJob !== undefined && cronJob.spec.suspend !== true)
      await client.patch(path, { ...noted(annotations.suspended, 'true'), spec: { suspend: true } });
  }
  const path = deploymentPath(namespace);
  const deployment = await client.get<Deployment>(path);
  if (deployment !== undefined) {
    if (remembered(deployment) === undefined)
      await client.patch(path, noted(annotations.stoppedReplicas, String(deployment.spec.replicas ?? 1)));
    await scale(watch, 0);
  }
  await endJobs(watch, componentSelector(...jobComponents));
  await allGone(watch, componentSelector(serverComponent, ...jobComponents), stopSeconds);
}

/** Ends migrations that an interrupted update has left, without which there would be two at a time. */
export async function endMigrations(watch: Watch, seconds: number): Promise<void> {
  const selector = componentSelector('migration');
  await endJobs(watch, selector);
  await allGone(watch, selector, seconds);
}

/** Starts again what `stop` stopped. */
export async function restart(watch: Watch): Promise<void> {
  const { client, namespace } = watch;
  const deployment = await client.get<Deployment>(deploymentPath(namespace));
  const replicas = deployment && remembered(deployment);
  if (replicas !== undefined) {
    await scale(watch, replicas);
    await client.patch(deploymentPath(namespace), noted(annotations.stoppedReplicas, null));
  }
  await releaseCronJobs(watch, { spec: { suspend: false } });
}

/**
 * Ends what `stop` began when the stack's own update has started everything: takes the notes away, and starts pods whose
 * number that update leaves to an autoscaler, which does not touch a server without any.
 */
export async function conclude(watch: Watch): Promise<void> {
  const { client, namespace } = watch;
  const path = deploymentPath(namespace);
  const deployment = await client.get<Deployment>(path);
  const replicas = deployment && remembered(deployment);
  if (replicas === undefined) return;
  if (deployment?.spec.replicas === 0) await scale(watch, replicas);
  await client.patch(path, noted(annotations.stoppedReplicas, null));
  await releaseCronJobs(watch, {});
}

/**
 * Whether all pods are of the newest kind and available, as `kubectl rollout status` sees it. Pulumi's plug-in may take the
 * pods of before for those of an update, since it does not compare the generation that the status is of.
 */
export function isRolledOut({ metadata, spec, status = {} }: Deployment): boolean {
  const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const isCurrent = observedGeneration >= (metadata.generation ?? 0);
  const isUpdated = updatedReplicas >= (spec.replicas ?? 1) && replicas <= updatedReplicas;
  return isCurrent && isUpdated && availableReplicas >= updatedReplicas;
}

/** Why the server is not ready after a while; undefined when it is. */
export async function notReady(watch: Watch, seconds = startSeconds): Promise<string | undefined> {
  const { client, namespace, clock } = watch;
  let deployment: Deployment | undefined;
  const isReady = await poll(clock, seconds, async () => {
    deployment = await client.get<Deployment>(deploymentPath(namespace));
    return deployment === undefined ? false : isRolledOut(deployment) || undefined;
  });
  if (isReady) return undefined;
  if (deployment === undefined) return 'is gone: somebody deleted its Deployment';
  const pods = await podsOf(client, namespace, componentSelector(serverComponent));
  const podNames = pods.map(({ metadata }) => metadata.name);
  const reason =
    pods.map((pod) => obstacle(pod)?.text).find((text) => text !== undefined) ??
    failedStep(pods) ??
    // Pods that cannot even be made.
    deployment.status?.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message ??
    (await newestWarning(client, namespace, (name) => podNames.includes(name)));
  return `is not ready after ${seconds} s${reason === undefined ? '' : `: ${reason}`}`;
}

/** Ends Jobs that have not ended by themselves. */
async function endJobs(watch: Watch, selector: string): Promise<void> {
  const path = `${jobPath(watch.namespace)}?labelSelector=${encodeURIComponent(selector)}`;
  const jobs = await watch.client.get<ObjectList<Job>>(path);
  for (const { metadata } of (jobs?.items ?? []).filter((job) => !hasEnded(job)))
    await watch.client.delete(jobPath(watch.namespace, metadata.name));
}

export async function endJob({ client, namespace }: Watch, name: string): Promise<void> {
  const path = jobPath(namespace, name);
  const job = await client.get<Job>(path);
  if (job !== undefined && !hasEnded(job)) await client.delete(path);
}

/** @throws Error when a pod still runs after the time that it has to end. */
async function allGone(watch: Watch, selector: string, seconds: number): Promise<void> {
  const left = await podsLeft(watch, selector, seconds);
  if (left.length > 0) {
    throw new Error(
      `after ${seconds} s these pods still run: ${left.join(', ')}; look at their nodes, or delete them, and update again`,
    );
  }
}

/** Waits until no pod runs any more; names those that still do when the time is over. */
export async function podsLeft(watch: Watch, selector: string, seconds: number): Promise<string[]> {
  const { client, namespace, clock } = watch;
  let running: string[] = [];
  await poll(clock, seconds, async () => {
    const pods = await podsOf(client, namespace, selector);
    running = pods.filter((pod) => !isFinished(pod)).map(({ metadata }) => metadata.name);
    return running.length === 0 || undefined;
  });
  return running;
}

async function releaseCronJobs({ client, namespace }: Watch, changes: object): Promise<void> {
  for (const path of cronJobs.map((name) => cronJobPath(namespace, name))) {
    const cronJob = await client.get<CronJob>(path);
    if (cronJob?.metadata.annotations?.[annotations.suspended] !== undefined)
      await client.patch(path, { ...noted(annotations.suspended, null), ...changes });
  }
}

const cronJobPath = (namespace: string, name: string) =>
  objectPath('apis/batch/v1', namespace, 'cronjobs', name);

const noted = (annotation: string, value: string | null) => ({
  metadata: { annotations: { [annotation]: value } },
});

function remembered({ metadata }: Deployment): number | undefined {
  const replicas = metadata.annotations?.[annotations.stoppedReplicas];
  return replicas === undefined ? undefined : Number(replicas);
}

async function scale({ client, namespace }: Watch, replicas: number): Promise<void> {
  await client.patch(`${deploymentPath(namespace)}/scale`, { spec: { replicas } });
}
