// Stack dev-gcp from nothing to nothing, by the real program and engine, on a pretended project of Google Cloud: a test double
// stands in for the plug-in. The tests build on one another, as the days of a stack do. With --real-plugin the plug-in of Google
// Cloud on PATH does all that in the place of the double, and plans what can be added to the stack.
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { parse } from 'yaml';
import { prepareEngine, pulumi, stackFile } from '../../tools/lib/engine.ts';
import { documented, pulumiArgs } from '../support/documentation.ts';
import { type Overrides, ScratchStack } from '../../tools/lib/scratch-stack.ts';
import {
  eventually,
  inMlflow,
  inServer,
  kubectl,
  kubectlJson,
  runGc,
  storesFromInside,
  tryKubectl,
} from './support/cluster.ts';
import { usesRealPlugin } from './support/double/install.ts';
import { removeStackOfCluster, stackOfCluster } from './support/gcp/cluster-stack.ts';
import { gate, PretendedProject } from './support/gcp/project.ts';
import { BACKUP } from './support/gcp/sql-admin.ts';
import { type Credentials, makeUser, mlflow, readRun, somebody } from './support/mlflow.ts';
import { instance } from './support/stack.ts';

const stack = new ScratchStack(instance, 'dev-gcp');
const DATABASE = 'gcp:sql/databaseInstance:DatabaseInstance';
const BUCKET = 'gcp:storage/bucket:Bucket';
const SECRET = 'gcp:secretmanager/secret:Secret';
const SECRET_VERSION = 'gcp:secretmanager/secretVersion:SecretVersion';

const { config } = parse(readFileSync(stackFile('dev-gcp'), 'utf8')) as {
  config: Record<string, Record<string, unknown>>;
};
/** Beside what the stack file says in a section. */
const beside = (section: string, change: object) => ({
  [section]: { ...config[`mlflow-stack:${section}`], ...change },
});

/** A small pod, since several servers share the two cores of the machine that tests run on. */
const small = {
  secrets: { store: 'cloud' },
  server: { resources: { requests: { cpu: '100m', memory: '512Mi' } } },
  gc: { olderThan: 'all' },
};
/** The account of the pods is the user of the database, and a proxy in each pod logs in as it. */
const byAccount = { ...small, ...beside('backendStore', { auth: 'iam' }) };
/** One proxy for all. */
const throughProxy = { ...small, ...beside('gcp', { cloudSqlProxy: { kind: 'deployment' } }) };
/** What the stack file leaves out, for plans of the real plug-in. */
const additions: Readonly<Record<string, Overrides>> = {
  'a log-in to the database without a password': byAccount,
  'a proxy in each pod': beside('gcp', { cloudSqlProxy: { kind: 'sidecar' } }),
  'one proxy for all': throughProxy,
  'logs of who reads and writes': {
    audit: { enabled: true },
    ...beside('artifactStore', { accessLogging: true }),
  },
  'a bucket with a name, whose files get a colder class': beside('artifactStore', {
    bucketName: 'my-team-dev-mlflow',
    transition: { days: 90, storageClass: 'NEARLINE' },
  }),
  'a database with a standby, a verified name and what it keeps at its end': {
    dataProtection: 'retain',
    ...beside('backendStore', {
      tier: 'db-custom-2-7680',
      highAvailability: true,
      sslMode: 'verify-full',
      maxConnections: 300,
      finalSnapshot: true,
    }),
  },
  'a database of the dearer edition in a zone': {
    ...beside('backendStore', { tier: 'db-perf-optimized-N-2' }),
    ...beside('gcp', { zone: 'europe-west1-b' }),
  },
  'a network of another project': beside('gcp', {
    network: 'projects/host-project/global/networks/my-network',
    clusterProject: 'cluster-project',
  }),
  'identities of programs, and images that nodes may read': {
    ...beside('artifactStore', { mode: 'direct' }),
    clientIdentity: { enabled: true },
    identity: {
      imageRepository: 'projects/my-team-dev/locations/europe-west1/repositories/images',
      imageReaders: ['nodes@my-team-dev.iam.gserviceaccount.com'],
    },
  },
};
/** Who is connected to the database from where, beside the service itself. */
const connections =
  "SELECT DISTINCT usename || ' ' || host(client_addr) || ' ' || ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE client_addr IS NOT NULL";

const logRuns = `
mlflow.set_experiment("cloud")
def log():
    with mlflow.start_run() as run:
        mlflow.log_param("größe", "数")
        mlflow.log_text("kept", "notes.txt")
    return run.info.run_id
kept, doomed = log(), log()
MlflowClient().delete_run(doomed)
print(json.dumps([kept, doomed]))`;

interface Step {
  readonly op: string;
  readonly urn: string;
}

const kindOf = (urn: string) => urn.split('::')[2]?.split('$').at(-1) ?? '';

describe('Stack dev-gcp', function () {
  this.timeout('10m');
  this.bail(true);

  let project: PretendedProject;
  let bucket: string;
  let run: string;
  let admin: Credentials;
  let passphrase: unknown;

  const ids = (type: string) => project.store.list(type).map(({ id }) => id);
  const steps = async (overrides: Overrides): Promise<Step[]> => {
    const { steps: all } = JSON.parse(await stack.run(['preview', '--json'], overrides)) as { steps: Step[] };
    return all.filter(({ op, urn }) => op !== 'same' && !kindOf(urn).startsWith('pulumi:'));
  };
  /** The newest value of a secret of the stack. */
  const kept = (what: string) =>
    project.store
      .list(SECRET_VERSION)
      .filter(({ inputs }) => String(inputs.secret).endsWith(`/mlflow-stack-dev-gcp-${what}`))
      .sort((a, b) => Number(a.outputs.version) - Number(b.outputs.version))
      .at(-1)?.outputs.secretData;
  const signIn = async (): Promise<Credentials> => {
    const { adminUsername, adminPassword } = await stack.outputs();
    return { username: String(adminUsername), password: String(adminPassword) };
  };
  const rights = () =>
    project.store
      .list('gcp:projects/iAMMember:IAMMember')
      .map(({ inputs }) => `${String(inputs.role)} ${String(inputs.member)}`)
      .sort();
  const findsRun = async () => {
    expect(await stack.reach((url) => mlflow(url, readRun(run), admin))).to.deep.equal(['数', 'kept']);
  };

  /** What is in the project goes with that, whatever protects it. */
  const forget = async () => {
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await pulumi(instance, 'dev-gcp', ['state', 'delete', '--all', '--force', '--yes', '--stack', 'dev-gcp']);
  };

  before(async () => {
    await prepareEngine(instance, 'dev-gcp');
    await forget();
    project = await PretendedProject.start('my-team-dev', 'my-network', 'mlflow');
  });

  after(async () => {
    await project.stop();
    await forget();
  });

  it('shows its plan in a preview that changes nothing', async () => {
    const before = project.store.contents();
    const planned = (await steps(small)).map(({ urn }) => kindOf(urn));
    expect(planned).to.include.members([
      BUCKET,
      DATABASE,
      'gcp:serviceaccount/account:Account',
      'gcp:storage/bucketIAMMember:BucketIAMMember',
      'kubernetes:apps/v1:Deployment',
    ]);
    expect(project.store.contents()).to.deep.equal(before);
    expect((await tryKubectl('get', 'namespace', 'mlflow')).exitCode).not.to.equal(0);
  });

  it('refuses a project that has not switched on what it needs', async () => {
    const { exitCode, output } = await stack.try(['preview'], {
      ...small,
      ...beside('gcp', { enableServices: false }),
    });
    expect(exitCode).not.to.equal(0);
    expect(output).to.include(
      'Project my-team-dev has not switched on compute.googleapis.com, iam.googleapis.com, secretmanager.googleapis.com, servicenetworking.googleapis.com, sqladmin.googleapis.com, storage.googleapis.com; set mlflow-stack:gcp.enableServices',
    );
  });

  if (usesRealPlugin)
    for (const [what, change] of Object.entries(additions))
      it(`plans ${what}`, async () => {
        expect((await steps({ ...small, ...change })).map(({ op }) => op)).to.include('create');
      });

  it('comes up, private throughout, without a key of any account and without a password', async () => {
    await stack.up({ ...byAccount, server: { ...small.server, image: { tag: 'v3.16.1-full' } } });
    admin = await signIn();
    [bucket = ''] = ids(BUCKET);
    expect(project.store.get(BUCKET, bucket)?.outputs).to.deep.include({
      publicAccessPrevention: 'enforced',
      uniformBucketLevelAccess: true,
    });
    const [database] = project.store.list(DATABASE);
    expect(database?.outputs).to.include({ publicIpAddress: '' });
    expect(ids('gcp:serviceaccount/key:Key')).to.deep.equal([]);
    expect(kept('admin-password')).to.equal(admin.password);
    const [account] = ids('gcp:serviceaccount/account:Account').map((id) => id.split('/').at(-1));
    expect(rights()).to.deep.equal([
      `roles/cloudsql.client serviceAccount:${account}`,
      `roles/cloudsql.instanceUser serviceAccount:${account}`,
    ]);
  });

  it('copies its database before a newer MLflow changes the schema', async () => {
    const update = pulumiArgs(documented('npm run pulumi -- up --stack dev-gcp'));
    await stack.run([...update, '--yes', '--skip-preview'], byAccount);
    const { databaseSnapshot, mlflowVersion } = await stack.outputs();
    expect(mlflowVersion).to.equal('3.17.2');
    const [backup] = project.store.list(BACKUP);
    expect(databaseSnapshot).to.include(backup?.id);
  });

  it('changes nothing when nothing has changed', async () => {
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], byAccount);
  });

  it('keeps artifacts in the bucket and rows in Cloud SQL, both by the identity of its pods', async () => {
    const [kept = '', doomed = ''] = await stack.reach((url) => mlflow<string[]>(url, logRuns, admin));
    run = kept;
    await findsRun();
    const objects = (await project.objects(bucket)) ?? [];
    expect(objects.filter((name) => name.includes(kept) && name.endsWith('notes.txt'))).to.have.length(1);
    expect(await project.sql(`SELECT count(*) FROM runs WHERE run_uuid = '${kept}'`, 'mlflow')).to.deep.equal(
      ['1'],
    );
    const [user] = project.store.list('gcp:sql/user:User').map(({ inputs }) => String(inputs.name));
    expect(await project.sql(connections, 'mlflow')).to.deep.equal([`${user} ${gate.loggedIn} false`]);

    await runGc();
    const left = (await project.objects(bucket)) ?? [];
    expect(left.filter((name) => name.includes(doomed))).to.deep.equal([]);
    expect(left.filter((name) => name.includes(kept))).not.to.deep.equal([]);
    // Google's client also asks for the bucket's settings, to label its traces, and does without.
    expect(project.refusals.filter((refusal) => !refusal.includes('storage.buckets.get'))).to.deep.equal([]);
  });

  it('has no way to other buckets, and no secret in the plain state', async () => {
    const elsewhere = `
from google.cloud import storage
try:
    storage.Client().bucket("of-somebody-else").blob("x").upload_from_string("y")
except Exception as error:
    print(type(error).__name__)`;
    expect(await kubectl(...inServer, 'python3', '-c', elsewhere)).to.equal('Forbidden');
    const { identityNames } = (await stack.outputs()) as { identityNames: Record<string, string> };
    const who = `${identityNames['tracking-server'] ?? ''} (project my-team-dev)`;
    expect(await storesFromInside()).to.deep.equal({ who, findings: [] });
    const foreign = await storesFromInside('gs://of-somebody-else/mlflow');
    expect(foreign).to.deep.equal({ who, findings: ['artifacts-denied'] });
    const { items } = await kubectlJson<{ items: { data: Record<string, string> }[] }>(
      ...[...inMlflow, 'get', 'secrets'],
    );
    const values = items
      .flatMap(({ data }) => Object.values(data))
      .flatMap((encoded) => [encoded, Buffer.from(encoded, 'base64').toString()])
      // Names of users are no secrets.
      .filter((value) => value.length >= 16);
    expect(values).to.have.length.above(1);
    const { text } = await stack.exportedState();
    for (const value of values) expect(text).not.to.include(value);
  });

  it('grows its database in place', async () => {
    const larger = { ...small, ...beside('backendStore', { auth: 'iam', tier: 'db-custom-2-7680' }) };
    const planned = await steps(larger);
    expect(planned.filter(({ urn }) => kindOf(urn) === DATABASE).map(({ op }) => op)).to.deep.equal([
      'update',
    ]);
    await stack.up(larger);
    expect(project.store.list(DATABASE)[0]?.outputs.settings).to.include({ tier: 'db-custom-2-7680' });
    await findsRun();
  });

  it('leaves nothing behind when its data is to be deleted', async () => {
    await stack.destroy(byAccount);
    const left = project.store.contents().map(({ type }) => type);
    expect(new Set(left)).to.deep.equal(
      new Set([
        'gcp:compute/network:Network',
        // Google deletes it days after the last database is gone.
        'gcp:servicenetworking/connection:Connection',
        'gcp:projects/service:Service',
        'sql/deletedInstance',
        BACKUP,
      ]),
    );
    expect((await stack.exportedState()).resources).to.deep.equal([]);
  });

  it('comes up with a password and without a proxy, over TLS', async () => {
    await stack.up({ ...small, dataProtection: 'protect' });
    admin = await signIn();
    [bucket = ''] = ids(BUCKET);
    [run = ''] = await stack.reach((url) => mlflow<string[]>(url, logRuns, admin));
    await stack.reach((url) => mlflow(url, makeUser(somebody), admin));
    expect(rights()).to.deep.equal([]);
    for (const connection of await project.sql(connections, 'mlflow'))
      expect(connection).to.match(/^mlflow [\d.]+ true$/);
  });

  it('refuses to be destroyed when protected', async () => {
    const { exitCode, output } = await stack.try(['destroy', '--yes'], {
      ...small,
      dataProtection: 'protect',
    });
    expect(exitCode).not.to.equal(0);
    expect(output).to.include('protect');
    expect(ids(BUCKET)).to.deep.equal([bucket]);
    expect(ids(DATABASE)).to.have.length(1);
    await findsRun();
  });

  it('puts one proxy before the database, which alone may connect to it', async () => {
    await stack.up({ ...throughProxy, dataProtection: 'retain' });
    await findsRun();
    expect(rights().join()).to.match(
      /^roles\/cloudsql\.client serviceAccount:mlflow-stack-\S+-sql-\w+@[^,]+$/,
    );
    await eventually('nobody is connected past the proxy', async () =>
      isDeepStrictEqual(await project.sql(connections, 'mlflow'), [`mlflow ${gate.connected} false`]),
    );
  });

  it('leaves bucket, database and keys behind when they are retained', async () => {
    passphrase = kept('kek-passphrase');
    await stack.destroy({ ...throughProxy, dataProtection: 'retain' });
    expect(kept('kek-passphrase')).to.equal(passphrase);
    expect(ids(SECRET)).to.have.length(6);
    expect(ids(BUCKET)).to.deep.equal([bucket]);
    expect(ids(DATABASE)).to.have.length(1);
    expect(await project.objects(bucket)).not.to.deep.equal([]);
    expect(await project.sql('SELECT count(*) FROM runs', 'mlflow')).not.to.deep.equal(['0']);
  });

  it('finds runs, users and keys again in a new up with what was left, without what was in the cluster', async () => {
    await kubectl('delete', 'namespace', 'mlflow');
    const [database] = project.store.list(DATABASE);
    const found = {
      ...small,
      // As a stack of clusters/gke tells it.
      kubernetes: { clusterStack: await stackOfCluster(instance) },
      dataProtection: 'retain',
      secrets: { store: 'cloud', existing: ids(SECRET).map((id) => id.split('dev-gcp-')[1]) },
      artifactStore: { existingBucket: bucket },
      backendStore: { existingInstance: database?.outputs.connectionName },
      gcp: {
        project: 'my-team-dev',
        region: 'europe-west1',
        network: 'my-network',
        privateServices: 'existing',
        existingDatabase: true,
      },
    };
    await stack.up(found);
    expect(kept('kek-passphrase')).to.equal(passphrase);
    // The administrator's password is the stack's; everybody else keeps their own.
    admin = await signIn();
    await findsRun();
    admin = somebody;
    await findsRun();
    await stack.destroy(found);
    expect(ids(DATABASE)).to.have.length(1);
    await removeStackOfCluster(instance);
  });
});
