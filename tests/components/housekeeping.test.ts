import { expect } from 'chai';
import { GcCronJob, type GcCronJobArgs, TraceArchival } from '../../components/index.ts';
import { artifacts, gcArgs, labelsOf, runtime, service } from '../support/args.ts';
import { container, plainEnv, podTemplate, secretEnv } from '../support/manifests.ts';
import { type Registered, type Run, generatedPassword, runStack, secret } from '../support/mocks.ts';

describe('GcCronJob', () => {
  const build = (changes: Partial<GcCronJobArgs> = {}): Promise<Run> =>
    runStack(() => ({ name: new GcCronJob('sweep', { ...gcArgs, ...changes }).cronJobName }));
  const cronJob = async (changes?: Partial<GcCronJobArgs>): Promise<Registered> =>
    (await build(changes)).get('CronJob/sweep-cron-job');
  const gc = async (changes?: Partial<GcCronJobArgs>) => container(await cronJob(changes), 'gc');

  it('runs on schedule, never twice at the same time, and leaves its last runs to be looked at', async () => {
    const job = await cronJob({ suspend: true, timeZone: 'Europe/Berlin' });
    expect(job.inputs.metadata).to.deep.include({
      name: 'sweep',
      namespace: 'team-a',
      labels: labelsOf('gc'),
    });
    expect(job.inputs.spec).to.deep.include({
      schedule: '0 2 * * 0',
      timeZone: 'Europe/Berlin',
      suspend: true,
      concurrencyPolicy: 'Forbid',
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
    });
    expect(job.inputs.spec).to.deep.nested.include({
      'jobTemplate.metadata': { labels: labelsOf('gc') },
      'jobTemplate.spec.backoffLimit': 1,
      'jobTemplate.spec.activeDeadlineSeconds': 7200,
      'jobTemplate.spec.ttlSecondsAfterFinished': 7 * 86_400,
    });
    expect(podTemplate(job)?.spec).to.deep.include({ restartPolicy: 'Never', serviceAccountName: 'sweep' });
    expect((await build()).outputs).to.deep.equal({ name: 'sweep' });
  });

  it('deletes rows itself and files through the server', async () => {
    const main = await gc();
    expect(main).to.deep.include({
      image: 'mlflow:v3.17.2',
      command: ['python3', '/opt/mlflow-stack/collect_garbage.py'],
    });
    expect(main).to.have.nested.property('resources.limits.memory', '512Mi');
    expect(plainEnv(main)).to.include({
      MLFLOW_TRACKING_URI: 'http://mlflow.team-a.svc:8000',
      MLFLOW_HTTP_REQUEST_TIMEOUT: '600',
    });
    // Neither the keys of the store nor a log-in that nobody asks for.
    expect(secretEnv(main)).to.deep.equal({ PGPASSWORD: 'db-secret/pw' });
    expect(podTemplate(await cronJob())?.spec.volumes?.map(({ name }) => name)).not.to.include('bucket-ca');
  });

  it('knows the server by its authority where the server speaks TLS, and gets nothing else of its Secret', async () => {
    const ca = { secretName: 'server-tls', key: 'ca.crt' };
    const job = await cronJob({ service: { ...service, ca } });
    expect(plainEnv(container(job, 'gc'))).to.include({
      MLFLOW_TRACKING_SERVER_CERT_PATH: '/etc/mlflow-stack/server-ca/ca.crt',
    });
    expect(container(job, 'gc')).to.have.property('volumeMounts').that.deep.includes({
      name: 'server-ca',
      mountPath: '/etc/mlflow-stack/server-ca',
      readOnly: true,
    });
    expect(podTemplate(job)?.spec.volumes).to.deep.include({
      name: 'server-ca',
      secret: { secretName: 'server-tls', items: [{ key: 'ca.crt', path: 'ca.crt' }] },
    });
  });

  it('deletes files itself where the server does not serve them', async () => {
    const job = await cronJob({ artifacts: { ...artifacts, mode: 'direct' } });
    expect(secretEnv(container(job, 'gc'))).to.include({ AWS_SECRET_ACCESS_KEY: 's3-secret/secret' });
    expect(podTemplate(job)?.spec.volumes).to.deep.include(artifacts.volumes[0]);
  });

  it('is an administrator of its own where the server has users', async () => {
    const run = await build({ hasUsers: true });
    const main = container(run.get('CronJob/sweep-cron-job'), 'gc');
    expect(plainEnv(main)).to.include({ MLFLOW_TRACKING_USERNAME: 'mlflow-gc' });
    expect(secretEnv(main)).to.include({ MLFLOW_TRACKING_PASSWORD: 'sweep-credentials-1a2b3c4d/password' });
    expect(run.get('Secret/sweep-credentials').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'team-a', labels: labelsOf('gc') },
      type: 'Opaque',
      stringData: secret({ password: generatedPassword }),
    });
  });

  for (const [title, changes, expected] of [
    ['what was deleted some time ago', {}, ['--older-than', '30d']],
    ['whatever is deleted, however recently', { olderThan: 'all' }, []],
    ['jobs, too', { jobs: true }, ['--older-than', '30d', '--jobs']],
    ['what is in any workspace', { workspaces: true }, ['--older-than', '30d', '--all-workspaces']],
  ] as const) {
    it(`removes ${title}`, async () => {
      expect((await gc(changes)).args).to.deep.equal(expected);
    });
  }
});

describe('TraceArchival', () => {
  it('moves old spans to the artifact store on schedule, with its rights', async () => {
    const run = await runStack(
      () =>
        void new TraceArchival('archive', {
          runtime,
          artifacts,
          service,
          schedule: '0 */6 * * *',
          retention: '90d',
          maxTraces: 500,
        }),
    );
    const job = run.get('CronJob/archive-cron-job');
    expect(job.inputs.metadata).to.deep.include({
      name: 'archive',
      namespace: 'team-a',
      labels: labelsOf('trace-archival'),
    });
    expect(job.inputs.spec).to.deep.include({ schedule: '0 */6 * * *', concurrencyPolicy: 'Forbid' });
    expect(podTemplate(job)?.spec).to.include({ serviceAccountName: 'archive', restartPolicy: 'Never' });
    expect(podTemplate(job)?.spec.volumes).to.deep.include(artifacts.volumes[0]);
    const main = container(job, 'trace-archival');
    expect(main.command).to.deep.equal(['python3', '/opt/mlflow-stack/archive_traces.py']);
    expect(plainEnv(main)).to.include({
      ARCHIVE_LOCATION: 's3://bucket/prefix/archived-traces',
      ARCHIVE_RETENTION: '90d',
      ARCHIVE_MAX_TRACES: '500',
    });
    expect(secretEnv(main)).to.deep.equal({
      AWS_SECRET_ACCESS_KEY: 's3-secret/secret',
      PGPASSWORD: 'db-secret/pw',
    });
  });
});
