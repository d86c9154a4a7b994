import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { databaseAuthorities } from '../../clouds/aws/certificates.ts';
import { instanceConnections } from '../../clouds/aws/plan.ts';
import { container, podTemplate } from '../support/manifests.ts';
import type { JsonObject, Run } from '../support/mocks.ts';
import { isSecret } from '../support/mocks.ts';
import { updateOf } from '../support/program.ts';

const stack = 'prod-aws';
const update = (changes?: Record<string, object | string>) => updateOf(stack, changes);

const policyOf = (run: Run, id: string, field = 'policy'): unknown =>
  (JSON.parse(run.get(id).inputs[field] as string) as { Statement: unknown }).Statement;
const bucketName = 'mlflow-stack-prod-aws-0f0f0f0f0f0f0f0f0f0f0f0f';
const bucketArn = `arn:aws:s3:::${bucketName}`;
const instance = 'Instance/mlflow-postgres-instance';
const serverRole = 'mlflow-identities-tracking-server';

describe('stack prod-aws', function () {
  this.timeout('1m');
  let run: Run;
  before(async () => {
    run = await update();
  });

  it('makes a bucket that nobody outside the account reads', () => {
    expect(run.get('Bucket/mlflow-artifacts-bucket').inputs).to.deep.equal({
      bucket: bucketName,
      forceDestroy: false,
    });
    expect(run.get('BucketPublicAccessBlock/mlflow-artifacts-bucket-access-block').inputs).to.deep.equal({
      bucket: bucketName,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    expect(run.get('BucketOwnershipControls/mlflow-artifacts-bucket-ownership').inputs.rule).to.deep.equal({
      objectOwnership: 'BucketOwnerEnforced',
    });
  });

  it('refuses whatever reaches the bucket without TLS', () => {
    expect(policyOf(run, 'BucketPolicy/mlflow-artifacts-bucket-policy')).to.deep.equal([
      {
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [bucketArn, `${bucketArn}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ]);
  });

  it('encrypts the bucket, keeps old versions for a while and leaves MFA delete alone', () => {
    const versioning = run.get('BucketVersioning/mlflow-artifacts-bucket-versioning');
    expect(versioning.inputs.versioningConfiguration).to.deep.equal({ status: 'Enabled' });
    expect(versioning.ignoreChanges).to.include('versioningConfiguration.mfaDelete');
    expect(
      run.get('BucketServerSideEncryptionConfiguration/mlflow-artifacts-bucket-encryption').inputs.rules,
    ).to.deep.equal([{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }]);
    const rules = run.get('BucketLifecycleConfiguration/mlflow-artifacts-bucket-lifecycle').inputs
      .rules as JsonObject[];
    expect(rules.map(({ id }) => id)).to.deep.equal(['unfinished-uploads', 'old-versions']);
    expect(rules[0]?.abortIncompleteMultipartUpload).to.deep.equal({ daysAfterInitiation: 7 });
    expect(rules[1]?.noncurrentVersionExpiration).to.deep.equal({ noncurrentDays: 30 });
  });

  it('sends access logs to a private bucket that only S3 writes to', () => {
    const logs = 'mlflow-stack-prod-aws-logs-0f0f0f0f0f0f0f0f0f0f0f0f';
    expect(run.get('BucketLogging/mlflow-artifacts-bucket-logging').inputs).to.deep.equal({
      bucket: bucketName,
      targetBucket: logs,
      targetPrefix: 'access/',
    });
    const [delivery] = policyOf(run, 'BucketPolicy/mlflow-artifacts-logs-policy') as JsonObject[];
    expect(delivery).to.deep.equal({
      Effect: 'Allow',
      Principal: { Service: 'logging.s3.amazonaws.com' },
      Action: 's3:PutObject',
      Resource: `arn:aws:s3:::${logs}/*`,
      Condition: {
        ArnLike: { 'aws:SourceArn': bucketArn },
        StringEquals: { 'aws:SourceAccount': '123456789012' },
      },
    });
  });

  it('makes a database that only the cluster reaches, over TLS, with a standby and backups', () => {
    const { inputs, timeouts } = run.get(instance);
    expect(inputs).to.include({
      identifier: 'mlflow-stack-prod-aws-0f0f0f0f',
      engine: 'postgres',
      engineVersion: '17',
      instanceClass: 'db.m7g.large',
      allocatedStorage: 50,
      storageEncrypted: true,
      publiclyAccessible: false,
      multiAz: true,
      backupRetentionPeriod: 14,
      backupWindow: '03:00-04:00',
      deletionProtection: true,
      deleteAutomatedBackups: false,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: 'mlflow-stack-prod-aws-0f0f0f0f-final',
      iamDatabaseAuthenticationEnabled: false,
    });
    expect(isSecret(inputs.password)).to.equal(true);
    expect(timeouts).to.include({ create: '60m' });
    expect(run.get('ParameterGroup/mlflow-postgres-parameters').inputs).to.deep.include({
      family: 'postgres17',
      parameters: [
        { name: 'rds.force_ssl', value: '1' },
        { name: 'log_connections', value: '1' },
        { name: 'log_disconnections', value: '1' },
      ],
    });
    const access = run.get('SecurityGroup/mlflow-postgres-access').inputs;
    expect(access).not.to.have.property('egress');
    expect(access.ingress).to.deep.equal([
      {
        description: 'PostgreSQL from the cluster',
        protocol: 'tcp',
        fromPort: 5432,
        toPort: 5432,
        securityGroups: ['sg-0123456789abcdef0'],
        cidrBlocks: [],
        ipv6CidrBlocks: [],
      },
    ]);
  });

  it('makes the log groups of the database first, with a retention', () => {
    for (const log of ['postgresql', 'upgrade']) {
      expect(run.get(`LogGroup/mlflow-postgres-log-${log}`).inputs).to.deep.equal({
        name: `/aws/rds/instance/mlflow-stack-prod-aws-0f0f0f0f/${log}`,
        retentionInDays: 90,
      });
      expect(run.get(instance).dependencies).to.include(`LogGroup/mlflow-postgres-log-${log}`);
    }
  });

  it('lets nothing that the database can do without wait for it, and the database wait for no other', () => {
    for (const id of ['Bucket/mlflow-artifacts-bucket', `Role/${serverRole}-role`])
      expect(run.get(id).dependencies).not.to.include(instance);
    const own = run.get(instance).dependencies.filter((id) => !/mlflow-postgres/.test(id));
    expect(own).to.deep.equal([]);
  });

  it('checks the certificate of the database by the authorities of its region', () => {
    const { data } = run.get('ConfigMap/mlflow-runtime-settings').inputs as { data: JsonObject };
    expect(data).to.include({ PGSSLMODE: 'verify-full', PGSSLROOTCERT: '/opt/mlflow-stack/database-ca.crt' });
    const files = run.get('ConfigMap/mlflow-runtime-files').inputs.data as JsonObject;
    expect((files['database-ca.crt'] as string).match(/BEGIN CERTIFICATE/g)).to.have.length.above(1);
  });

  it('gives the server a role with exactly the rights that it needs, which its ServiceAccount alone takes', () => {
    expect(policyOf(run, `RolePolicy/${serverRole}-policy`)).to.deep.equal([
      {
        Effect: 'Allow',
        Action: ['s3:AbortMultipartUpload', 's3:DeleteObject', 's3:GetObject', 's3:PutObject'],
        Resource: `${bucketArn}/*`,
      },
      { Effect: 'Allow', Action: ['s3:GetBucketLocation', 's3:ListBucket'], Resource: bucketArn },
    ]);
    const issuer = 'oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';
    expect(policyOf(run, `Role/${serverRole}-role`, 'assumeRolePolicy')).to.deep.equal([
      {
        Effect: 'Allow',
        Principal: { Federated: `arn:aws:iam::123456789012:oidc-provider/${issuer}` },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: {
          StringEquals: {
            [`${issuer}:aud`]: 'sts.amazonaws.com',
            [`${issuer}:sub`]: 'system:serviceaccount:mlflow:mlflow',
          },
        },
      },
    ]);
    const account = run.get('ServiceAccount/mlflow-service-account').inputs.metadata as JsonObject;
    expect(account.annotations).to.deep.equal({
      'eks.amazonaws.com/role-arn': `arn:aws:iam::123456789012:role/${serverRole}-role-1a2b3c4`,
    });
    // Whoever has no files to read has no role.
    expect(run.resources.filter(({ id }) => id.startsWith('Role/'))).to.have.lengthOf(1);
  });

  it('puts neither keys nor an endpoint into the pods, and names the owner of the bucket', () => {
    const pods = run.resources.map(podTemplate).filter((each) => each !== undefined);
    const settings = run.get('ConfigMap/mlflow-runtime-settings').inputs.data as JsonObject;
    expect(JSON.stringify([pods, settings])).not.to.match(/AWS_ACCESS_KEY_ID|MLFLOW_S3_ENDPOINT_URL/);
    expect(settings).to.include({
      AWS_REGION: 'eu-west-1',
      MLFLOW_S3_EXPECTED_BUCKET_OWNER: '123456789012',
      MLFLOW_ARTIFACTS_DESTINATION: `s3://${bucketName}/mlflow-artifacts`,
    });
  });

  it('lets no pod ask the node who it is', () => {
    const policies = run.resources.filter(({ id }) => id.startsWith('NetworkPolicy/'));
    expect(policies).to.have.length.above(2);
    expect(JSON.stringify(policies)).not.to.match(/169\.254\.169\.254|169\.254\.170\.23/);
  });

  it('tags everything, by its provider', () => {
    const { defaultTags, region } = run.get('aws/aws').inputs;
    expect(region).to.equal('eu-west-1');
    expect(JSON.parse(defaultTags as string)).to.deep.equal({
      tags: { project: 'mlflow-stack', stack: 'prod-aws', 'managed-by': 'pulumi' },
    });
    for (const { id, type, provider } of run.resources.filter((each) => each.type.startsWith('aws:')))
      expect(provider, `${id} ${type}`).to.equal('aws/aws');
  });

  it('keeps names within the limits of AWS', () => {
    const limits: Record<string, [string, number]> = {
      'aws:s3/bucket:Bucket': ['bucket', 63],
      'aws:rds/instance:Instance': ['identifier', 63],
    };
    for (const { type, inputs, name, id } of run.resources) {
      const [field = '', limit = 0] = limits[type] ?? [];
      if (limit > 0) expect(inputs[field], id).to.match(new RegExp(`^[a-z][-a-z0-9]{2,${limit - 1}}$`));
      // With the suffix of Pulumi.
      if (type === 'aws:iam/role:Role') expect(name.length, id).to.be.at.most(64 - 8);
    }
  });

  it('writes down who reads files, and says by which settings they are found again', () => {
    const { advancedEventSelectors } = run.get('Trail/mlflow-cloud-audit-trail').inputs;
    expect(JSON.stringify(advancedEventSelectors)).to.include(`"startsWiths":["${bucketArn}/"]`);
    expect(run.outputs.cloudOutputs).to.deep.include({
      keptAfterDestroy: {
        'artifactStore.existingBucket': bucketName,
        'backendStore.existingInstance': 'mlflow-stack-prod-aws-0f0f0f0f',
      },
    });
  });

  it('remembers what the stores were made with, once they are there', () => {
    const { inputs, dependencies } = run.get('ConfigMap/mlflow-stores-config-map');
    expect(inputs.data).to.deep.equal({
      'artifactStore.kind': 's3',
      'artifactStore.bucketName': '',
      'aws.region': 'eu-west-1',
      'backendStore.kind': 'rds',
      'backendStore.database': 'mlflow',
      'backendStore.version': '17',
      'backendStore.size': '50Gi',
      dataProtection: 'retain',
    });
    expect(dependencies).to.include(instance);
  });

  it('names the certificate and the health check of the load balancer', () => {
    const { annotations } = run.get('Ingress/mlflow-ingress-ingress').inputs.metadata as {
      annotations: JsonObject;
    };
    expect(annotations).to.include({
      'alb.ingress.kubernetes.io/certificate-arn':
        'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012',
      'alb.ingress.kubernetes.io/healthcheck-path': '/health',
      'alb.ingress.kubernetes.io/ssl-redirect': '443',
    });
  });

  for (const [dataProtection, protect, retain, deletes] of [
    ['delete', false, false, true],
    ['retain', false, true, false],
    ['protect', true, false, false],
  ] as const) {
    it(`keeps or deletes data with dataProtection ${dataProtection}, by all means of AWS and Pulumi together`, async () => {
      const made = await update({ dataProtection });
      const bucket = made.get('Bucket/mlflow-artifacts-bucket');
      const database = made.get(instance);
      for (const resource of [bucket, database])
        expect(resource).to.include({ protect, retainOnDelete: retain });
      expect(bucket.inputs.forceDestroy).to.equal(deletes);
      expect(database.inputs).to.include({
        deletionProtection: !deletes,
        deleteAutomatedBackups: deletes,
        skipFinalSnapshot: false,
      });
    });
  }

  it('leaves no last copy where it is not wanted', async () => {
    const made = await update({ backendStore: { finalSnapshot: false } });
    expect(made.get(instance).inputs.skipFinalSnapshot).to.equal(true);
  });

  it('lets pods log in by tokens of their own roles, which a sidecar renews', async () => {
    const made = await update({ backendStore: { auth: 'iam' } });
    expect(made.get(instance).inputs.iamDatabaseAuthenticationEnabled).to.equal(true);
    for (const workload of ['tracking-server', 'migration', 'gc'])
      expect(policyOf(made, `RolePolicy/mlflow-identities-${workload}-policy`)).to.deep.include({
        Effect: 'Allow',
        Action: 'rds-db:connect',
        Resource: 'arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-RESOURCE/mlflow',
      });
    for (const id of ['Deployment/mlflow-deployment', 'Job/mlflow-migration', 'CronJob/mlflow-gc-cron-job']) {
      const pod = made.get(id);
      expect(container(pod, 'database-token'), id).to.deep.include({ restartPolicy: 'Always' });
      const main = podTemplate(pod)?.spec.containers.find(({ name }) => name !== 'database-token');
      expect(JSON.stringify(main), id).not.to.include('PGPASSWORD');
    }
    const migration = made.get('Job/mlflow-migration');
    const names = podTemplate(migration)?.spec.initContainers?.map(({ name }) => name);
    expect(names).to.deep.equal(['database-token', 'allow-iam', 'wait-for-database']);
    expect(JSON.stringify(container(migration, 'allow-iam').env)).to.include('DATABASE_PASSWORD');
    expect(made.get('ConfigMap/mlflow-runtime-settings').inputs.data).to.include({
      PGPASSFILE: '/run/mlflow-stack/pgpass',
    });
  });

  it('binds roles by the agent, before pods start', async () => {
    const made = await update({ identity: { kind: 'podIdentity' } });
    expect(made.get(`PodIdentityAssociation/${serverRole}-association`).inputs).to.deep.equal({
      clusterName: 'mlflow-prod',
      namespace: 'mlflow',
      serviceAccount: 'mlflow',
      roleArn: `arn:aws:iam::123456789012:role/${serverRole}-role-1a2b3c4`,
    });
    expect(policyOf(made, `Role/${serverRole}-role`, 'assumeRolePolicy')).to.deep.equal([
      {
        Effect: 'Allow',
        Principal: { Service: 'pods.eks.amazonaws.com' },
        Action: ['sts:AssumeRole', 'sts:TagSession'],
        Condition: {
          StringEquals: {
            'aws:RequestTag/eks-cluster-arn': 'arn:aws:eks:eu-west-1:123456789012:cluster/mlflow-prod',
            'aws:RequestTag/kubernetes-namespace': 'mlflow',
            'aws:RequestTag/kubernetes-service-account': 'mlflow',
          },
        },
      },
    ]);
    expect(made.get('ServiceAccount/mlflow-service-account').dependencies).to.include(
      `PodIdentityAssociation/${serverRole}-association`,
    );
    expect(JSON.stringify(made.get('NetworkPolicy/mlflow-network-tracking-server').inputs)).to.include(
      '169.254.170.23/32',
    );
  });

  it('gives rights on exactly the key of the user, and reads further buckets', async () => {
    const kmsKeyArn = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd';
    const made = await update({ artifactStore: { kmsKeyArn, readBuckets: ['data-sets'] } });
    expect(policyOf(made, `RolePolicy/${serverRole}-policy`)).to.deep.include.members([
      { Effect: 'Allow', Action: ['kms:Decrypt', 'kms:GenerateDataKey'], Resource: kmsKeyArn },
      { Effect: 'Allow', Action: 's3:GetObject', Resource: ['arn:aws:s3:::data-sets/*'] },
      {
        Effect: 'Allow',
        Action: ['s3:GetBucketLocation', 's3:ListBucket'],
        Resource: ['arn:aws:s3:::data-sets'],
      },
    ]);
    const { rules } = made.get(
      'BucketServerSideEncryptionConfiguration/mlflow-artifacts-bucket-encryption',
    ).inputs;
    expect(rules).to.deep.equal([
      {
        applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: kmsKeyArn },
        bucketKeyEnabled: true,
      },
    ]);
  });

  it('leaves an existing bucket as it is', async () => {
    const made = await update({ artifactStore: { existingBucket: 'old-files', accessLogging: false } });
    expect(made.resources.filter(({ id }) => /^Bucket.*mlflow-artifacts/.test(id))).to.deep.equal([]);
    expect(made.outputs.artifactUri).to.equal('s3://old-files/mlflow-artifacts');
  });

  it('refuses an existing database whose password nobody knows', async () => {
    const error = await update({ backendStore: { existingInstance: 'old-instance' } }).then(
      () => undefined,
      (reason: unknown) => reason as Error,
    );
    expect(pulumi.RunError.isInstance(error)).to.equal(true);
    expect(error?.message).to.match(
      /^mlflow-stack:backendStore\.existingInstance is old-instance, but Secret mlflow-database/,
    );
  });
});

describe('instances of RDS', () => {
  for (const [instanceClass, least, most] of [
    ['db.t4g.micro', 70, 112],
    ['db.t4g.medium', 350, 450],
    ['db.m7g.large', 750, 901],
    ['db.r7g.2xlarge', 5000, 5000],
  ] as const) {
    it(`accept ${least} to ${most} connections with ${instanceClass}`, () =>
      expect(instanceConnections(instanceClass)).to.be.within(least, most));
  }

  it('are not guessed at when their class is new', () =>
    expect(instanceConnections('db.z9.large')).to.equal(undefined));

  it('have authorities in their regions, and in no others', async () => {
    expect(await databaseAuthorities('eu-west-1')).to.match(
      /^-----BEGIN CERTIFICATE-----[^]+-----END CERTIFICATE-----\n$/,
    );
    expect(await databaseAuthorities('xx-nowhere-1')).to.equal(undefined);
  });
});
