import { expect } from 'chai';
import { type Answers, list } from '../support/api-server.ts';
import { namespace, own } from './support/check.ts';
import { type CourseOptions, type World, course, cronJob, jobsPath, pod, server } from './support/rollout.ts';

const job = 'mlflow-migration-0a1b2c3d-loyw3v28';
const stopped = 'mlflow-stack/stopped-replicas';
const suspended = 'mlflow-stack/suspended-for-migration';
const scale = (replicas: number) => `PATCH deployments/mlflow/scale {"spec":{"replicas":${replicas}}}`;
const note = (value: string | null) =>
  `PATCH deployments/mlflow {"metadata":{"annotations":{"${stopped}":${value === null ? 'null' : `"${value}"`}}}}`;
const cron = (name: string, value: string | null, suspend?: boolean) =>
  `PATCH cronjobs/${name} ${JSON.stringify({
    metadata: { annotations: { [suspended]: value } },
    ...(suspend === undefined ? {} : { spec: { suspend } }),
  })}`;
const runsAgain = 'The server of MLflow 3.16.1 runs again; nothing was changed in it.';

const finished = (type: string, reason?: string) => ({
  metadata: { name: job },
  status: { conditions: [{ type, status: 'True', reason, message: reason }] },
});
const running = { metadata: { name: job }, status: {} };
const outcome = (values: object) => ({ before: 'aa', revision: 'bb', snapshot: 'copy', ...values });
const succeeded = (message: string) =>
  pod(job, {
    phase: 'Succeeded',
    containerStatuses: [{ name: 'migration', state: { terminated: { exitCode: 0, message } } }],
  });
const waiting = (reason: string, message?: string) =>
  pod(job, {
    phase: 'Pending',
    containerStatuses: [{ name: 'migration', state: { waiting: { reason, message } } }],
  });
const failedPod = (name: string, container: string, message: string, created = 0) => {
  const statuses = [{ name: container, state: { terminated: { exitCode: 1, reason: 'Error', message } } }];
  const key = container === 'migration' ? 'containerStatuses' : 'initContainerStatuses';
  return pod(name, { phase: 'Failed', [key]: statuses }, created);
};

/** The Job of the stack's own update, which is there once the writers are stopped. */
function migrates(how: (world: World) => void = () => undefined) {
  return (world: World) => {
    world.answers[`${jobsPath}/${job}`] = running;
    world.pods.migration = [pod(job)];
    how(world);
  };
}

const toEnd = (world: World, seconds: number, end: object, pods: object[]) =>
  world.at(seconds, () => {
    world.answers[`${jobsPath}/${job}`] = end;
    world.pods.migration = pods;
  });

/** An update that stops the writers and waits for the migration. */
const update = (options: CourseOptions) =>
  course(options, async (rollout) => {
    await rollout.stopWriters();
    return rollout.finished(job);
  });

describe('a managed database', () => {
  const copies: string[] = [];
  const cloud = {
    snapshot: async (instance: string, label: string) => {
      copies.push(`${instance} ${label}`);
      return 'copy-of-the-cloud';
    },
  };
  const updateOf = (options: CourseOptions) =>
    course({ cloud, ...options }, async (rollout) => {
      await rollout.stopWriters('team:region:db');
      const { snapshot } = await rollout.finished(job);
      expect(snapshot).to.equal('copy-of-the-cloud');
    });
  const succeeds = migrates((world) =>
    toEnd(world, 5, finished('Complete'), [succeeded(JSON.stringify(outcome({ snapshot: null })))]),
  );
  beforeEach(() => void copies.splice(0));

  it('is copied by the cloud once nothing writes to it, and before its schema changes', async () => {
    let writing: unknown;
    const { error } = await updateOf({
      cloud: {
        snapshot: async (instance, label) => {
          writing = world?.deployment().spec.replicas;
          return await cloud.snapshot(instance, label);
        },
      },
      prepare: (each) => {
        world = each;
        succeeds(each);
      },
    });
    expect({ error, copies, writing }).to.deep.equal({
      error: undefined,
      copies: ['team:region:db mlflow-3.16.1'],
      writing: 0,
    });
  });
  let world: World | undefined;

  it('is not migrated when it cannot be copied', async () => {
    const { error, changes } = await updateOf({
      cloud: { snapshot: () => Promise.reject(new Error('quota exceeded')) },
    });
    expect(error?.split('\n')).to.deep.equal([
      'The database team:region:db could not be copied before its migration: quota exceeded; mend that, or set ' +
        'mlflow-stack:migrations.snapshot to false',
      runsAgain,
    ]);
    expect(changes).to.include.members([scale(0), scale(2)]);
  });

  it('is not copied where no version changes, where the settings say so, or in a preview', async () => {
    for (const options of [
      { cluster: server({ version: '3.17.2' }) },
      { settings: { migrations: { snapshot: false } } },
      { preview: true },
    ]) {
      await course({ cloud, ...options }, (rollout) => rollout.stopWriters('team:region:db'));
    }
    expect(copies).to.deep.equal([]);
  });
});

describe('the name of a migration', () => {
  const nameOf = async (annotations: object, hash: string) => {
    const names: unknown[] = [];
    await course({ cluster: server({ annotations }) }, async (rollout) => {
      names.push(rollout.migrationName('mlflow-migration', hash), rollout.isDone(hash));
    });
    return names;
  };

  it('stays the same when it has succeeded', async () => {
    expect(await nameOf({ 'mlflow-stack/migration': job }, '0a1b2c3d')).to.deep.equal([job, true]);
  });

  it('is new when it has not, or other than the last', async () => {
    expect(await nameOf({}, '0a1b2c3d')).to.deep.equal(['mlflow-migration-0a1b2c3d-loyw3v28', false]);
    expect(await nameOf({ 'mlflow-stack/migration': job }, '11111111')).to.deep.equal([
      'mlflow-migration-11111111-loyw3v28',
      false,
    ]);
  });
});

describe('a change of the version', () => {
  it('stops all that writes and notes what it stopped', async () => {
    const cluster = {
      ...server({ replicas: 3 }),
      ...cronJob('mlflow-gc', false),
      ...cronJob('mlflow-trace-archival', true),
      [jobsPath]: {
        items: [
          { metadata: { name: 'mlflow-gc-1' }, status: {} },
          { ...finished('Complete'), metadata: { name: 'mlflow-gc-2' } },
        ],
      },
      [`${jobsPath}/mlflow-gc-1`]: {},
    };
    const prepare = (world: World) => {
      world.pods.jobs = [pod('gc-2-x', { phase: 'Succeeded' }), pod('gc-1-x')];
      world.at(9, () => void world.pods.jobs.pop());
    };
    const { changes, said, error, world } = await course({ cluster, prepare }, (rollout) =>
      rollout.stopWriters(),
    );
    expect(error).to.equal(undefined);
    expect(changes).to.deep.equal([
      cron('mlflow-gc', 'true', true),
      note('3'),
      scale(0),
      'DELETE jobs/mlflow-gc-1 {"propagationPolicy":"Foreground"}',
    ]);
    expect(said).to.deep.equal(['MLflow 3.16.1 is stopped, since 3.17.2 changes its database.']);
    expect(world.seconds).to.equal(9);
  });

  it('keeps the note of an update that was interrupted', async () => {
    const cluster = server({ replicas: 0, annotations: { [stopped]: '2' } });
    const { changes } = await course({ cluster }, (rollout) => rollout.stopWriters());
    expect(changes).to.deep.equal([scale(0)]);
  });

  for (const [title, options] of [
    ['in a preview', { preview: true }],
    ['when nothing is deployed', { cluster: namespace({ labels: own }) }],
    ['when the version is the same', { cluster: server({ version: '3.17.2' }) }],
  ] as const) {
    it(`stops nothing ${title}`, async () => {
      const { changes, said } = await course(options, async (rollout) => {
        await rollout.stopWriters();
        await rollout.deployed();
      });
      expect({ changes, said }).to.deep.equal({ changes: [], said: [] });
    });
  }

  it('waits for what is left of a migration that was interrupted, also where no version changes', async () => {
    for (const cluster of [server(), server({ version: '3.17.2' }), namespace({ labels: own })]) {
      const prepare = (world: World) => {
        world.answers[jobsPath] = { items: [running] };
        world.answers[`${jobsPath}/${job}`] = running;
        world.pods.migration = world.pods.leftover = [pod(job)];
        world.at(20, () => (world.pods.migration = world.pods.leftover = []));
      };
      const { changes, world } = await course({ cluster, prepare }, async (rollout) => {
        rollout.migrationName('mlflow-migration', '11111111');
        await rollout.stopWriters();
      });
      expect(changes.at(-1)).to.equal(`DELETE jobs/${job} {"propagationPolicy":"Foreground"}`);
      expect(world.seconds).to.equal(20);
    }
  });

  it('is given up when something does not stop', async () => {
    const prepare = (world: World) => (world.stopSeconds = undefined);
    const { changes, error, world } = await course(
      { cluster: { ...server(), ...cronJob('mlflow-gc', false) }, prepare },
      (rollout) => rollout.stopWriters(),
    );
    expect(error?.split('\n')).to.deep.equal([
      'MLflow 3.16.1 could not be stopped: after 120 s these pods still run: mlflow-1, mlflow-2; look at their nodes, or delete them, and update again',
      runsAgain,
    ]);
    expect(changes.slice(3)).to.deep.equal([scale(2), note(null), cron('mlflow-gc', null, false)]);
    expect(world.seconds).to.be.within(120, 122);
  });

  it('is given up when the user may not do it', async () => {
    const forbidden = { '/apis/apps/v1/namespaces/mlflow/deployments/mlflow/scale': 403 };
    const { error } = await course({ cluster: { ...server(), ...forbidden } }, (rollout) =>
      rollout.stopWriters(),
    );
    expect(error?.split('\n')[0]).to.equal(
      'MLflow 3.16.1 could not be stopped: your log-in lacks a right that a new version of MLflow needs, docs/upgrade.md#rights ' +
        '(PATCH /apis/apps/v1/namespaces/mlflow/deployments/mlflow/scale was answered with 403)',
    );
  });
});

describe('a migration that succeeds', () => {
  const resultOf = async (cluster: Answers, message: string, preview = false) => {
    let result: unknown;
    const prepare = migrates((world) => toEnd(world, 20, finished('Complete'), [succeeded(message)]));
    const { error, changes } = await course({ cluster, prepare, preview }, async (rollout) => {
      result = await rollout.finished(job);
    });
    return { result, error, changes };
  };

  it('tells its revision and its copy', async () => {
    expect(await resultOf(server(), JSON.stringify(outcome({})))).to.deep.equal({
      result: { job, revision: 'bb', snapshot: 'copy' },
      error: undefined,
      changes: [],
    });
  });

  it('keeps the last copy when it had nothing to do', async () => {
    const cluster = server({ annotations: { 'mlflow-stack/snapshot': 'older-copy' } });
    const idle = JSON.stringify(outcome({ before: 'bb', snapshot: null }));
    expect((await resultOf(cluster, idle)).result).to.include({ revision: 'bb', snapshot: 'older-copy' });
    const changed = JSON.stringify(outcome({ snapshot: null }));
    expect((await resultOf(cluster, changed)).result).to.include({ revision: 'bb', snapshot: '' });
  });

  it('is what was noted when it was the last one, also when its Job is gone, or in a preview', async () => {
    const annotations = { 'mlflow-stack/migration': job, 'mlflow-stack/schema-revision': 'cc' };
    const noted = { job, revision: 'cc', snapshot: '' };
    expect((await resultOf(server({ annotations }), '')).result).to.deep.equal(noted);
    const last = { ...annotations, 'mlflow-stack/migration': 'other' };
    expect((await resultOf(server({ annotations: last }), '', true)).result).to.deep.equal({
      ...noted,
      job: 'other',
    });
  });

  it('must tell something', async () => {
    for (const message of ['', 'no json', '{}']) {
      expect((await resultOf(server(), message)).error).to.equal(
        `The migration to MLflow 3.17.2 (Job ${job}) has succeeded, but its pod, which had the result, is gone; update once more to start the server`,
      );
    }
  });

  it('is followed across a moment without answers', async () => {
    let result: unknown;
    const prepare = migrates((world) => {
      world.at(3, () => (world.answers[`${jobsPath}/${job}`] = 503));
      toEnd(world, 8, finished('Complete'), [succeeded(JSON.stringify(outcome({})))]);
    });
    await course({ prepare }, async (rollout) => {
      result = await rollout.finished(job);
    });
    expect(result).to.include({ revision: 'bb' });
  });
});

describe('a migration that fails', () => {
  const title = `The migration to MLflow 3.17.2 (Job ${job})`;

  it('brings the old server back and tells its last lines', async () => {
    const prepare = migrates((world) =>
      toEnd(world, 30, finished('Failed', 'BackoffLimitExceeded'), [
        failedPod('a', 'migration', 'an older attempt', 1000),
        failedPod(
          'b',
          'migration',
          'INFO upgrading\nthe migration of database mlflow failed: disk full\n',
          2000,
        ),
      ]),
    );
    const { error, changes, world } = await update({
      cluster: { ...server(), ...cronJob('mlflow-gc', false) },
      prepare,
    });
    expect(error?.split('\n')).to.deep.equal([
      `${title} failed in step migration:`,
      '  INFO upgrading',
      '  the migration of database mlflow failed: disk full',
      runsAgain,
    ]);
    expect(changes.slice(3)).to.deep.equal([scale(2), note(null), cron('mlflow-gc', null, false)]);
    expect(world.deployment().spec.replicas).to.equal(2);
    expect(world.deployment().metadata.annotations[stopped]).to.equal(undefined);
  });

  it('names the step before it, and the reason of a container without words', async () => {
    const cases = [
      [
        failedPod('a', 'wait-for-database', 'the database refuses this pod'),
        ['failed in step wait-for-database:', '  the database refuses this pod'],
      ],
      [failedPod('a', 'migration', ''), ['failed in step migration:', '  exit code 1 (Error)']],
    ] as const;
    for (const [pods, [first, second]] of cases) {
      const prepare = migrates((world) =>
        toEnd(world, 8, finished('Failed', 'BackoffLimitExceeded'), [pods]),
      );
      expect((await update({ prepare })).error?.split('\n').slice(0, 2)).to.deep.equal([
        `${title} ${first}`,
        second,
      ]);
    }
  });

  it('is given up when an image cannot be pulled for a minute', async () => {
    const prepare = migrates((world) => {
      world.at(10, () => (world.pods.migration = [waiting('ErrImagePull', 'not found')]));
      world.at(15, () => (world.pods.migration = [waiting('ImagePullBackOff', 'Back-off pulling image')]));
      world.at(90, () => (world.pods.migration = []));
    });
    const { error, said, changes, world } = await update({ prepare });
    const text = 'container migration does not start: ImagePullBackOff: Back-off pulling image';
    expect(error?.split('\n')).to.deep.equal([`${title} could not start: ${text}`, runsAgain]);
    expect(said.slice(1)).to.deep.equal([
      'The migration waits: container migration does not start: ErrImagePull: not found',
      `The migration waits: ${text}`,
    ]);
    expect(changes.slice(2)).to.deep.equal([
      `DELETE jobs/${job} {"propagationPolicy":"Foreground"}`,
      scale(2),
      note(null),
    ]);
    expect(world.seconds).to.be.within(90, 95);
  });

  it('is given up when Kubernetes makes no pod', async () => {
    const events = (name: string, message: string, lastTimestamp: string) => ({
      involvedObject: { name },
      message,
      lastTimestamp,
    });
    const prepare = migrates((world) => {
      world.pods.migration = [];
      world.answers['/api/v1/namespaces/mlflow/events'] = {
        items: [
          events(job, 'exceeded quota', '2026-11-24T00:00:02Z'),
          events(job, 'an older one', '2026-11-24T00:00:01Z'),
          events('other', 'about another', '2026-11-24T00:00:03Z'),
        ],
      };
    });
    expect((await update({ prepare })).error?.split('\n')[0]).to.equal(
      `${title} could not start: Kubernetes made no pod for it: exceeded quota`,
    );
  });

  it('waits for a node as long as the settings allow', async () => {
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/3 nodes',
    };
    const prepare = migrates((world) => {
      world.pods.migration = [pod(job, { phase: 'Pending', conditions: [condition] })];
      toEnd(world, 200, finished('Failed', 'DeadlineExceeded'), []);
    });
    const { error, world } = await update({ prepare, settings: { server: { timeoutSeconds: 190 } } });
    expect(error?.split('\n')[0]).to.equal(`${title} could not start: no node takes the pod: 0/3 nodes`);
    expect(world.seconds).to.be.within(200, 203);
  });

  it('may just take too long', async () => {
    const prepare = migrates((world) => toEnd(world, 200, finished('Failed', 'DeadlineExceeded'), []));
    expect((await update({ prepare })).error?.split('\n')).to.deep.equal([
      `${title} did not end within 600 s (its database may be large); raise mlflow-stack:server.timeoutSeconds if it needs longer`,
      runsAgain,
    ]);
  });

  it('is given up by the program itself when Kubernetes does not', async () => {
    const prepare = migrates((world) => world.at(680, () => (world.pods.migration = [])));
    const { error, changes, world } = await update({ prepare });
    expect(error).to.match(/did not end within 600 s/);
    expect(changes).to.include(`DELETE jobs/${job} {"propagationPolicy":"Foreground"}`);
    expect(world.deployment().spec.replicas).to.equal(2);
  });

  it('leaves the server stopped as long as it still runs', async () => {
    const { error, world } = await update({ prepare: migrates() });
    expect(error?.split('\n').at(-1)).to.equal(
      `The server of MLflow 3.16.1 stays stopped (${job} of the migration still runs); mend that and update again, with ` +
        'mlflow-stack:server.image.tag of MLflow 3.16.1 to have it back as it was',
    );
    expect(world.deployment().spec.replicas).to.equal(0);
    expect(world.deployment().metadata.annotations[stopped]).to.equal('2');
  });

  it('tells when the old server does not come back', async () => {
    const prepare = migrates((world) => {
      toEnd(world, 10, finished('Failed', 'BackoffLimitExceeded'), [
        failedPod('a', 'migration', 'disk full'),
      ]);
      world.healthy = false;
      world.at(
        11,
        () =>
          (world.pods.server = [
            pod('mlflow-3', {
              phase: 'Running',
              containerStatuses: [
                {
                  name: 'mlflow',
                  state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
                  lastState: { terminated: { exitCode: 1, message: 'out-of-date schema' } },
                },
              ],
            }),
          ]),
      );
    });
    expect((await update({ prepare })).error?.split('\n').at(-1)).to.equal(
      'The server of MLflow 3.16.1 was started again, but is not ready after 120 s: container mlflow does not start: CrashLoopBackOff: out-of-date schema',
    );
  });

  it('leaves alone what was not stopped', async () => {
    const prepare = migrates((world) =>
      toEnd(world, 5, finished('Failed', 'BackoffLimitExceeded'), [failedPod('a', 'migration', 'no')]),
    );
    const last = async (cluster: Answers) => {
      const { error, changes } = await update({ cluster, prepare });
      return [error?.split('\n').at(-1), changes];
    };
    expect(await last(server({ version: '3.17.2' }))).to.deep.equal([
      'The server of MLflow 3.17.2 goes on as before.',
      [],
    ]);
    expect(await last(namespace({ labels: own }))).to.deep.equal([
      'There was no server before; mend this and update again.',
      [],
    ]);
  });

  it('is one that somebody deleted', async () => {
    const prepare = migrates((world) =>
      world.at(9, () => {
        world.answers[`${jobsPath}/${job}`] = undefined;
        world.pods.migration = [];
      }),
    );
    expect((await update({ prepare })).error?.split('\n')).to.deep.equal([
      `${title} was deleted by somebody`,
      runsAgain,
    ]);
  });
});

describe('a program that Pulumi interrupts', () => {
  /** Interrupts an update that has stopped the server. */
  const interrupted = async (prepare: (world: World) => void, cluster = server()) => {
    let code: unknown;
    const outcome = await course({ cluster, prepare }, async (rollout, world) => {
      await rollout.stopWriters();
      code = await world.interrupt();
    });
    return { ...outcome, code };
  };

  it('starts the server again', async () => {
    const { changes, warnings, code } = await interrupted((world) => (world.pods.migration = []));
    expect(changes.slice(2)).to.deep.equal([scale(2), note(null)]);
    expect(warnings).to.deep.equal(['MLflow 3.16.1 is started again, since the update was interrupted.']);
    expect(code).to.equal(130);
  });

  it('ends a migration first, or leaves the server as it is', async () => {
    const list = (world: World) => {
      world.answers[jobsPath] = ({ path }: { path: string }) => ({
        items: path.includes('(migration)') ? [running] : [],
      });
      world.answers[`${jobsPath}/${job}`] = running;
      world.pods.migration = [pod(job)];
    };
    const ends = await interrupted((world) => {
      list(world);
      world.at(7, () => (world.pods.migration = []));
    });
    expect(ends.changes.slice(2)).to.deep.equal([
      `DELETE jobs/${job} {"propagationPolicy":"Foreground"}`,
      scale(2),
      note(null),
    ]);
    const stays = await interrupted(list);
    expect(stays.warnings).to.deep.equal([
      `The update to MLflow 3.17.2 cannot go on: after 2 s these pods still run: ${job}; look at their nodes, or delete them, and update again`,
    ]);
    expect(stays.world.deployment().spec.replicas).to.equal(0);
  });

  it('does not start a server that the schema is too new for', async () => {
    const cluster = server({ annotations: { 'mlflow-stack/schema-revision': 'aa' } });
    const { changes, warnings } = await interrupted((world) => {
      world.pods.migration = [succeeded(JSON.stringify(outcome({})))];
    }, cluster);
    expect(changes.slice(2)).to.deep.equal([]);
    expect(warnings[0]).to.match(/^An interrupted update has brought the database to schema bb/);
  });

  for (const [title, cluster] of [
    ['when nothing was stopped', server({ version: '3.17.2' })],
    ['when nothing was there', namespace({ labels: own })],
  ] as const) {
    it(`does nothing ${title}`, async () => {
      const { changes, code } = await interrupted(() => undefined, cluster);
      expect({ changes, code }).to.deep.equal({ changes: [], code: undefined });
    });
  }

  it('does nothing when the migration is done', async () => {
    let code: unknown;
    const prepare = migrates((world) =>
      toEnd(world, 10, finished('Complete'), [succeeded(JSON.stringify(outcome({})))]),
    );
    const { changes } = await course({ prepare }, async (rollout, world) => {
      await rollout.stopWriters();
      await rollout.finished(job);
      code = await world.interrupt();
    });
    expect(code).to.equal(undefined);
    expect(changes).to.deep.equal([note('2'), scale(0)]);
  });
});

describe('the new server', () => {
  /** An update that succeeds; Pulumi then deploys the new server with this number of pods, or leaves it at none. */
  const whole = (replicas: number, prepare: (world: World) => void = () => undefined) =>
    course({ cluster: { ...server(), ...cronJob('mlflow-gc', false) }, prepare }, async (rollout, world) => {
      await rollout.stopWriters();
      const path = '/apis/apps/v1/namespaces/mlflow/deployments/mlflow';
      world.answers[path] = { ...world.deployment(), spec: { ...world.deployment().spec, replicas } };
      await rollout.deployed();
    });

  it('needs no help where the stack sets the number of pods', async () => {
    const { changes, error } = await whole(2);
    expect(error).to.equal(undefined);
    expect(changes.slice(3)).to.deep.equal([note(null), cron('mlflow-gc', null)]);
  });

  it('is started where an autoscaler decides, which does not begin at none', async () => {
    const { changes, error } = await whole(0);
    expect(error).to.equal(undefined);
    expect(changes.slice(3)).to.deep.equal([scale(2), note(null), cron('mlflow-gc', null)]);
  });

  it('must become ready', async () => {
    const { error, world } = await whole(0, (world) => (world.healthy = false));
    expect(error).to.equal('The server of MLflow 3.17.2 is not ready after 600 s');
    expect(world.seconds).to.be.greaterThan(600);
  });

  it('that does not become ready is told with the newest event of its pods', async () => {
    const event = (name: string, message: string, eventTime: string) => ({
      involvedObject: { name },
      message,
      eventTime,
    });
    const { error } = await whole(0, (world) => {
      world.healthy = false;
      world.at(10, () => (world.pods.server = [pod('mlflow-3')]));
      world.answers['/api/v1/namespaces/mlflow/events'] = {
        items: [
          event('mlflow-3', 'volume is busy', '2026-11-24T00:00:01.000000Z'),
          event('mlflow-migration-1', 'of no interest', '2026-11-24T00:00:02.000000Z'),
        ],
      };
    });
    expect(error).to.equal('The server of MLflow 3.17.2 is not ready after 600 s: volume is busy');
  });

  it('whose pods cannot even be made is told with the reason', async () => {
    const { error } = await whole(0, (world) => {
      world.healthy = false;
      world.conditions = [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota' }];
    });
    expect(error).to.equal('The server of MLflow 3.17.2 is not ready after 600 s: exceeded quota');
  });
});

describe('an update that was interrupted', () => {
  const left = (annotations: object = {}) => ({
    ...server({ version: '3.17.2', replicas: 0, annotations: { [stopped]: '2', ...annotations } }),
    ...cronJob('mlflow-gc', true, { annotations: { [suspended]: 'true' } }),
    ...cronJob('mlflow-trace-archival', true),
  });

  it('is undone when its version is no longer wanted', async () => {
    const { changes, said, error } = await course({ cluster: left() });
    expect(error).to.equal(undefined);
    expect(changes).to.deep.equal([scale(2), note(null), cron('mlflow-gc', null, false)]);
    expect(said).to.deep.equal(['MLflow 3.17.2, which an interrupted update had stopped, is started again.']);
  });

  it('is not undone in a preview', async () => {
    expect((await course({ cluster: left(), preview: true })).changes).to.deep.equal([]);
  });

  it('is ended first', async () => {
    const cluster = { ...left(), [jobsPath]: list({ name: job }), [`${jobsPath}/${job}`]: running };
    const prepare = (world: World) => {
      world.pods.migration = [pod(job)];
      world.at(4, () => (world.pods.migration = []));
    };
    const { changes, world } = await course({ cluster, prepare });
    expect(changes.slice(0, 2)).to.deep.equal([
      `DELETE jobs/${job} {"propagationPolicy":"Foreground"}`,
      scale(2),
    ]);
    expect(world.seconds).to.be.within(4, 5);
  });

  it('cannot be undone when it has changed the schema', async () => {
    const noted = {
      'mlflow-stack/schema-revision': 'aa',
      'mlflow-stack/migration': 'mlflow-migration-0-old',
    };
    const prepare = (world: World) => (world.pods.migration = [succeeded(JSON.stringify(outcome({})))]);
    const { changes, error } = await course({ cluster: left(noted), prepare });
    expect(error).to.equal(
      'An interrupted update has brought the database to schema bb, which MLflow 3.17.2 does not know; finish that update ' +
        'with its server.image.tag, or go back as in docs/upgrade.md#going-back',
    );
    expect(changes).to.deep.equal([]);
  });
});
