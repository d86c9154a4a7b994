// What the policies that the stack makes allow, and what they do not: the documents are evaluated as IAM does it.
import { join } from 'node:path';
import { runSimulation, type Simulation } from '@cloud-copilot/iam-simulate';
import { expect } from 'chai';
import { readyCluster } from '../support/api-server.ts';
import type { Json, Run } from '../support/mocks.ts';
import { runProgram, stackFile } from '../support/program.ts';

const accountId = '123456789012';
const issuer = 'oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
const keyArn = `arn:aws:kms:eu-west-1:${accountId}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;
const settings = stackFile(join(import.meta.dirname, '../../Pulumi.prod-aws.yaml'));

async function stackWith(changes: Record<string, object | string> = {}): Promise<Run> {
  const all = { ...settings };
  for (const [section, change] of Object.entries(changes)) {
    const key = `mlflow-stack:${section}`;
    all[key] = typeof change === 'string' ? change : { ...(all[key] as object | undefined), ...change };
  }
  return await runProgram(all, { stack: 'prod-aws', cluster: { ...readyCluster(), ...albClass } });
}

const albClass = {
  '/apis/networking.k8s.io/v1/ingressclasses/alb': { metadata: { name: 'alb' }, spec: {} },
  '/apis/networking.k8s.io/v1/ingressclasses': {
    items: [{ metadata: { name: 'alb' }, spec: { controller: 'ingress.k8s.aws/alb' } }],
  },
};

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

const document = (run: Run, id: string, property = 'policy'): unknown =>
  JSON.parse(text(run.get(id).inputs[property]));

const roleOf = (component: string) => `mlflow-identities-${component}-role`;
const policyOf = (component: string) => `RolePolicy/mlflow-identities-${component}-policy`;
const bucketOf = (run: Run, name = 'mlflow-artifacts-bucket') =>
  `arn:aws:s3:::${text(run.get(`Bucket/${name}`).inputs.bucket)}`;

type Verdict = 'Allowed' | 'ExplicitlyDenied' | 'ImplicitlyDenied';

interface Question {
  readonly action: string;
  readonly resource: string;
  readonly principal: string;
  readonly identityPolicy?: unknown;
  readonly resourcePolicy?: unknown;
  readonly context?: Record<string, string>;
}

async function verdict(question: Question): Promise<Verdict> {
  const { action, resource, principal, identityPolicy, resourcePolicy, context = {} } = question;
  const simulation: Simulation = {
    request: {
      action,
      principal,
      resource: { resource, accountId },
      contextVariables: { 'aws:SecureTransport': 'true', ...context },
    },
    identityPolicies: identityPolicy === undefined ? [] : [{ name: 'own', policy: identityPolicy }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(resourcePolicy !== undefined && { resourcePolicy }),
  };
  const result = await runSimulation(simulation, {});
  if (result.resultType === 'error') throw new Error(JSON.stringify(result.errors));
  return result.overallResult;
}

/** Actions and resources, each with what becomes of it. */
type Table = readonly (readonly [action: string, resource: string, Verdict])[];

async function expectTable(common: Omit<Question, 'action' | 'resource'>, table: Table): Promise<void> {
  const answers = await Promise.all(
    table.map(async ([action, resource]) => [
      action,
      resource,
      await verdict({ ...common, action, resource }),
    ]),
  );
  expect(answers).to.deep.equal(table);
}

const assumed = (component: string) =>
  `arn:aws:sts::${accountId}:assumed-role/${roleOf(component)}-1a2b3c4/session`;

describe('Rights on AWS, evaluated', () => {
  describe('of the stack as its file has it', () => {
    let run: Run;
    let bucket: string;
    before(async () => {
      run = await stackWith();
      bucket = bucketOf(run);
    });

    it('let the server use files in its bucket, and nothing else in AWS', async () => {
      const common = {
        principal: assumed('tracking-server'),
        identityPolicy: document(run, policyOf('tracking-server')),
        resourcePolicy: document(run, 'BucketPolicy/mlflow-artifacts-bucket-policy'),
      };
      const file = `${bucket}/mlflow-artifacts/1/a/artifacts/model.pkl`;
      await expectTable(common, [
        ['s3:GetObject', file, 'Allowed'],
        ['s3:PutObject', file, 'Allowed'],
        ['s3:DeleteObject', file, 'Allowed'],
        ['s3:AbortMultipartUpload', file, 'Allowed'],
        ['s3:ListBucket', bucket, 'Allowed'],
        ['s3:GetBucketLocation', bucket, 'Allowed'],
        // What would open, empty or destroy the bucket for good.
        ['s3:DeleteObjectVersion', file, 'ImplicitlyDenied'],
        ['s3:PutObjectAcl', file, 'ImplicitlyDenied'],
        ['s3:DeleteBucket', bucket, 'ImplicitlyDenied'],
        ['s3:PutBucketPolicy', bucket, 'ImplicitlyDenied'],
        ['s3:PutBucketVersioning', bucket, 'ImplicitlyDenied'],
        ['s3:PutLifecycleConfiguration', bucket, 'ImplicitlyDenied'],
        ['s3:PutEncryptionConfiguration', bucket, 'ImplicitlyDenied'],
        ['s3:PutBucketPublicAccessBlock', bucket, 'ImplicitlyDenied'],
      ]);
      const elsewhere = { ...common, resourcePolicy: undefined };
      await expectTable(elsewhere, [
        ['s3:GetObject', 'arn:aws:s3:::somebody-else/file', 'ImplicitlyDenied'],
        ['s3:GetObject', `${bucket}-logs/file`, 'ImplicitlyDenied'],
        ['s3:ListBucket', bucketOf(run, 'mlflow-artifacts-logs'), 'ImplicitlyDenied'],
        ['s3:CreateBucket', 'arn:aws:s3:::mine', 'ImplicitlyDenied'],
        ['s3:ListAllMyBuckets', '*', 'ImplicitlyDenied'],
        ['kms:Decrypt', keyArn, 'ImplicitlyDenied'],
        ['iam:CreateUser', `arn:aws:iam::${accountId}:user/eve`, 'ImplicitlyDenied'],
        [
          'rds-db:connect',
          `arn:aws:rds-db:eu-west-1:${accountId}:dbuser:db-RESOURCE/mlflow`,
          'ImplicitlyDenied',
        ],
        ['rds:DeleteDBInstance', `arn:aws:rds:eu-west-1:${accountId}:db:mlflow`, 'ImplicitlyDenied'],
      ]);
    });

    it('are given to nobody else: what has no need of a file has no role', () => {
      const roles = run.resources.filter(({ type }) => type === 'aws:iam/role:Role').map(({ name }) => name);
      expect(roles).to.deep.equal([roleOf('tracking-server')]);
    });

    it('let nobody use a bucket without TLS, administrators included', async () => {
      const administrator = {
        Version: '2012-10-17',
        Statement: { Effect: 'Allow', Action: '*', Resource: '*' },
      };
      const buckets = run.resources.filter(({ type }) => type === 'aws:s3/bucketPolicy:BucketPolicy');
      expect(buckets).to.have.lengthOf(3);
      for (const { inputs } of buckets) {
        const arn = `arn:aws:s3:::${text(inputs.bucket)}`;
        const resourcePolicy: unknown = JSON.parse(text(inputs.policy));
        const common = {
          principal: `arn:aws:iam::${accountId}:user/admin`,
          identityPolicy: administrator,
          resourcePolicy,
        };
        const actions = ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'];
        const open = { ...common, context: { 'aws:SecureTransport': 'false' } };
        await expectTable(open, [
          ...actions.map((action) => [action, `${arn}/file`, 'ExplicitlyDenied'] as const),
          ['s3:ListBucket', arn, 'ExplicitlyDenied'],
          ['s3:DeleteBucket', arn, 'ExplicitlyDenied'],
        ]);
        await expectTable(common, [
          ...actions.map((action) => [action, `${arn}/file`, 'Allowed'] as const),
          ['s3:DeleteBucket', arn, 'Allowed'],
        ]);
      }
    });

    it('let other accounts into no bucket', async () => {
      for (const { inputs } of run.resources.filter(
        ({ type }) => type === 'aws:s3/bucketPolicy:BucketPolicy',
      )) {
        const stranger = 'arn:aws:iam::210987654321:role/stranger';
        const common = {
          principal: stranger,
          identityPolicy: {
            Version: '2012-10-17',
            Statement: { Effect: 'Allow', Action: 's3:*', Resource: '*' },
          },
          resourcePolicy: JSON.parse(text(inputs.policy)) as unknown,
        };
        const arn = `arn:aws:s3:::${text(inputs.bucket)}`;
        await expectTable(common, [
          ['s3:GetObject', `${arn}/file`, 'ImplicitlyDenied'],
          ['s3:PutObject', `${arn}/file`, 'ImplicitlyDenied'],
          ['s3:ListBucket', arn, 'ImplicitlyDenied'],
        ]);
      }
    });

    it('let S3 deliver the log of this bucket to the bucket of logs, and of no other', async () => {
      const logs = bucketOf(run, 'mlflow-artifacts-logs');
      const common = {
        principal: 'logging.s3.amazonaws.com',
        resourcePolicy: document(run, 'BucketPolicy/mlflow-artifacts-logs-policy'),
        action: 's3:PutObject',
        resource: `${logs}/access/2026-01-01`,
      };
      const source = (arn: string, account = accountId) =>
        verdict({ ...common, context: { 'aws:SourceArn': arn, 'aws:SourceAccount': account } });
      expect(await source(bucket)).to.equal('Allowed');
      expect(await source('arn:aws:s3:::another')).to.equal('ImplicitlyDenied');
      expect(await source(bucket, '210987654321')).to.equal('ImplicitlyDenied');
    });

    it('let CloudTrail deliver the log of this trail, and of no other', async () => {
      const { inputs } = run.get('Trail/mlflow-cloud-audit-trail');
      const arn = `arn:aws:s3:::${text(inputs.s3BucketName)}`;
      const policy = run.resources.find(
        ({ type, inputs: given }) =>
          type === 'aws:s3/bucketPolicy:BucketPolicy' && given.bucket === inputs.s3BucketName,
      );
      const deliver = (trail: string, folder = accountId) =>
        verdict({
          principal: 'cloudtrail.amazonaws.com',
          resourcePolicy: JSON.parse(text(policy?.inputs.policy)) as unknown,
          action: 's3:PutObject',
          resource: `${arn}/AWSLogs/${folder}/CloudTrail/log`,
          context: {
            'aws:SourceArn': `arn:aws:cloudtrail:eu-west-1:${accountId}:trail/${trail}`,
            's3:x-amz-acl': 'bucket-owner-full-control',
          },
        });
      expect(await deliver(text(inputs.name))).to.equal('Allowed');
      expect(await deliver('another')).to.equal('ImplicitlyDenied');
      expect(await deliver(text(inputs.name), '210987654321')).to.equal('ImplicitlyDenied');
    });

    it('trust one ServiceAccount of one cluster, and tokens that are for AWS', async () => {
      // The simulator knows keys of this issuer alone, and would leave those of another out.
      const known = 'accounts.google.com';
      const { inputs } = run.get(`Role/${roleOf('tracking-server')}`);
      const trust: unknown = JSON.parse(text(inputs.assumeRolePolicy).replaceAll(`${issuer}:`, `${known}:`));
      const provider = `arn:aws:iam::${accountId}:oidc-provider/${issuer}`;
      const assume = (subject: string, { audience = 'sts.amazonaws.com', principal = provider } = {}) =>
        verdict({
          action: 'sts:AssumeRoleWithWebIdentity',
          resource: `arn:aws:iam::${accountId}:role/${roleOf('tracking-server')}-1a2b3c4`,
          principal,
          resourcePolicy: trust,
          context: { [`${known}:sub`]: subject, [`${known}:aud`]: audience },
        });
      const own = 'system:serviceaccount:mlflow:mlflow';
      expect(await assume(own)).to.equal('Allowed');
      expect(await assume('system:serviceaccount:mlflow:default')).to.equal('ImplicitlyDenied');
      expect(await assume('system:serviceaccount:mlflow:mlflow-gc')).to.equal('ImplicitlyDenied');
      expect(await assume('system:serviceaccount:other:mlflow')).to.equal('ImplicitlyDenied');
      expect(await assume(own, { audience: 'https://kubernetes.default.svc' })).to.equal('ImplicitlyDenied');
      const another = `arn:aws:iam::${accountId}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/OTHER`;
      expect(await assume(own, { principal: another })).to.equal('ImplicitlyDenied');
    });
  });

  it("use the key of the bucket, where it is the user's own, and no other", async () => {
    const run = await stackWith({ artifactStore: { kmsKeyArn: keyArn } });
    await expectTable(
      {
        principal: assumed('tracking-server'),
        identityPolicy: document(run, policyOf('tracking-server')),
        // What every key has that was made with IAM in mind.
        resourcePolicy: {
          Version: '2012-10-17',
          Statement: {
            Effect: 'Allow',
            Principal: { AWS: `arn:aws:iam::${accountId}:root` },
            Action: 'kms:*',
            Resource: '*',
          },
        },
      },
      [
        ['kms:Decrypt', keyArn, 'Allowed'],
        ['kms:GenerateDataKey', keyArn, 'Allowed'],
        ['kms:Encrypt', keyArn, 'ImplicitlyDenied'],
        ['kms:ScheduleKeyDeletion', keyArn, 'ImplicitlyDenied'],
        ['kms:CreateGrant', keyArn, 'ImplicitlyDenied'],
        ['kms:Decrypt', keyArn.replace('1234abcd', 'ffffffff'), 'ImplicitlyDenied'],
      ],
    );
  });

  it('read further buckets, and write to none of them', async () => {
    const run = await stackWith({ artifactStore: { readBuckets: ['team-data'] } });
    await expectTable(
      {
        principal: assumed('tracking-server'),
        identityPolicy: document(run, policyOf('tracking-server')),
      },
      [
        ['s3:GetObject', 'arn:aws:s3:::team-data/file', 'Allowed'],
        ['s3:ListBucket', 'arn:aws:s3:::team-data', 'Allowed'],
        ['s3:PutObject', 'arn:aws:s3:::team-data/file', 'ImplicitlyDenied'],
        ['s3:DeleteObject', 'arn:aws:s3:::team-data/file', 'ImplicitlyDenied'],
        ['s3:GetObject', 'arn:aws:s3:::team-data-2/file', 'ImplicitlyDenied'],
      ],
    );
  });

  it('log in to the database as one user of one instance, where no password is stored', async () => {
    const run = await stackWith({ backendStore: { auth: 'iam' } });
    const user = (resource: string, name: string) =>
      `arn:aws:rds-db:eu-west-1:${accountId}:dbuser:${resource}/${name}`;
    for (const component of ['tracking-server', 'migration', 'gc'])
      await expectTable(
        { principal: assumed(component), identityPolicy: document(run, policyOf(component)) },
        [
          ['rds-db:connect', user('db-RESOURCE', 'mlflow'), 'Allowed'],
          ['rds-db:connect', user('db-RESOURCE', 'rdsadmin'), 'ImplicitlyDenied'],
          ['rds-db:connect', user('db-OTHER', 'mlflow'), 'ImplicitlyDenied'],
        ],
      );
    await expectTable(
      { principal: assumed('migration'), identityPolicy: document(run, policyOf('migration')) },
      [
        ['s3:GetObject', `${bucketOf(run)}/mlflow-artifacts/file`, 'ImplicitlyDenied'],
        ['s3:ListBucket', bucketOf(run), 'ImplicitlyDenied'],
      ],
    );
  });

  it('trust the agent of one cluster alone, by pod identities', async () => {
    const run = await stackWith({ identity: { kind: 'podIdentity' } });
    const trust = document(run, `Role/${roleOf('tracking-server')}`, 'assumeRolePolicy');
    const cluster = `arn:aws:eks:eu-west-1:${accountId}:cluster/mlflow-prod`;
    const assume = (tags: Record<string, string> = {}, principal = 'pods.eks.amazonaws.com') =>
      verdict({
        action: 'sts:AssumeRole',
        resource: `arn:aws:iam::${accountId}:role/${roleOf('tracking-server')}-1a2b3c4`,
        principal,
        resourcePolicy: trust,
        context: Object.fromEntries(
          Object.entries({
            'eks-cluster-arn': cluster,
            'kubernetes-namespace': 'mlflow',
            'kubernetes-service-account': 'mlflow',
            ...tags,
          }).map(([name, value]) => [`aws:RequestTag/${name}`, value]),
        ),
      });
    expect(await assume()).to.equal('Allowed');
    expect(await assume({ 'kubernetes-namespace': 'other' })).to.equal('ImplicitlyDenied');
    expect(await assume({ 'kubernetes-service-account': 'default' })).to.equal('ImplicitlyDenied');
    expect(await assume({ 'eks-cluster-arn': `${cluster}-2` })).to.equal('ImplicitlyDenied');
    expect(await assume({}, 'ec2.amazonaws.com')).to.equal('ImplicitlyDenied');
  });

  it('need no role where a Secret holds keys', async () => {
    const cluster = { '/api/v1/namespaces/mlflow': { metadata: { name: 'mlflow' } } };
    const given: Record<string, string> = { AWS_REGION: 'eu-west-1', AWS_S3_BUCKET: 'team-artifacts' };
    const keys = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION', 'AWS_S3_BUCKET'];
    const data = Object.fromEntries(
      keys.map((key) => [key, Buffer.from(given[key] ?? 'abcdefghijklmnop').toString('base64')]),
    );
    const all = {
      ...settings,
      'mlflow-stack:identity': { kind: 'keys' },
      'mlflow-stack:namespace': { create: false },
      'mlflow-stack:artifactStore': { bucketName: 'team-artifacts' },
    };
    const run = await runProgram(all, {
      stack: 'prod-aws',
      cluster: {
        ...readyCluster(),
        ...albClass,
        ...cluster,
        '/api/v1/namespaces/mlflow/secrets/s3-credentials': { metadata: { name: 's3-credentials' }, data },
      },
    });
    expect(run.resources.filter(({ type }) => type.startsWith('aws:iam/'))).to.deep.equal([]);
  });
});
