// Stack prod-aws from nothing to nothing, by the real program and engine, in a pretended AWS account. With --real-plugin the
// plug-in of AWS on PATH works there, else a test double of it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRoleCommand,
  IAMClient,
  ListRolesCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import { DescribeDBInstancesCommand, DescribeDBSnapshotsCommand, RDSClient } from '@aws-sdk/client-rds';
import { ListBucketsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { expect } from 'chai';
import { execa } from 'execa';
import { parse } from 'yaml';
import { prepareEngine, stackFile } from '../../tools/lib/engine.ts';
import { documented, pulumiArgs } from '../support/documentation.ts';
import { projectDir } from '../../tools/lib/paths.ts';
import { type Overrides, ScratchStack } from '../../tools/lib/scratch-stack.ts';
import { AwsAccount, accountId, clusterIssuer, databaseNamespace } from './support/aws/account.ts';
import { foundation } from './support/aws/foundation.ts';
import { IdentityWebhook } from './support/aws/identity-webhook.ts';
import { installAwsPlugin } from './support/aws/plugin.ts';
import {
  apply,
  eventually,
  inMlflow,
  inServer,
  kubectl,
  kubectlJson,
  storesFromInside,
  tryKubectl,
} from './support/cluster.ts';
import { type Credentials, makeUser, mlflow, readRun, somebody } from './support/mlflow.ts';
import { instance } from './support/stack.ts';

const region = 'eu-west-1';
const stack = new ScratchStack(instance, 'prod-aws');
const { config } = parse(readFileSync(stackFile('prod-aws'), 'utf8')) as {
  config: Record<string, Record<string, unknown>>;
};
/** Beside what the stack file says in a section. */
const beside = (section: string, change: object) => ({
  [section]: { ...config[`mlflow-stack:${section}`], ...change },
});

const logRun = `
mlflow.set_experiment("aws")
with mlflow.start_run() as run:
    mlflow.log_param("größe", "数")
    mlflow.log_text("kept", "notes.txt")
print(json.dumps(run.info.run_id))`;

describe('Stack prod-aws', function () {
  this.timeout('12m');
  this.bail(true);

  const rds = new RDSClient({ region });
  const s3 = new S3Client({ region, forcePathStyle: true });
  const iam = new IAMClient({ region });
  const secrets = new SecretsManagerClient({ region });
  let account: AwsAccount;
  let webhook: IdentityWebhook;
  let removePlugin: () => void;
  let common: Overrides;
  let run: string;
  let admin: Credentials;
  let bucket: string;
  let database: string;
  /** What an earlier stack has left in Secrets Manager. */
  let left: { readonly existing: string[]; readonly passphrase: string | undefined };
  let firstToken: string;

  const buckets = async () =>
    ((await s3.send(new ListBucketsCommand({}))).Buckets ?? []).map(({ Name }) => Name ?? '');
  const files = async () =>
    ((await s3.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ?? []).map(
      ({ Key }) => Key ?? '',
    );
  const instances = async () => (await rds.send(new DescribeDBInstancesCommand({}))).DBInstances ?? [];
  const snapshots = async () =>
    ((await rds.send(new DescribeDBSnapshotsCommand({ SnapshotType: 'manual' }))).DBSnapshots ?? []).map(
      ({ DBSnapshotIdentifier }) => DBSnapshotIdentifier ?? '',
    );
  /** A value of the stack in Secrets Manager. */
  const kept = async (what: string) =>
    (await secrets.send(new GetSecretValueCommand({ SecretId: `mlflow-stack-prod-aws-${what}` })))
      .SecretString;
  const roles = async () =>
    ((await iam.send(new ListRolesCommand({}))).Roles ?? []).map(({ RoleName }) => RoleName ?? '');
  const signIn = async (): Promise<Credentials> => {
    const { adminUsername, adminPassword } = await stack.outputs();
    return { username: String(adminUsername), password: String(adminPassword) };
  };
  /** The release before, whose schema is another. */
  const older = (): Overrides => ({
    ...common,
    server: { ...(common.server as object), image: { tag: 'v3.16.1-full' } },
  });
  const findsRun = async () => {
    expect(await stack.reach((url) => mlflow(url, readRun(run), admin))).to.deep.equal(['数', 'kept']);
  };

  /** What the database says to its user who comes with this password, or without TLS. */
  const connect = async (password: string, sslMode = 'require') => {
    const address = `host=${database}.${databaseNamespace}.svc.cluster.local user=mlflow dbname=mlflow sslmode=${sslMode}`;
    return await tryKubectl(
      ...['--namespace', databaseNamespace, 'exec', database, '--', 'env', `PGPASSWORD=${password}`],
      ...['psql', '--no-psqlrc', '--tuples-only', '--command', 'SELECT current_user', address],
    );
  };

  before(async () => {
    await prepareEngine(instance, 'prod-aws');
    account = await AwsAccount.start();
    Object.assign(process.env, account.environment);
    removePlugin = await installAwsPlugin(account.environment);
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    webhook = await IdentityWebhook.start(account, region, 'mlflow');
    const metadata = { name: 'alb' };
    const spec = { controller: 'ingress.k8s.aws/alb' };
    await apply({ apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata, spec });
    common = {
      aws: await foundation(region),
      secrets: { store: 'cloud' },
      ...beside('backendStore', { auth: 'iam' }),
      // Two pods, and the rest of the test, share two cores.
      server: { resources: { requests: { cpu: '100m', memory: '512Mi' } } },
    };
  });

  after(async () => {
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await tryKubectl('delete', 'ingressclass', 'alb', '--ignore-not-found');
    await webhook.stop();
    removePlugin();
    await account.stop();
    for (const name of Object.keys(account.environment)) Reflect.deleteProperty(process.env, name);
  });

  it('is previewed with nothing there yet, and makes nothing', async () => {
    const output = await stack.run(['preview'], common);
    expect(output).to.match(/aws:rds:Instance\s+mlflow-postgres-instance\s+create/);
    expect(await buckets()).to.deep.equal([]);
    expect(await instances()).to.deep.equal([]);
    expect(await roles()).to.deep.equal([]);
  });

  it('refuses another account, and subnets that give out public addresses', async () => {
    const aws = common.aws as Record<string, unknown>;
    const elsewhere = { ...common, aws: { ...aws, accountId: '210987654321' } };
    expect((await stack.try(['preview'], elsewhere)).output)
      .to.include('123456789012')
      .and.include('aws.accountId');
    const missing = {
      ...common,
      aws: { ...aws, subnetIds: ['subnet-00000000000000000', 'subnet-00000000000000001'] },
    };
    expect((await stack.try(['preview'], missing)).output).to.include('subnet-00000000000000001');
  });

  it('comes up, keeps files in the bucket and all else in the database', async () => {
    const update = pulumiArgs(documented('npm run pulumi -- up --stack prod-aws'));
    await stack.run([...update, '--yes', '--skip-preview'], older());
    admin = await signIn();
    run = await stack.reach((url) => mlflow<string>(url, logRun, admin));
    await findsRun();
    await stack.reach((url) => mlflow(url, makeUser(somebody), admin));
    const outputs = await stack.outputs();
    bucket = String(outputs.artifactUri).split('/')[2] ?? '';
    expect(await buckets()).to.include(bucket);
    expect((await files()).filter((key) => key.endsWith(`${run}/artifacts/notes.txt`))).to.have.lengthOf(1);
    const [made] = await instances();
    database = made?.DBInstanceIdentifier ?? '';
    expect(made).to.include({ MultiAZ: true, StorageEncrypted: true, DeletionProtection: true });
    expect(await kept('admin-password')).to.equal(admin.password);
    const line = await kubectl(...inServer, 'sh', '-c', 'cat "$PGPASSFILE"');
    firstToken = line.replace('*:*:*:*:', '').replaceAll('\\:', ':');
    expect((await connect(firstToken)).output).to.include('mlflow');
  });

  it('gives the server an identity without keys, which nobody else can take', async () => {
    const { identityNames } = (await stack.outputs()) as { identityNames: Record<string, string> };
    const role = identityNames['tracking-server'] ?? '';
    const environment = await kubectl(...inServer, 'env');
    expect(environment).to.include(`AWS_ROLE_ARN=${role}\n`);
    expect(environment)
      .not.to.match(/^AWS_ACCESS_KEY_ID=/m)
      .and.not.to.include('MLFLOW_S3_ENDPOINT_URL');
    const sts = new STSClient({ region });
    const assume = async (serviceAccount: string) => {
      const token = await kubectl(
        ...inMlflow,
        'create',
        'token',
        serviceAccount,
        '--audience=sts.amazonaws.com',
      );
      const command = { RoleArn: role, RoleSessionName: 'test', WebIdentityToken: token };
      return await sts.send(new AssumeRoleWithWebIdentityCommand(command)).then(
        () => 'allowed',
        (error: unknown) => (error as Error).name,
      );
    };
    expect(await assume('mlflow')).to.equal('allowed');
    expect(await assume('default')).to.equal('AccessDenied');
    expect(await assume('mlflow-gc')).to.equal('AccessDenied');
    // As the doctor sees it.
    const { who, findings } = await storesFromInside();
    expect(who).to.include(role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/'));
    expect(findings).to.deep.equal([]);
    expect((await storesFromInside('s3://of-somebody-else/mlflow')).findings).to.deep.equal([
      'artifacts-denied',
    ]);
  });

  it('reaches the database over TLS, which takes nothing else', async () => {
    expect((await connect(firstToken, 'disable')).output).to.include('no encryption');
    expect(await kubectl(...inServer, 'env')).to.include('PGSSLMODE=verify-full');
  });

  it('shows no change when nothing has changed', async () => {
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], older());
  });

  it('logs in to the database by tokens that end, by which no other role gets in', async () => {
    const environment = await kubectl(...inServer, 'env');
    expect(environment).not.to.match(/^PGPASSWORD=/m);
    await eventually('the first token has ended', async () => (await connect(firstToken)).exitCode !== 0);
    const psql = ['psql', '--username', 'rdsadmin', '--dbname', 'postgres', '--command'];
    await kubectl(
      ...['--namespace', databaseNamespace, 'exec', database, '--', ...psql],
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mlflow'`,
    );
    await findsRun();

    const RoleName = 'without-rights';
    const Federated = `arn:aws:iam::${accountId}:oidc-provider/${clusterIssuer.replace('https://', '')}`;
    const Action = 'sts:AssumeRoleWithWebIdentity';
    const statement = { Effect: 'Allow', Principal: { Federated }, Action };
    const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    const { Role } = await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument }));
    const logIn = (...variables: string[]) =>
      tryKubectl(
        ...[...inServer, 'env', 'PYTHONPATH=/opt/mlflow-stack', ...variables, 'python3', '-c'],
        'import os, psycopg2 as db, database_log_in as it; db.connect("", password=it.token(os.environ))',
      );
    expect(await logIn()).to.deep.equal({ exitCode: 0, output: '' });
    const refused = await logIn(`AWS_ROLE_ARN=${Role?.Arn ?? ''}`);
    expect(refused.output).to.include('authentication failed for user "mlflow"');
    await iam.send(new DeleteRoleCommand({ RoleName }));
  });

  it('changes the class of the instance in place, and copies the database before its schema changes', async () => {
    const changed = {
      ...common,
      ...beside('backendStore', { auth: 'iam', instanceClass: 'db.m7g.xlarge' }),
    };
    const before = await instances();
    await stack.up(changed);
    const after = await instances();
    expect(after.map(({ DbiResourceId }) => DbiResourceId)).to.deep.equal(
      before.map(({ DbiResourceId }) => DbiResourceId),
    );
    expect(after[0]?.DBInstanceClass).to.equal('db.m7g.xlarge');
    expect(await snapshots()).to.deep.equal([(await stack.outputs()).databaseSnapshot]);
    await findsRun();
  });

  it('refuses to be destroyed where its data is protected', async () => {
    const settings = { ...common, dataProtection: 'protect' };
    await stack.up(settings);
    const { exitCode, output } = await stack.try(['destroy', '--yes', '--skip-preview'], settings);
    expect(exitCode).not.to.equal(0);
    expect(output).to.include('protect');
    expect(await instances()).to.have.lengthOf(1);
    await stack.up(common);
  });

  it('leaves bucket, database and keys when it is destroyed', async () => {
    const { cloudOutputs } = (await stack.outputs()) as {
      cloudOutputs: { keptAfterDestroy: { 'secrets.existing': string[] } };
    };
    const passphrase = await kept('kek-passphrase');
    left = { existing: cloudOutputs.keptAfterDestroy['secrets.existing'], passphrase };
    await stack.destroy(common);
    expect(await kept('kek-passphrase')).to.equal(passphrase);
    expect(await buckets()).to.include(bucket);
    expect((await files()).filter((key) => key.endsWith('/notes.txt'))).to.have.lengthOf(1);
    expect((await instances()).map(({ DBInstanceIdentifier }) => DBInstanceIdentifier)).to.deep.equal([
      database,
    ]);
    expect(await roles()).to.deep.equal([]);
  });

  it('finds runs, files, users and keys again in what was left, without what was in the cluster', async () => {
    await kubectl('delete', 'namespace', 'mlflow');
    const found = {
      ...common,
      secrets: { store: 'cloud', existing: left.existing },
      artifactStore: { existingBucket: bucket },
      backendStore: { existingInstance: database, auth: 'iam' },
    };
    await stack.up(found);
    const { data } = await kubectlJson<{ data: Record<string, string> }>(
      ...[...inMlflow, 'get', 'secret/mlflow-keys'],
    );
    expect(Buffer.from(data['kek-passphrase'] ?? '', 'base64').toString()).to.equal(left.passphrase);
    // The administrator's password is the stack's; everybody else keeps their own.
    admin = await signIn();
    expect(await kept('admin-password')).to.equal(admin.password);
    await findsRun();
    admin = somebody;
    await findsRun();
    await stack.destroy(found);
  });

  it('works by keys in a Secret where it must, and deletes its data by two deliberate steps', async () => {
    const names = async () =>
      (await instances()).map(({ DBInstanceIdentifier }) => DBInstanceIdentifier ?? '');
    const others = await names();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await kubectl('create', 'namespace', 'mlflow');
    bucket = 'team-artifacts-by-keys';
    const settings = {
      ...common,
      // Those that are left have the names.
      secrets: { store: 'cluster' },
      namespace: { create: false },
      identity: { kind: 'keys' },
      ...beside('backendStore', { auth: 'password' }),
      audit: { enabled: false },
      artifactStore: { bucketName: bucket },
    };
    const verify = () =>
      stack.withSettings(settings, (fileArgs) =>
        execa(
          process.execPath,
          [join(projectDir, 'tools/verify-secret.ts'), '--stack', 'prod-aws', ...fileArgs],
          {
            reject: false,
          },
        ),
      );
    expect((await verify()).exitCode).to.equal(1);
    const UserName = 'mlflow';
    const Resource = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
    const statement = { Effect: 'Allow', Action: ['s3:*Object', 's3:ListBucket'], Resource };
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await iam.send(new CreateUserCommand({ UserName }));
    await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'files', PolicyDocument }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's3-credentials', namespace: 'mlflow' },
      stringData: {
        AWS_ACCESS_KEY_ID: AccessKey?.AccessKeyId,
        AWS_SECRET_ACCESS_KEY: AccessKey?.SecretAccessKey,
        AWS_REGION: region,
        AWS_S3_BUCKET: bucket,
      },
    });
    const verified = await verify();
    expect(verified.stdout).to.include('s3-credentials');
    expect(verified.exitCode, verified.stdout).to.equal(0);
    await stack.up(settings);
    expect(await roles()).to.deep.equal([]);
    admin = await signIn();
    run = await stack.reach((url) => mlflow<string>(url, logRun, admin));
    await findsRun();
    const [own = ''] = (await names()).filter((name) => !others.includes(name));

    const deliberate = { ...settings, dataProtection: 'delete' };
    await stack.up(deliberate);
    await stack.destroy(deliberate);
    expect(await buckets()).not.to.include(bucket);
    expect(await names()).to.deep.equal(others);
    expect(await snapshots()).to.include(`${own}-final`);
  });
});
