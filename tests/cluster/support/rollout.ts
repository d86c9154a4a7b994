// A cluster in which time passes only when the program sleeps, and in which pods follow what controllers are told.
import { EventEmitter } from 'node:events';
import * as pulumi from '@pulumi/pulumi';
import { checkCluster } from '../../../cluster/preflight.ts';
import type { Clock } from '../../../cluster/polling.ts';
import { type Surroundings, clusterRollout } from '../../../cluster/rollout.ts';
import type { Rollout } from '../../../components/rollout.ts';
import { type Answers, type SeenRequest, readyCluster, startApiServer } from '../../support/api-server.ts';
import { kubeconfig } from '../../support/kubeconfig.ts';
import { runStack } from '../../support/mocks.ts';
import { namespace, object, own, settingsOf } from './check.ts';

const labels = (component: string) => ({ ...own, 'app.kubernetes.io/component': component });

/** A pod as the API server shows it. */
export function pod(name: string, status: object = { phase: 'Running' }, created = 0): object {
  return { metadata: { name, creationTimestamp: new Date(created).toISOString() }, status };
}

export interface Deployed {
  readonly version?: string;
  readonly replicas?: number;
  readonly annotations?: object;
}

/** A namespace in which a server of this version runs. */
export function server({ version = '3.16.1', replicas = 2, annotations = {} }: Deployed = {}): Answers {
  const image = `ghcr.io/mlflow/mlflow:v${version}-full`;
  return {
    ...namespace({ labels: own }),
    ...object(
      'apis/apps/v1/deployments/mlflow',
      { spec: { replicas, template: { spec: { containers: [{ name: 'mlflow', image }] } } } },
      {
        labels: labels('tracking-server'),
        annotations: { 'mlflow-stack/mlflow-version': version, ...annotations },
      },
    ),
  };
}

export const cronJob = (name: string, suspend: boolean, metadata: object = {}): Answers =>
  object(`apis/batch/v1/cronjobs/${name}`, { spec: { suspend } }, metadata);

const deploymentPath = '/apis/apps/v1/namespaces/mlflow/deployments/mlflow';
export const jobsPath = '/apis/batch/v1/namespaces/mlflow/jobs';

interface Deployment {
  readonly metadata: { readonly annotations: Record<string, string | undefined> };
  readonly spec: { readonly replicas: number };
}

export interface World {
  readonly answers: Answers;
  /** Seconds since the beginning. */
  seconds: number;
  /** Pods by what selects them. */
  pods: { server: object[]; jobs: object[]; migration: object[]; leftover: object[] };
  /** Seconds that a server pod takes to end; it never does without. */
  stopSeconds: number | undefined;
  /** Whether new server pods become ready. */
  healthy: boolean;
  /** Of the Deployment. */
  conditions: object[];
  deployment(): Deployment;
  /** What Pulumi does when another resource fails. Gives the exit code of the program, if that takes notice. */
  interrupt: () => Promise<unknown>;
  /** Does something at a time, once. */
  at(seconds: number, action: () => void): void;
}

export interface Course {
  readonly world: World;
  /** Lines that the user sees while it goes on. */
  readonly said: string[];
  /** What the user is told when it fails. */
  readonly error: string | undefined;
  readonly warnings: string[];
  /** What was changed, in order: `PATCH deployments/mlflow/scale {"spec":{"replicas":0}}`. */
  readonly changes: string[];
}

export interface CourseOptions {
  readonly cluster?: Answers;
  readonly settings?: object;
  readonly preview?: boolean;
  readonly cloud?: Surroundings['cloud'];
  readonly prepare?: (world: World) => void;
}

/** Lets a rollout take its course. */
export async function course(
  { cluster = server(), settings = {}, preview = false, cloud = {}, prepare }: CourseOptions,
  action: (rollout: Rollout, world: World) => Promise<unknown> = async () => undefined,
): Promise<Course> {
  const api = await startApiServer();
  const world = newWorld({ ...readyCluster(), ...cluster });
  api.answers = world.answers;
  prepare?.(world);
  const access = { context: 'test', kubeconfig: `#\n${kubeconfig({ cluster: { server: api.url } })}` };
  const host = Object.assign(new EventEmitter(), {
    exit: (code: number) => void host.emit('exit', code),
  }) as unknown as Surroundings['host'] & EventEmitter;
  world.interrupt = () =>
    new Promise((resolve) => {
      host.once('exit', resolve);
      if (!host.emit('SIGINT')) resolve(undefined);
    });
  const said: string[] = [];
  const info = pulumi.log.info;
  Object.assign(pulumi.log, { info: async (text: string) => void said.push(text) });
  let error: string | undefined;
  let warnings: string[];
  try {
    ({ warnings } = await runStack(
      async () => {
        try {
          const wanted = settingsOf(settings);
          const facts = await checkCluster(access, wanted);
          await action(
            await clusterRollout(access, wanted, facts, { clock: clockOf(world), host, cloud }),
            world,
          );
        } catch (reason) {
          if (!pulumi.RunError.isInstance(reason)) throw reason;
          error = reason.message.replaceAll(api.url, 'URL');
        }
      },
      { preview },
    ));
  } finally {
    Object.assign(pulumi.log, { info });
    await api.close();
  }
  return {
    world,
    said,
    error,
    warnings,
    changes: api.requests.filter(({ method }) => method !== 'GET').map(change),
  };
}

function change({ method, path, body }: SeenRequest): string {
  const what = path.replace(/^.*namespaces\/mlflow\//, '').replace('?fieldManager=mlflow-stack', '');
  return `${method} ${what} ${JSON.stringify(body)}`;
}

function newWorld(answers: Answers): World {
  const actions: { seconds: number; action: () => void }[] = [];
  const world: World = {
    answers,
    seconds: 0,
    pods: { server: [pod('mlflow-1'), pod('mlflow-2')], jobs: [], migration: [], leftover: [] },
    stopSeconds: 5,
    healthy: true,
    conditions: [],
    interrupt: async () => undefined,
    deployment: () => answers[deploymentPath] as Deployment,
    at: (seconds, action) => void actions.push({ seconds, action }),
  };
  answers['/api/v1/namespaces/mlflow/pods'] = ({ path }: SeenRequest) => ({ items: selected(world, path) });
  let stoppedFor = 0;
  const tick = () => {
    const { replicas } = world.deployment().spec;
    stoppedFor = replicas === 0 ? stoppedFor + 1 : 0;
    if (world.stopSeconds !== undefined && stoppedFor > world.stopSeconds) world.pods.server = [];
    const available = world.healthy ? replicas : 0;
    const status = {
      replicas,
      updatedReplicas: replicas,
      availableReplicas: available,
      conditions: world.conditions,
    };
    answers[deploymentPath] = { ...world.deployment(), status };
    world.at(world.seconds + 1, tick);
  };
  if (deploymentPath in answers) world.at(0, tick);
  Object.assign(world, {
    pass: () => {
      world.seconds += 1;
      const due = actions.filter(({ seconds }) => seconds <= world.seconds);
      for (const each of due) actions.splice(actions.indexOf(each), 1);
      for (const { action } of due) action();
    },
  });
  return world;
}

function selected({ pods }: World, path: string): object[] {
  const selector = new URL(path, 'http://test').searchParams.get('labelSelector') ?? '';
  if (selector.startsWith('batch.kubernetes.io/job-name=') || selector.includes('(migration)'))
    return pods.migration;
  if (selector.includes('(tracking-server,gc,trace-archival,backup,migration)'))
    return [...pods.server, ...pods.jobs, ...pods.leftover];
  return selector.includes('(tracking-server)') ? pods.server : pods.jobs;
}

function clockOf(world: World): Clock {
  const { pass } = world as World & { pass: () => void };
  return {
    now: () => 1_700_000_000_000 + world.seconds * 1000,
    sleep: async () => pass(),
  };
}
