import { expect } from 'chai';
import { container, podTemplate } from '../support/manifests.ts';
import { type Registered, type Run, isSecret } from '../support/mocks.ts';
import { updateOf } from '../support/program.ts';

const stack = 'dev-gcp';
const update = (changes?: Record<string, object | string>) => updateOf(stack, changes);

const labels = { project: 'mlflow-stack', stack, 'managed-by': 'pulumi', team: 'ml-platform' };
const bucketName = 'mlflow-stack-dev-gcp-0f0f0f0f0f0f0f0f0f0f0f0f';
const instanceName = 'mlflow-stack-dev-gcp-0f0f0f0f';
const network = 'projects/my-team-dev/global/networks/my-network';
const bucket = 'Bucket/mlflow-artifacts-bucket';
const instance = 'DatabaseInstance/mlflow-postgres-instance';
const onTheInstance =
  `resource.name == "projects/my-team-dev/instances/${instanceName}" && ` +
  'resource.service == "sqladmin.googleapis.com"';
const serverAccount = 'mlflow-stack-dev-gc-srv-0f0f0f@my-team-dev.iam.gserviceaccount.com';
const ownerAccount = 'mlflow-stack-dev-gcp-db-0f0f0f@my-team-dev.iam.gserviceaccount.com';

const ids = (run: Run, type: RegExp) =>
  run.resources.filter((each) => type.test(each.type)).map(({ id }) => id);
const roles = (run: Run): string[] =>
  run.resources
    .filter(({ inputs }) => typeof inputs.role === 'string')
    .map(({ inputs }) => `${inputs.role as string} ${inputs.member as string}`);
const settingsOf = (run: Run) => run.get(instance).inputs.settings as Record<string, unknown>;
const variables = (run: Run) =>
  run.resources.find(({ name }) => name === 'mlflow-runtime-settings')?.inputs.data as Record<string, string>;
const sidecars = ({ inputs, id }: Registered) =>
  podTemplate({ inputs, id } as Registered)?.spec.initContainers?.filter(
    (each) => (each as { restartPolicy?: string }).restartPolicy === 'Always',
  );

describe('stack dev-gcp', function () {
  this.timeout('1m');
  let run: Run;
  before(async () => {
    run = await update();
  });

  it('makes a private bucket in the region, whose old versions go', () => {
    expect(run.get(bucket).inputs).to.deep.equal({
      name: bucketName,
      location: 'EUROPE-WEST1',
      labels,
      uniformBucketLevelAccess: true,
      publicAccessPrevention: 'enforced',
      versioning: { enabled: true },
      lifecycleRules: [
        { action: { type: 'Delete' }, condition: { daysSinceNoncurrentTime: 30, withState: 'ARCHIVED' } },
        { action: { type: 'AbortIncompleteMultipartUpload' }, condition: { age: 7 } },
      ],
      forceDestroy: true,
    });
    expect(run.outputs.artifactUri).to.equal(`gs://${bucketName}/mlflow-artifacts`);
  });

  it('makes a database with a private address alone, over TLS, with backups', () => {
    const { inputs, dependencies } = run.get(instance);
    expect(inputs).to.deep.equal({
      name: instanceName,
      region: 'europe-west1',
      databaseVersion: 'POSTGRES_17',
      deletionProtection: false,
      settings: {
        tier: 'db-custom-1-3840',
        edition: 'ENTERPRISE',
        availabilityType: 'ZONAL',
        diskType: 'PD_SSD',
        diskSize: 10,
        diskAutoresize: true,
        deletionProtectionEnabled: false,
        userLabels: labels,
        ipConfiguration: { ipv4Enabled: false, privateNetwork: network, sslMode: 'ENCRYPTED_ONLY' },
        backupConfiguration: {
          enabled: true,
          startTime: '03:00',
          pointInTimeRecoveryEnabled: true,
          transactionLogRetentionDays: 7,
          backupRetentionSettings: { retainedBackups: 7, retentionUnit: 'COUNT' },
        },
        finalBackupConfig: { enabled: false },
        retainBackupsOnDelete: false,
        databaseFlags: [],
      },
    });
    expect(dependencies).to.include.members([
      'Connection/mlflow-postgres-private-services',
      'Service/gcp-service-sqladmin',
    ]);
    // Nothing shortens the plug-in's own ninety minutes.
    expect(run.get(instance).timeouts).to.deep.equal({ create: '', update: '' });
  });

  it('connects the network to the services of Google once, and leaves that connection behind', () => {
    expect(run.get('GlobalAddress/mlflow-postgres-range').inputs).to.include({
      purpose: 'VPC_PEERING',
      addressType: 'INTERNAL',
      prefixLength: 20,
      network,
    });
    expect(run.get('Connection/mlflow-postgres-private-services').inputs).to.deep.equal({
      network,
      service: 'servicenetworking.googleapis.com',
      reservedPeeringRanges: ['mlflow-stack-dev-gcp-sql-0f0f0f0f'],
      updateOnCreationFail: true,
      deletionPolicy: 'ABANDON',
    });
  });

  it('makes every database and the user, which go with the instance', () => {
    for (const id of [
      'Database/mlflow-postgres-database-mlflow',
      'Database/mlflow-postgres-database-mlflow_auth',
      'User/mlflow-postgres-user',
    ]) {
      expect(run.get(id).inputs, id).to.include({ instance: instanceName, deletionPolicy: 'ABANDON' });
      expect(run.get(id).deletedWith, id).to.equal(instance);
    }
    const { inputs } = run.get('User/mlflow-postgres-user');
    expect(inputs.name).to.equal('mlflow');
    expect(isSecret(inputs.password)).to.equal(true);
  });

  it('tells pods the private address, and nobody the password', () => {
    expect(variables(run)).to.include({
      MLFLOW_BACKEND_STORE_URI: 'postgresql+psycopg2://',
      PGHOST: '10.1.2.3',
      PGPORT: '5432',
      PGDATABASE: 'mlflow',
      PGUSER: 'mlflow',
      PGSSLMODE: 'require',
      GOOGLE_CLOUD_PROJECT: 'my-team-dev',
    });
    expect(run.outputs.databaseHost).to.equal('10.1.2.3');
    // Only the server has anything to do in the bucket, and no pod a proxy.
    expect(sidecars(run.get('Deployment/mlflow-deployment'))).to.deep.equal([]);
  });

  it('gives the server, and no other, an account with rights in the one bucket', () => {
    expect(ids(run, /^gcp:serviceaccount\/account:/)).to.deep.equal([
      'Account/mlflow-identities-tracking-server-account',
    ]);
    expect(roles(run)).to.have.members([
      'roles/iam.workloadIdentityUser serviceAccount:my-team-dev.svc.id.goog[mlflow/mlflow]',
      `roles/storage.objectUser serviceAccount:${serverAccount}`,
    ]);
    expect(ids(run, /^gcp:projects\/iam/i)).to.deep.equal([]);
    const { metadata } = run.get('ServiceAccount/mlflow-service-account').inputs as {
      metadata: { annotations: object };
    };
    expect(metadata.annotations).to.deep.equal({ 'iam.gke.io/gcp-service-account': serverAccount });
    expect(run.outputs.identityNames).to.deep.equal({ 'tracking-server': serverAccount });
  });

  it('switches APIs on, and leaves them on', () => {
    const services = run.resources.filter(({ type }) => type === 'gcp:projects/service:Service');
    expect(services.map(({ inputs }) => inputs.service)).to.have.members(
      ['compute', 'iam', 'servicenetworking', 'sqladmin', 'storage'].map((api) => `${api}.googleapis.com`),
    );
    for (const { inputs } of services) expect(inputs.disableOnDestroy).to.equal(false);
  });

  it('keeps names within the limits of Google', () => {
    for (const { id, type, inputs } of run.resources.filter((each) => each.type.startsWith('gcp:'))) {
      const most = type.endsWith(':Account') ? 30 : type.endsWith(':DatabaseInstance') ? 84 : 63;
      const name = (inputs.accountId ?? inputs.name ?? '') as string;
      expect(name.length, id).to.be.at.most(most);
    }
  });

  it('waits for the instance with nothing that does not need it', () => {
    const waiting = run.resources.filter(({ dependencies }) => dependencies.includes(instance));
    const needing = /^(Database|User|ConfigMap|Deployment|CronJob|Job|ServiceAccount)\//;
    for (const { id, isComponent } of waiting) if (!isComponent) expect(id).to.match(needing);
    expect(run.get(bucket).dependencies).not.to.include(instance);
    expect(run.get('ServiceAccount/mlflow-service-account').dependencies).not.to.include(instance);
  });

  for (const mode of ['retain', 'protect', 'delete'] as const) {
    it(`guards the data twice with dataProtection ${mode}`, async () => {
      const guarded = mode !== 'delete';
      const kept = await update({ dataProtection: mode });
      expect(kept.get(instance).inputs.deletionProtection).to.equal(guarded);
      expect(settingsOf(kept)).to.include({
        deletionProtectionEnabled: guarded,
        retainBackupsOnDelete: guarded,
      });
      expect(kept.get(bucket).inputs.forceDestroy).to.equal(!guarded);
      const found = (kept.outputs.cloudOutputs as Record<string, unknown>).keptAfterDestroy;
      expect(found).to.deep.equal(
        guarded
          ? {
              'artifactStore.existingBucket': bucketName,
              'backendStore.existingInstance': `my-team-dev:europe-west1:${instanceName}`,
              'gcp.existingDatabase': true,
            }
          : undefined,
      );
    });
  }

  it('follows the settings of the database', async () => {
    const changed = await update({
      availability: 'high',
      gcp: { zone: 'europe-west1-b', privateServices: 'existing', enableServices: false },
      backendStore: {
        tier: 'db-perf-optimized-N-2',
        size: '50Gi',
        version: '16',
        maxConnections: 700,
        sslMode: 'verify-full',
        finalSnapshot: true,
        backups: { retentionDays: 14, pointInTimeRecovery: false },
      },
      audit: { enabled: true },
    });
    expect(settingsOf(changed)).to.deep.include({
      edition: 'ENTERPRISE_PLUS',
      availabilityType: 'REGIONAL',
      locationPreference: { zone: 'europe-west1-b' },
      diskSize: 50,
      finalBackupConfig: { enabled: true, retentionDays: 30 },
      backupConfiguration: {
        enabled: true,
        pointInTimeRecoveryEnabled: false,
        backupRetentionSettings: { retainedBackups: 14, retentionUnit: 'COUNT' },
      },
      databaseFlags: [
        { name: 'log_connections', value: 'on' },
        { name: 'log_disconnections', value: 'on' },
        { name: 'max_connections', value: '700' },
      ],
    });
    expect(settingsOf(changed).ipConfiguration).to.include({ serverCaMode: 'GOOGLE_MANAGED_CAS_CA' });
    expect(variables(changed)).to.include({
      PGSSLMODE: 'verify-full',
      PGHOST: 'abc.def.europe-west1.sql.goog',
      PGHOSTADDR: '10.1.2.3',
      PGSSLROOTCERT: '/opt/mlflow-stack/database-ca.crt',
    });
    expect(ids(changed, /servicenetworking|globalAddress|projects\/service/)).to.deep.equal([]);
    expect(changed.get('IAMAuditConfig/mlflow-cloud-audit-data-access').inputs).to.deep.equal({
      project: 'my-team-dev',
      service: 'storage.googleapis.com',
      auditLogConfigs: [{ logType: 'DATA_READ' }, { logType: 'DATA_WRITE' }],
    });
    expect(changed.get('ProjectBucketConfig/mlflow-cloud-audit-log').inputs).to.include({
      retentionDays: 90,
    });
    expect(changed.get('ProjectSink/mlflow-cloud-audit-sink').inputs.filter).to.equal(
      `(resource.type="gcs_bucket" AND resource.labels.bucket_name="${bucketName}" AND logName:"cloudaudit.googleapis.com")` +
        ` OR (resource.type="cloudsql_database" AND resource.labels.database_id="my-team-dev:${instanceName}")`,
    );
  });

  it('follows the settings of the bucket', async () => {
    const key = 'projects/my-keys/locations/europe-west1/keyRings/mlflow/cryptoKeys/bucket';
    const changed = await update({
      artifactStore: {
        bucketName: 'team-files',
        kmsKeyName: key,
        accessLogging: true,
        versioning: false,
        readBuckets: ['data-sets'],
        transition: { days: 90, storageClass: 'NEARLINE' },
      },
      logRetentionDays: '30',
    });
    expect(changed.get(bucket).inputs).to.deep.include({
      name: 'team-files',
      versioning: { enabled: false },
      encryption: { defaultKmsKeyName: key },
      logging: { logBucket: 'mlflow-stack-dev-gcp-logs-0f0f0f0f0f0f0f0f0f0f0f0f', logObjectPrefix: 'access' },
    });
    expect(changed.get(bucket).inputs.lifecycleRules).to.deep.include({
      action: { type: 'SetStorageClass', storageClass: 'NEARLINE' },
      condition: { age: 90, withState: 'LIVE' },
    });
    expect(changed.get('Bucket/mlflow-artifacts-logs').inputs).to.deep.include({
      publicAccessPrevention: 'enforced',
      lifecycleRules: [{ action: { type: 'Delete' }, condition: { age: 30 } }],
    });
    expect(roles(changed)).to.include.members([
      'roles/cloudkms.cryptoKeyEncrypterDecrypter serviceAccount:service-1234567890@gs-project-accounts.iam.gserviceaccount.com',
      'roles/storage.objectCreator group:cloud-storage-analytics@google.com',
      `roles/storage.objectViewer serviceAccount:${serverAccount}`,
    ]);
    expect(changed.get('CryptoKeyIAMMember/mlflow-artifacts-bucket-key-access').inputs.cryptoKeyId).to.equal(
      key,
    );
    expect(changed.get(bucket).dependencies).to.include(
      'CryptoKeyIAMMember/mlflow-artifacts-bucket-key-access',
    );
  });

  it('puts a proxy in each pod that uses the database, whose account may connect to the one instance', async () => {
    const proxied = await update({ gcp: { cloudSqlProxy: { kind: 'sidecar' } } });
    expect(variables(proxied)).to.include({ PGHOST: '127.0.0.1', PGSSLMODE: 'disable' });
    for (const id of ['Deployment/mlflow-deployment', 'Job/mlflow-migration', 'CronJob/mlflow-gc-cron-job']) {
      const [proxy] = sidecars(proxied.get(id)) ?? [];
      expect(proxy, id).to.include({ name: 'cloud-sql-proxy', restartPolicy: 'Always' });
      expect(proxy?.args, id).to.include.members([
        '--private-ip',
        '--address=127.0.0.1',
        '--port=5432',
        `my-team-dev:europe-west1:${instanceName}`,
      ]);
      expect(proxy?.args, id).not.to.include('--auto-iam-authn');
      // Nobody has a right to write figures.
      expect(proxy?.env, id).to.deep.equal([{ name: 'CSQL_PROXY_ENABLE_BUILTIN_METRICS', value: 'false' }]);
    }
    const clients = proxied.resources.filter(({ inputs }) => inputs.role === 'roles/cloudsql.client');
    expect(clients).to.have.lengthOf(3);
    for (const { inputs } of clients) expect(inputs.condition).to.include({ expression: onTheInstance });
    expect(roles(proxied).join()).not.to.include('instanceUser');
  });

  it('logs in as one account that owns the data, without a password', async () => {
    const keyless = await update({ backendStore: { auth: 'iam' } });
    expect(keyless.get('User/mlflow-postgres-user').inputs).to.deep.include({
      name: ownerAccount.replace('.gserviceaccount.com', ''),
      type: 'CLOUD_IAM_SERVICE_ACCOUNT',
      databaseRoles: ['cloudsqlsuperuser'],
    });
    expect(settingsOf(keyless).databaseFlags).to.deep.equal([
      { name: 'cloudsql.iam_authentication', value: 'on' },
    ]);
    expect(ids(keyless, /^gcp:serviceaccount\/account:/)).to.deep.equal([
      'Account/mlflow-postgres-owner-account',
    ]);
    expect(roles(keyless)).to.have.members([
      ...['mlflow', 'mlflow-migration', 'mlflow-gc'].map(
        (name) => `roles/iam.workloadIdentityUser serviceAccount:my-team-dev.svc.id.goog[mlflow/${name}]`,
      ),
      ...['cloudsql.client', 'cloudsql.instanceUser', 'storage.objectUser'].map(
        (role) => `roles/${role} serviceAccount:${ownerAccount}`,
      ),
    ]);
    const server = keyless.get('Deployment/mlflow-deployment');
    expect(JSON.stringify(container(server, 'mlflow'))).not.to.include('PGPASSWORD');
    expect(sidecars(server)?.[0]?.args).to.include('--auto-iam-authn');
    expect(keyless.resources.map(({ id }) => id)).not.to.include('RandomPassword/mlflow-postgres-password');
  });

  it('puts one proxy before all, with an account of its own', async () => {
    const proxied = await update({ gcp: { cloudSqlProxy: { kind: 'deployment' } } });
    expect(variables(proxied)).to.include({
      PGHOST: 'mlflow-cloudsql-proxy.mlflow.svc',
      PGSSLMODE: 'disable',
    });
    expect(sidecars(proxied.get('Deployment/mlflow-deployment'))).to.deep.equal([]);
    const { spec } = podTemplate(proxied.get('Deployment/mlflow-postgres-proxy-deployment')) ?? {};
    expect(spec?.serviceAccountName).to.equal('mlflow-cloudsql-proxy');
    expect(spec?.containers[0]?.args).to.include('--address=0.0.0.0');
    const proxyAccount = 'mlflow-stack-dev-gc-sql-0f0f0f@my-team-dev.iam.gserviceaccount.com';
    expect(roles(proxied)).to.have.members([
      'roles/iam.workloadIdentityUser serviceAccount:my-team-dev.svc.id.goog[mlflow/mlflow]',
      'roles/iam.workloadIdentityUser serviceAccount:my-team-dev.svc.id.goog[mlflow/mlflow-cloudsql-proxy]',
      `roles/storage.objectUser serviceAccount:${serverAccount}`,
      `roles/cloudsql.client serviceAccount:${proxyAccount}`,
    ]);
  });

  it('finds bucket and instance of before, whose user gets a new password', async () => {
    const back = await update({
      artifactStore: { existingBucket: 'old-files' },
      gcp: { existingDatabase: true },
      backendStore: {
        existingInstance: 'my-team-dev:europe-west1:old',
        tier: undefined,
        sslMode: 'verify-ca',
      },
    });
    expect(ids(back, /^gcp:(storage\/bucket:|sql\/database)/)).to.deep.equal([]);
    expect(back.get('User/mlflow-postgres-user').inputs).to.include({ instance: 'old', name: 'mlflow' });
    expect(variables(back)).to.include({ PGHOST: '10.9.8.7', PGSSLMODE: 'verify-ca' });
    expect(back.get('ConfigMap/mlflow-runtime-files').inputs.data).to.have.property('database-ca.crt');
    expect(roles(back)).to.include(`roles/storage.objectUser serviceAccount:${serverAccount}`);
  });

  it('gives programs an account where they reach the bucket themselves', async () => {
    const direct = await update({ artifactStore: { mode: 'direct' }, clientIdentity: { enabled: true } });
    const client = 'mlflow-stack-dev-gc-cli-0f0f0f@my-team-dev.iam.gserviceaccount.com';
    expect(roles(direct)).to.include.members([
      `roles/storage.objectUser serviceAccount:${client}`,
      'roles/iam.workloadIdentityUser serviceAccount:my-team-dev.svc.id.goog[mlflow/mlflow-client]',
    ]);
    const proxied = await update({ clientIdentity: { enabled: true } });
    expect(roles(proxied).join()).not.to.include('cli-');
    expect(proxied.get('ServiceAccount/mlflow-cloud-client-service-account').inputs.metadata).to.include({
      name: 'mlflow-client',
    });
  });
});
