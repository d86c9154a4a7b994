import { expect } from 'chai';
import { BackupCronJob, type BackupCronJobArgs } from '../../components/index.ts';
import { artifacts, labelsOf, runtime } from '../support/args.ts';
import { container, plainEnv, podTemplate, secretEnv } from '../support/manifests.ts';
import { type Run, runStack } from '../support/mocks.ts';

const passphrase = 'words that nobody may see';
const args: BackupCronJobArgs = {
  runtime,
  artifacts,
  namespace: 'team-a',
  keys: {
    settings: { MLFLOW_CRYPTO_KEK_VERSION: '2' },
    secrets: {
      MLFLOW_FLASK_SERVER_SECRET_KEY: { secretName: 'keys', key: 'flask-key' },
      MLFLOW_CRYPTO_KEK_PASSPHRASE: { secretName: 'keys', key: 'kek-passphrase' },
      MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: { secretName: 'keys', key: 'webhook-key' },
    },
  },
  schedule: '0 1 * * *',
  timeZone: 'Europe/Berlin',
  keep: 7,
  destination: 'artifactStore',
  size: '20Gi',
  dataProtection: 'retain',
  passphrase,
  clientImage: 'postgres:17',
  tmpSize: '30Gi',
};

describe('BackupCronJob', () => {
  const build = (changes: Partial<BackupCronJobArgs> = {}): Promise<Run> =>
    runStack(() => {
      const { cronJobName, uri } = new BackupCronJob('save', { ...args, ...changes });
      return { cronJobName, uri };
    });
  const cronJob = (run: Run) => run.get('CronJob/save-cron-job');

  it('runs on schedule, never twice at the same time', async () => {
    const job = cronJob(await build());
    expect(job.inputs.metadata).to.deep.include({
      name: 'save',
      namespace: 'team-a',
      labels: labelsOf('backup'),
    });
    expect(job.inputs.spec).to.deep.include({
      schedule: '0 1 * * *',
      timeZone: 'Europe/Berlin',
      concurrencyPolicy: 'Forbid',
    });
    expect(podTemplate(job)?.spec).to.include({ serviceAccountName: 'save', restartPolicy: 'Never' });
  });

  it('finds the databases, dumps them by their own tools, and puts them beside the artifacts', async () => {
    const run = await build();
    const { containers = [], initContainers = [] } = podTemplate(cronJob(run))?.spec ?? {};
    expect([...initContainers, ...containers].map(({ name, image }) => [name, image])).to.deep.equal([
      ['wait-for-database', 'mlflow:v3.17.2'],
      ['prepare', 'mlflow:v3.17.2'],
      ['dump', 'postgres:17'],
      ['backup', 'mlflow:v3.17.2'],
    ]);
    expect(plainEnv(container(cronJob(run), 'backup'))).to.include({
      BACKUP_URI: 's3://bucket/backups-of-prefix',
      BACKUP_KEEP: '7',
      MLFLOW_CRYPTO_KEK_VERSION: '2',
    });
    expect(podTemplate(cronJob(run))?.spec.volumes).to.deep.include({
      name: 'tmp',
      emptyDir: { sizeLimit: '30Gi' },
    });
    expect(run.outputs).to.deep.equal({ cronJobName: 'save', uri: 's3://bucket/backups-of-prefix' });
  });

  it('has the keys that data depends on, what locks them, and no others', async () => {
    const run = await build();
    const own = { AWS_SECRET_ACCESS_KEY: 's3-secret/secret', PGPASSWORD: 'db-secret/pw' };
    const keys = {
      MLFLOW_CRYPTO_KEK_PASSPHRASE: 'keys/kek-passphrase',
      MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: 'keys/webhook-key',
    };
    const variables = secretEnv(container(cronJob(run), 'backup'));
    expect(variables).to.deep.equal({ ...own, ...keys, BACKUP_PASSPHRASE: 'save/passphrase' });
    const other = await build({
      passphrase: undefined,
      passphraseFrom: { secretName: 'mine', key: 'words' },
    });
    expect(secretEnv(container(cronJob(other), 'backup'))).to.include({ BACKUP_PASSPHRASE: 'mine/words' });
    expect(other.resources.map(({ id }) => id)).not.to.include('Secret/save-passphrase');
    const none = await build({ passphrase: undefined });
    expect(secretEnv(container(cronJob(none), 'backup'))).not.to.have.property('BACKUP_PASSPHRASE');
  });

  it('keeps the passphrase encrypted in the state, and everywhere else out of sight', async () => {
    const { resources, get } = await build();
    const where = resources.filter(({ inputs }) => JSON.stringify(inputs).includes(passphrase));
    expect(where.map(({ id }) => id)).to.deep.equal(['BackupCronJob/save', 'Secret/save-passphrase']);
    for (const { id } of where) {
      const text = JSON.stringify(get(id).inputs);
      expect(text.split(passphrase), id).to.have.lengthOf(2);
      expect(text, id).to.match(/4dabf18193072939515e22adb298388d/);
    }
  });

  it('can have a claim of its own, which is protected like all data, and then knows no keys of the store', async () => {
    const run = await build({ destination: 'claim' });
    const claim = run.resources.find(({ type }) => type.endsWith(':PersistentVolumeClaim'));
    expect(claim).to.deep.nested.include({
      'inputs.metadata.name': 'mlflow-backups',
      'inputs.spec.resources': { requests: { storage: '20Gi' } },
      retainOnDelete: true,
    });
    expect(container(cronJob(run), 'backup'))
      .to.have.property('volumeMounts')
      .that.deep.includes({
        name: 'backups',
        mountPath: '/backups',
      });
    expect(secretEnv(container(cronJob(run), 'backup'))).not.to.have.property('AWS_SECRET_ACCESS_KEY');
    expect(run.outputs.uri).to.equal('/backups');
  });

  it('needs no tools of PostgreSQL where there is none', async () => {
    const names = podTemplate(cronJob(await build({ clientImage: undefined })))?.spec.initContainers;
    expect(names?.map(({ name }) => name)).to.deep.equal(['wait-for-database', 'prepare']);
  });
});
