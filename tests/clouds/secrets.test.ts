// What the stack generates, in the secret managers of both clouds.
import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { type Run, generatedPassword, isSecret, secret } from '../support/mocks.ts';
import { externalSecretsCrds } from '../../tools/toolchain/tools.ts';
import { cloudAnswers } from '../support/clouds.ts';
import { type Check, customCheck } from '../support/kubernetes-schemas.ts';
import { updateOf } from '../support/program.ts';

const inCloud = { store: 'cloud' };
const kept = 'mlflow-secrets';
const labels = { project: 'mlflow-stack', stack: 'dev-gcp', 'managed-by': 'pulumi', team: 'ml-platform' };
const kmsKeyArn = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd';
const kmsKeyName = 'projects/my-keys/locations/europe-west1/keyRings/mlflow/cryptoKeys/bucket';
const what = ['admin-password', 'database-password', 'flask-key', 'kek-passphrase', 'users', 'webhook-key'];
const namesOf = (stack: string) =>
  Object.fromEntries(what.map((each) => [each, `mlflow-stack-${stack}-${each}`]));
const users = JSON.stringify({ 'mlflow-gc': generatedPassword, 'mlflow-metrics': generatedPassword });
const inManager = (run: Run) =>
  run.resources.filter(({ type }) => /:secretmanager[/]|:secretsmanager[/]/.test(type));
const existingOf = (run: Run) =>
  (run.outputs.cloudOutputs as { keptAfterDestroy?: Record<string, unknown> }).keptAfterDestroy?.[
    'secrets.existing'
  ];

const externally = (provider: string, froms: readonly string[], more: object = {}) => ({
  store: { provider, ...more },
  secrets: froms.map((from, index) => ({ name: `team-${index}`, data: [{ key: 'value', from }] })),
});
/** With the operator that reads. */
const cluster = {
  '/apis/external-secrets.io/v1': { resources: [{ kind: 'ExternalSecret' }, { kind: 'SecretStore' }] },
};

describe('the External Secrets Operator', function () {
  this.timeout('1m');
  let check: Check;
  before(async () => {
    check = await customCheck(externalSecretsCrds);
  });
  const store = (run: Run) => {
    const { inputs } = run.get('SecretStore/mlflow-external-secrets-store');
    expect(check(inputs as unknown as { apiVersion: string; kind: string })).to.deep.equal([]);
    return inputs.spec;
  };

  it('may read exactly what is named in Secrets Manager, by a role of its own', async () => {
    const arn = 'arn:aws:secretsmanager:eu-west-1:210987654321:secret:shared-AbCdEf';
    const externalSecrets = externally('awsSecretsManager', ['team/db', arn, 'team/db'], { kmsKeyArn });
    const run = await updateOf('prod-aws', { externalSecrets }, cluster);
    const { policy } = run.get('RolePolicy/mlflow-external-secrets-policy').inputs;
    expect((JSON.parse(policy as string) as { Statement: unknown }).Statement).to.deep.equal([
      {
        Effect: 'Allow',
        Action: 'secretsmanager:GetSecretValue',
        Resource: [arn, 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/db-??????'],
      },
      { Effect: 'Allow', Action: 'kms:Decrypt', Resource: kmsKeyArn },
    ]);
    const { assumeRolePolicy } = run.get('Role/mlflow-external-secrets-role').inputs;
    expect(assumeRolePolicy).to.include('system:serviceaccount:mlflow:mlflow-external-secrets');
    const { metadata } = run.get('ServiceAccount/mlflow-external-secrets-service-account').inputs;
    expect((metadata as { annotations: object }).annotations).to.have.property('eks.amazonaws.com/role-arn');
    expect(store(run)).to.deep.equal({
      provider: {
        aws: {
          service: 'SecretsManager',
          region: 'eu-west-1',
          auth: { jwt: { serviceAccountRef: { name: 'mlflow-external-secrets' } } },
        },
      },
    });
  });

  it('may read exactly what is named in Secret Manager, by an account of its own', async () => {
    const externalSecrets = externally('gcpSecretManager', ['team-db', 'team-admin']);
    const run = await updateOf(
      'dev-gcp',
      { externalSecrets, gcp: { clusterProject: 'clusters-1' } },
      cluster,
    );
    const account = 'mlflow-stack-dev-gc-sec-0f0f0f@my-team-dev.iam.gserviceaccount.com';
    const rights = run.resources.filter(({ type }) => type.includes('secretIamMember'));
    expect(rights.map(({ inputs }) => inputs)).to.deep.equal(
      ['team-admin', 'team-db'].map((secretId) => ({
        secretId,
        role: 'roles/secretmanager.secretAccessor',
        member: `serviceAccount:${account}`,
      })),
    );
    const { metadata } = run.get('ServiceAccount/mlflow-external-secrets-service-account').inputs;
    expect(metadata).to.deep.include({ annotations: { 'iam.gke.io/gcp-service-account': account } });
    expect(store(run)).to.deep.equal({
      provider: {
        gcpsm: {
          projectID: 'my-team-dev',
          auth: {
            workloadIdentity: {
              serviceAccountRef: { name: 'mlflow-external-secrets' },
              clusterProjectID: 'clusters-1',
            },
          },
        },
      },
    });
    const { dependencies } = run.get('SecretStore/mlflow-external-secrets-store');
    expect(dependencies).to.include(rights[0]?.id);
  });

  it('makes the password of a managed database, which waits for it, as pods do', async () => {
    const externalSecrets = externally('awsSecretsManager', ['team/db']);
    const passwordFrom = { secretName: 'team-0', key: 'value' };
    const run = await updateOf('prod-aws', { externalSecrets, backendStore: { passwordFrom } }, cluster);
    expect(run.get('Instance/mlflow-postgres-instance').dependencies).to.include(
      'Secret/mlflow-postgres-credentials-existing',
    );
    expect(run.get('Deployment/mlflow-deployment').dependencies).to.include(
      'Secret/mlflow-external-secrets-made-team-0',
    );
    expect(run.resources.map(({ id }) => id)).not.to.include('RandomPassword/mlflow-postgres-password');
  });
});

describe('Secrets Manager', function () {
  this.timeout('1m');

  it('has nothing of the stack unless it is asked to', async () => {
    const run = await updateOf('prod-aws');
    expect(inManager(run)).to.deep.equal([]);
    expect(run.outputs.keptSecrets).to.equal(null);
    expect(existingOf(run)).to.equal(undefined);
  });

  it('keeps all that is generated, for as long as the data, by names that are known before', async () => {
    const run = await updateOf('prod-aws', { secrets: inCloud, artifactStore: { kmsKeyArn } });
    expect(run.outputs.keptSecrets).to.deep.equal(namesOf('prod-aws'));
    expect(existingOf(run)).to.deep.equal(what);
    const made = run.get(`Secret/${kept}-kek-passphrase-secret`);
    expect(made).to.include({ retainOnDelete: true, protect: false, parent: `KeptSecrets/${kept}` });
    expect(made.inputs).to.deep.equal({
      name: 'mlflow-stack-prod-aws-kek-passphrase',
      description: 'kek-passphrase of MLflow',
      kmsKeyId: kmsKeyArn,
      recoveryWindowInDays: 30,
    });
    const version = run.get(`SecretVersion/${kept}-kek-passphrase-version`);
    expect(version.inputs.secretString).to.deep.equal(secret(generatedPassword));
    expect(version.retainOnDelete).to.equal(true);
    expect(run.get(`SecretVersion/${kept}-users-version`).inputs.secretString).to.deep.equal(secret(users));
    expect(run.resources.filter(({ type }) => type.includes(':secretsmanager/secretPolicy'))).to.deep.equal(
      [],
    );
  });

  it('gives names free at once where the data is to be deleted, and lets rotation replace what is protected', async () => {
    const deleted = await updateOf('prod-aws', { secrets: inCloud, dataProtection: 'delete' });
    const made = deleted.get(`Secret/${kept}-flask-key-secret`);
    expect(made.inputs.recoveryWindowInDays).to.equal(0);
    expect(made.retainOnDelete).to.equal(false);
    const guarded = await updateOf('prod-aws', { secrets: inCloud, dataProtection: 'protect' });
    expect(guarded.get(`Secret/${kept}-flask-key-secret`).protect).to.equal(true);
    expect(guarded.get(`SecretVersion/${kept}-flask-key-version`).protect).to.equal(false);
  });

  it('gives back what data depends on to a stack that finds it', async () => {
    const run = await updateOf('prod-aws', {
      secrets: { ...inCloud, existing: what },
      backendStore: { existingInstance: 'old-instance' },
    });
    expect(inManager(run).map(({ type }) => type)).not.to.include('aws:secretsmanager/secret:Secret');
    const valueOf = (each: string) => {
      const { secretId, secretString } = run.get(`SecretVersion/${kept}-${each}-version`).inputs;
      expect(secretId).to.equal(`mlflow-stack-prod-aws-${each}`);
      return secretString;
    };
    for (const each of ['database-password', 'flask-key', 'kek-passphrase', 'webhook-key'])
      expect(valueOf(each)).to.deep.equal(secret(`kept mlflow-stack-prod-aws-${each}`));
    expect(valueOf('admin-password')).to.deep.equal(secret(generatedPassword));
    expect(run.get('Secret/mlflow-keys-secret').inputs.stringData).to.deep.equal(
      secret({
        'flask-key': 'kept mlflow-stack-prod-aws-flask-key',
        'kek-passphrase': 'kept mlflow-stack-prod-aws-kek-passphrase',
        'webhook-key': 'kept mlflow-stack-prod-aws-webhook-key',
      }),
    );
  });

  it('is named with all that it does not give', async () => {
    const token = 'aws:secretsmanager/getSecretVersion:getSecretVersion';
    const answer = cloudAnswers[token];
    cloudAnswers[token] = () => {
      throw new Error('no such secret');
    };
    const error = await updateOf('prod-aws', {
      secrets: { ...inCloud, existing: ['flask-key', 'webhook-key'] },
    })
      .then(
        () => undefined,
        (reason: unknown) => reason as Error,
      )
      .finally(() => {
        cloudAnswers[token] = answer;
      });
    expect(pulumi.RunError.isInstance(error)).to.equal(true);
    expect(error?.message.split('\n')).to.have.length(2);
    expect(error?.message).to.match(
      /^Secrets Manager gives no value of mlflow-stack-prod-aws-flask-key \(.*\); correct mlflow-stack:secrets\.existing/,
    );
  });
});

describe('Secret Manager', function () {
  this.timeout('1m');

  it('keeps all that is generated in the region of the stores, once its API is on', async () => {
    const run = await updateOf('dev-gcp', {
      secrets: inCloud,
      dataProtection: 'retain',
      auth: { kind: 'none' },
    });
    expect(run.outputs.keptSecrets).to.include({ 'flask-key': 'mlflow-stack-dev-gcp-flask-key' });
    const made = run.get(`Secret/${kept}-flask-key-secret`);
    expect(made.inputs).to.deep.equal({
      secretId: 'mlflow-stack-dev-gcp-flask-key',
      labels,
      replication: { userManaged: { replicas: [{ location: 'europe-west1' }] } },
      deletionProtection: true,
    });
    expect(made).to.include({ retainOnDelete: true, protect: false });
    expect(made.dependencies).to.include('Service/gcp-service-secretmanager');
    const { inputs, retainOnDelete } = run.get(`SecretVersion/${kept}-flask-key-version`);
    expect(inputs).to.deep.equal({
      secret: `${kept}-flask-key-secret-id`,
      secretData: secret(generatedPassword),
    });
    expect(retainOnDelete).to.equal(true);
    expect(run.resources.filter(({ type }) => type.includes('secretIamMember'))).to.deep.equal([]);
  });

  it('encrypts by a key of the user, which it is given the right to use before', async () => {
    const run = await updateOf('dev-gcp', { secrets: inCloud, artifactStore: { kmsKeyName } });
    const made = run.get(`Secret/${kept}-flask-key-secret`);
    expect(made.inputs).to.deep.include({
      replication: {
        userManaged: {
          replicas: [{ location: 'europe-west1', customerManagedEncryption: { kmsKeyName } }],
        },
      },
      deletionProtection: false,
    });
    expect(made.dependencies).to.include(`CryptoKeyIAMMember/${kept}-key-access`);
    expect(run.get(`CryptoKeyIAMMember/${kept}-key-access`).inputs).to.deep.equal({
      cryptoKeyId: kmsKeyName,
      role: 'roles/cloudkms.cryptoKeyEncrypterDecrypter',
      member: 'serviceAccount:service-1@gcp-sa-secretmanager.iam.gserviceaccount.com',
    });
  });

  it('gives back what data depends on to a stack that finds it', async () => {
    const run = await updateOf('dev-gcp', {
      secrets: { ...inCloud, existing: ['flask-key', 'kek-passphrase'] },
    });
    const { inputs } = run.get(`SecretVersion/${kept}-flask-key-version`);
    expect(inputs).to.deep.equal({
      secret: 'projects/my-team-dev/secrets/mlflow-stack-dev-gcp-flask-key',
      secretData: secret('kept mlflow-stack-dev-gcp-flask-key'),
    });
    // One that is new is made.
    expect(run.get(`Secret/${kept}-webhook-key-secret`).inputs.secretId).to.equal(
      'mlflow-stack-dev-gcp-webhook-key',
    );
    expect(isSecret(run.get(`SecretVersion/${kept}-webhook-key-version`).inputs.secretData)).to.equal(true);
  });
});
