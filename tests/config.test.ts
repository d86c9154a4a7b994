import { expect } from 'chai';
import { loadSettings } from '../config.ts';
import { runStack } from './support/mocks.ts';
import { stackFile } from './support/program.ts';
import { least, mistakes, refusal, settingsWith } from './support/settings.ts';

describe('settings', () => {
  it('have a default for all but the cloud and the context', () => {
    const probe = (periodSeconds: number, failureThreshold: number) => ({
      periodSeconds,
      timeoutSeconds: 10,
      failureThreshold,
    });
    const noParts = {
      labels: {},
      annotations: {},
      nodeSelector: {},
      tolerations: [],
      initContainers: [],
      sidecars: [],
      volumes: [],
      volumeMounts: [],
    };
    expect(settingsWith()).to.deep.equal({
      ...least,
      namespace: { name: 'mlflow', create: true },
      dataProtection: 'delete',
      availability: 'standard',
      artifactStore: {
        kind: 'pvc',
        mode: 'proxy',
        size: '10Gi',
        accessMode: 'ReadWriteOnce',
        bucket: 'mlflow',
        prefix: 'mlflow-artifacts',
        region: 'us-east-1',
        addressingStyle: 'path',
        image: 'docker.io/chrislusf/seaweedfs:4.48',
        resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
        readBuckets: [],
        versioning: true,
        noncurrentDays: 30,
        abortMultipartDays: 7,
        accessLogging: false,
      },
      backendStore: {
        kind: 'postgres',
        size: '10Gi',
        image: 'docker.io/library/postgres:15.18',
        resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } },
        maxConnections: 100,
        vacuum: true,
        vacuumSchedule: '0 3 * * 6',
        timeoutSeconds: 300,
        dialect: 'postgresql',
        database: 'mlflow',
        sslMode: 'require',
        version: '17',
        instanceClass: 'db.t4g.medium',
        auth: 'password',
        highAvailability: false,
        backups: { retentionDays: 7, pointInTimeRecovery: true },
        finalSnapshot: true,
      },
      server: {
        image: { repository: 'ghcr.io/mlflow/mlflow', tag: 'v3.17.2-full', pullPolicy: 'IfNotPresent' },
        replicas: 1,
        size: 'medium',
        workers: 1,
        resources: {
          requests: { cpu: '500m', memory: '1.5Gi' },
          limits: { cpu: undefined, memory: '3Gi' },
        },
        // As large as is useful: one pod leaves the database enough.
        poolSize: 5,
        maxOverflow: 10,
        jobs: false,
        logLevel: 'INFO',
        valueOptions: {},
        flagOptions: [],
        env: {},
        envFrom: [],
        staticPrefix: '',
        tmpSize: '2Gi',
        rbac: { rules: [], clusterRules: [] },
        runAsUser: 1000,
        tls: { enabled: false, secretName: 'mlflow-tls' },
        extraAllowedHosts: [],
        allowAnyHost: false,
        diagnosticMode: false,
        extraAllowedOrigins: [],
        service: {
          type: 'ClusterIP',
          port: 5000,
          allowedCidrs: [],
          hosts: [],
          staticIp: false,
          dns: {},
          annotations: {},
        },
        probes: {
          startup: probe(2, 150),
          readiness: probe(10, 3),
          liveness: probe(20, 6),
          readinessPath: 'health',
        },
        maxUnavailable: 1,
        spread: true,
        pod: noParts,
        timeoutSeconds: 600,
      },
      pods: { ...noParts, imagePullSecrets: [] },
      autoscaling: { enabled: false, kind: 'horizontal', min: 1, max: 2, cpuPercent: 75 },
      auth: {
        kind: 'none',
        acceptPublic: false,
        adminUsername: 'admin',
        defaultPermission: 'READ',
        cacheSeconds: 0,
        edge: { users: ['mlflow'] },
        oauth2Proxy: {
          provider: 'oidc',
          emailDomains: [],
          allowedGroups: [],
          scopes: [],
          users: [],
          extraArgs: [],
          image: 'quay.io/oauth2-proxy/oauth2-proxy:v7.15.3',
          resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
        },
        plugin: { env: {}, envFrom: [] },
      },
      workspaces: { enabled: false },
      identity: { kind: 'workload', secretName: 's3-credentials', imageReaders: [] },
      clientIdentity: { enabled: false, serviceAccount: 'mlflow-client' },
      clientEnv: { namespaces: [] },
      secrets: {
        store: 'cluster',
        existing: [],
        kekVersion: 1,
        rotation: { database: 0, admin: 0 },
      },
      externalSecrets: { refreshInterval: '1h', secrets: [] },
      audit: { enabled: false },
      logRetentionDays: 90,
      metrics: {
        enabled: false,
        discovery: 'annotations',
        intervalSeconds: 30,
        alerts: false,
        dashboard: false,
        labels: {},
      },
      migrations: { enabled: true, runId: '', snapshot: true },
      networkPolicy: {
        enabled: true,
        ingressNamespaces: ['ingress-nginx', 'traefik', 'kube-system'],
        monitoringNamespaces: ['monitoring'],
        clients: [],
        databaseCidrs: [],
        objectStoreCidrs: [],
        dnsCidrs: [
          ...['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16'],
          '34.118.224.0/20',
        ],
        additionalEgressRules: [],
      },
      ingress: {
        enabled: false,
        hosts: [],
        port: 80,
        httpsPort: 443,
        tls: [],
        redirectHttp: true,
        internal: false,
        allowedCidrs: [],
        staticIp: false,
        dns: {},
        annotations: {},
      },
      httpRoute: {
        enabled: false,
        parentRefs: [],
        hosts: [],
        matches: [],
        filters: [],
        timeouts: { request: '600s', backendRequest: 'none' },
        tls: false,
        port: 80,
        httpsPort: 443,
        labels: {},
        annotations: {},
      },
      gc: {
        enabled: true,
        schedule: '0 2 * * 0',
        timeZone: 'Etc/UTC',
        olderThan: '30d',
        suspend: false,
        jobs: false,
        resources: {
          requests: { cpu: '100m', memory: '256Mi' },
          limits: { cpu: '500m', memory: '512Mi' },
        },
        deadlineSeconds: 21_600,
      },
      traceArchival: { enabled: false, schedule: '0 */6 * * *', retention: '30d', maxTraces: 1000 },
      backup: {
        enabled: false,
        schedule: '0 1 * * *',
        timeZone: 'Etc/UTC',
        keep: 14,
        destination: 'artifactStore',
        size: '10Gi',
        tmpSize: '10Gi',
      },
    });
  });

  it('keep the defaults of a section of which only a part is given', () => {
    const { server } = settingsWith({ server: { probes: { startup: { periodSeconds: 5 } } } });
    expect(server.probes.startup).to.deep.equal({
      periodSeconds: 5,
      timeoutSeconds: 10,
      failureThreshold: 150,
    });
    expect(server.workers).to.equal(1);
  });

  it('cannot be changed once they are read', () => {
    const settings = settingsWith({ ingress: { hosts: ['a.example'] } });
    for (const part of [settings, settings.server.probes.startup, settings.ingress.hosts]) {
      expect(Object.isFrozen(part)).to.equal(true);
    }
  });

  it('are read from the configuration of this project and no other', async () => {
    const settings = { ...stackFile('Pulumi.local.yaml'), 'kubernetes:context': 'other', 'aws:region': 'x' };
    await runStack(
      () => {
        const { cloud, kubernetes, ingress } = loadSettings();
        expect({ cloud, ...kubernetes }).to.deep.equal({ cloud: 'local', context: 'mlflow-stack' });
        expect(ingress).to.deep.include({ enabled: true, hosts: ['mlflow.localhost'] });
      },
      { settings },
    );
  });

  for (const settings of [
    { server: { runAsUser: 'none' } },
    { server: { resources: { limits: { cpu: 2 } } } },
    { server: { image: { tag: '3.17.2' } } },
    { server: { image: { digest: `sha256:${'0'.repeat(64)}` } } },
    { ingress: { hosts: ['mlflow.localhost', '1.2.3.4', 'xn--bcher-kva.example'] } },
    { gc: { olderThan: 'all' } },
    { gc: { olderThan: '1d12h' } },
    { gc: { olderThan: '90m' } },
    { gc: { schedule: '@weekly' } },
    { gc: { schedule: '*/5 0-3 1,15 * MON' } },
    { gc: { timeZone: 'Europe/Berlin' } },
    { backendStore: { image: `postgres@sha256:${'0'.repeat(64)}` } },
    { backendStore: { password: 'correct horse battery staple' } },
    { migrations: { runId: '2026-11-24' } },
    { artifactStore: { kind: 's3Compatible' } },
    {
      artifactStore: {
        kind: 's3Compatible',
        mode: 'direct',
        endpointUrl: 'https://s3.example.com:9000',
        credentialsFrom: { secretName: 's3-keys' },
      },
    },
    { artifactStore: { kind: 'external', uri: 'wasbs://c@account.blob.core.windows.net/path' } },
    { artifactStore: { kind: 'external', uri: 'gs://bucket', mode: 'direct' } },
    { artifactStore: { existingClaim: 'old-artifacts' } },
    { backendStore: { kind: 'sqlite' } },
    { backendStore: { passwordFrom: { secretName: 'db', key: 'pw' } } },
    { backendStore: { kind: 'external', host: '10.0.0.5', connectionFrom: { secretName: 'db' } } },
    { backendStore: { kind: 'external', uriFrom: { secretName: 'db', key: 'uri' }, dialect: 'mssql' } },
    { registryStore: { database: 'models' } },
    { registryStore: { uriFrom: { secretName: 'db', key: 'uri' } } },
    { server: { staticPrefix: '/team/mlflow' } },
    { server: { maxUnavailable: 'none' } },
    { server: { valueOptions: { 'x-frame-options': 'DENY' }, flagOptions: ['some-flag'] } },
    { server: { env: { HOST: 'x', HTTPS_PROXY: 'http://proxy.example' } } },
    { server: { envFrom: [{ secretRef: { name: 'extra' } }] } },
    { server: { caBundle: { configMapName: 'company-ca' } } },
    { server: { pod: { sidecars: [{ name: 'watcher', image: 'watcher:1' }] } } },
    { server: { rbac: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] } } },
    {
      pods: { tolerations: [{ key: 'spot' }], affinity: { nodeAffinity: {} }, imagePullSecrets: ['a', 'b'] },
    },
    { auth: { kind: 'basic', adminPassword: 'correct horse' } },
    { auth: { kind: 'basic', adminPasswordFrom: { secretName: 'a', key: 'b' }, cacheSeconds: 60 } },
    { workspaces: { enabled: true } },
    { secrets: { webhookKeyFrom: { secretName: 'a', key: 'b' }, rotation: { admin: 3 } } },
    { metrics: { enabled: true, discovery: 'serviceMonitor', labels: { release: 'prometheus' } } },
    { traceArchival: { enabled: true, retention: '12h' } },
    {
      backup: { enabled: true, passphrase: 'sixteen letters!', keep: 2, destination: 'claim', size: '50Gi' },
    },
  ]) {
    it(`allow ${JSON.stringify(settings)}`, () => void settingsWith(settings));
  }
});

describe('a mistake in the settings', () => {
  const sections =
    'cloud, kubernetes, gcp, aws, namespace, dataProtection, availability, artifactStore, backendStore, registryStore, server, pods, ' +
    'autoscaling, auth, workspaces, identity, clientIdentity, secrets, externalSecrets, metrics, audit, logRetentionDays, migrations, ingress, httpRoute, networkPolicy, clientEnv, gc, traceArchival, backup';

  it('is told together with all others, in one message', () => {
    expect(
      refusal({
        cloud: 'azure',
        kubernets: { context: 'kind' },
        server: { workers: 0, image: { tag: 'latest' } },
        ingress: { host: 'a.example', hosts: ['https://a.example'] },
        zzz: 1,
      }).split('\n'),
    ).to.have.members([
      '8 mistakes in the configuration of this stack:',
      '  mlflow-stack:cloud is "azure"; allowed: one of local, gcp, aws',
      '  mlflow-stack:kubernetes is missing; allowed: a section with the keys context, kubeconfig, clusterStack',
      '  mlflow-stack:server.image.tag is "latest"; allowed: a tag that begins with the MLflow version, such as v3.17.2-full ("latest" is refused)',
      '  mlflow-stack:server.workers is 0; allowed: a whole number from 1 to 64',
      '  mlflow-stack:ingress.hosts[0] is "https://a.example"; allowed: a lower-case host name such as mlflow.example.com, without scheme, port or path',
      '  mlflow-stack:ingress.host is not known (did you mean hosts?); known keys: enabled, className, controller, hosts, paths, port, httpsPort, tls, certificate, redirectHttp, internal, allowedCidrs, staticIp, dns, annotations',
      `  mlflow-stack:kubernets is not known (did you mean kubernetes?); known keys: ${sections}`,
      `  mlflow-stack:zzz is not known; known keys: ${sections}`,
    ]);
  });

  for (const [settings, text] of [
    [{ kubernetes: {} }, 'kubernetes.context is missing; allowed: the name of a context in your kubeconfig'],
    [
      { kubernetes: { context: '' } },
      'kubernetes.context is ""; allowed: the name of a context in your kubeconfig',
    ],
    [
      { kubernetes: 'kind' },
      'kubernetes is not acceptable; allowed: a section with the keys context, kubeconfig, clusterStack',
    ],
    [{ dataProtection: 'keep' }, 'dataProtection is "keep"; allowed: one of delete, retain, protect'],
    [
      { server: { probes: { startup: { periodSecond: 1 } } } },
      'server.probes.startup.periodSecond is not known (did you mean periodSeconds?); known keys: periodSeconds, timeoutSeconds, failureThreshold',
    ],
    [
      { artifactStore: { size: '10GB' } },
      'artifactStore.size is "10GB"; allowed: a Kubernetes quantity such as 512Mi or 10Gi',
    ],
    [
      { artifactStore: { size: 10 } },
      'artifactStore.size is 10; allowed: a Kubernetes quantity such as 512Mi or 10Gi',
    ],
    [
      { server: { resources: { requests: { cpu: '500Mi' } } } },
      'server.resources.requests.cpu is "500Mi"; allowed: a Kubernetes quantity such as 250m or "1"',
    ],
    [{ server: { runAsUser: 'root' } }, 'server.runAsUser is "root"; allowed: a user id above 0, or none'],
    [
      { server: { probes: { liveness: { timeoutSeconds: 1 } } } },
      'server.probes.liveness.timeoutSeconds is 1; allowed: a whole number from 5 to 60',
    ],
    [{ gc: { enabled: 'yes' } }, 'gc.enabled is "yes"; allowed: true or false'],
    [
      { gc: { timeZone: 'Berlin' } },
      'gc.timeZone is "Berlin"; allowed: an IANA time zone such as Etc/UTC or Europe/Berlin',
    ],
    [{ gc: { olderThan: '30' } }, 'gc.olderThan is "30"; allowed: an age such as 30d or 1d12h, or all'],
    [{ gc: { olderThan: '' } }, 'gc.olderThan is ""; allowed: an age such as 30d or 1d12h, or all'],
    [
      { gc: { schedule: '0 2 * *' } },
      'gc.schedule is "0 2 * *"; allowed: five cron fields such as "0 2 * * 0", or @weekly and the like',
    ],
    [
      { namespace: { name: 'Team_A' } },
      'namespace.name is "Team_A"; allowed: at most 63 lower-case letters, digits and hyphens, beginning with a letter',
    ],
    [{ ingress: { hosts: 'a.example' } }, 'ingress.hosts is "a.example"; allowed: a list of host names'],
    [
      { ingress: { hosts: ['a.example/mlflow'] } },
      'ingress.hosts[0] is "a.example/mlflow"; allowed: a lower-case host name such as mlflow.example.com, without scheme, port or path',
    ],
    [
      { server: { extraAllowedHosts: ['https://a.example'] } },
      'server.extraAllowedHosts[0] is "https://a.example"; allowed: a Host header such as mlflow.example.com or mlflow.example.com:8080, without scheme or path',
    ],
    [
      { server: { extraAllowedOrigins: ['*'] } },
      'server.extraAllowedOrigins[0] is "*"; allowed: an origin such as https://notebooks.example.com, without path',
    ],
    [
      { server: { service: { allowedCidrs: ['10.0.0.0/40'] } } },
      'server.service.allowedCidrs[0] is "10.0.0.0/40"; allowed: a range of addresses such as 10.0.0.0/8, or 192.0.2.7/32 for a single one',
    ],
    [
      { httpRoute: { parentRefs: [{ namespace: 'gateways' }] } },
      'httpRoute.parentRefs[0].name is missing; allowed: at most 253 lower-case letters, digits, hyphens and dots',
    ],
    [
      { httpRoute: { timeouts: { request: '10 minutes' } } },
      'httpRoute.timeouts.request is "10 minutes"; allowed: a duration such as 600s or 10m, or none',
    ],
    [
      { ingress: { paths: [] } },
      'ingress.paths is []; allowed: at least one path; leave the list out for all of them',
    ],
    [
      { ingress: { paths: [{ path: 'mlflow' }] } },
      'ingress.paths[0].path is "mlflow"; allowed: a path such as / or /mlflow',
    ],
    [
      { ingress: { allowedCidrs: ['10.0.0.0'] } },
      'ingress.allowedCidrs[0] is "10.0.0.0"; allowed: a range of addresses such as 10.0.0.0/8, or 192.0.2.7/32 for a single one',
    ],
    [
      { ingress: { tls: [{ key: 12345 }] } },
      'ingress.tls[0].key is not acceptable; allowed: a private key in PEM, as it is in its file (the value is not shown)',
    ],
    [
      { ingress: { tls: 'a key in the wrong place' } },
      'ingress.tls is not acceptable; allowed: a list of sections with hosts and a certificate (the value is not shown)',
    ],
    [
      { artifactStore: { kind: 'minio' } },
      'artifactStore.kind is "minio"; allowed: one of pvc, s3Compatible, gcs, s3, external',
    ],
    [
      { artifactStore: { endpointUrl: 'https://s3.example.com/bucket' } },
      'artifactStore.endpointUrl is "https://s3.example.com/bucket"; allowed: an http(s) URL without path, such as https://s3.example.com',
    ],
    [
      { artifactStore: { uri: './mlruns' } },
      'artifactStore.uri is "./mlruns"; allowed: a URI such as wasbs://container@account.blob.core.windows.net/path',
    ],
    [
      { artifactStore: { credentialsFrom: {} } },
      'artifactStore.credentialsFrom.secretName is missing; allowed: the name of a Secret in the namespace of the stack',
    ],
    [
      { backendStore: { uriFrom: 'postgresql://user:pw@host/db' } },
      'backendStore.uriFrom is not acceptable; allowed: a section with the keys secretName, key',
    ],
    [
      { backendStore: { host: 'https://db.example' } },
      'backendStore.host is "https://db.example"; allowed: a host name such as db.example.com, or an address, without scheme, port or path',
    ],
    [
      { backendStore: { maxConnections: 5 } },
      'backendStore.maxConnections is 5; allowed: a whole number from 20 to 10000',
    ],
    [
      { backendStore: { vacuumSchedule: 'weekly' } },
      'backendStore.vacuumSchedule is "weekly"; allowed: five cron fields such as "0 2 * * 0", or @weekly and the like',
    ],
    [{ server: { size: 'huge' } }, 'server.size is "huge"; allowed: one of small, medium, large'],
    [{ server: { poolSize: 0 } }, 'server.poolSize is 0; allowed: a whole number from 1 to 1000'],
    [{ server: { maxUnavailable: 0 } }, 'server.maxUnavailable is 0; allowed: a whole number from 1 to 100'],
    [
      { server: { maxUnavailable: '50%' } },
      'server.maxUnavailable is "50%"; allowed: a whole number, or none',
    ],
    [
      { server: { staticPrefix: 'mlflow/' } },
      'server.staticPrefix is "mlflow/"; allowed: a path such as /mlflow, without trailing slash',
    ],
    [
      { server: { flagOptions: ['--dev'] } },
      'server.flagOptions[0] is "--dev"; allowed: the name of an option',
    ],
    [{ server: { valueOptions: { x: 1 } } }, 'server.valueOptions.x is 1; allowed: a text'],
    [{ server: { env: ['A=1'] } }, 'server.env is ["A=1"]; allowed: a section of texts'],
    [
      { server: { rbac: { rules: [{ apiGroups: [''], resources: ['pods'] }] } } },
      'server.rbac.rules[0].verbs is missing; allowed: a list of texts',
    ],
    [{ pods: { tolerations: ['spot'] } }, 'pods.tolerations[0] is "spot"; allowed: a toleration'],
    [{ pods: { sidecars: {} } }, 'pods.sidecars is {}; allowed: a list, each item a container'],
    [{ availability: 'highest' }, 'availability is "highest"; allowed: one of standard, high'],
    [
      { auth: { kind: 'ldap' } },
      'auth.kind is "ldap"; allowed: one of none, basic, oauth2Proxy, edge, plugin',
    ],
    [
      { auth: { defaultPermission: 'WRITE' } },
      'auth.defaultPermission is "WRITE"; allowed: one of READ, USE, EDIT, MANAGE, NO_PERMISSIONS',
    ],
    [
      { secrets: { rotation: { admin: -1 } } },
      'secrets.rotation.admin is -1; allowed: a whole number from 0 to 1000000',
    ],
    [
      { traceArchival: { retention: 'all' } },
      'traceArchival.retention is "all"; allowed: an age such as 30d, 12h or 90m',
    ],
    [
      { backup: { passphrase: 'short' } },
      'backup.passphrase is not acceptable; allowed: at least 16 characters (the value is not shown)',
    ],
    [{ gc: { deadlineSeconds: 1 } }, 'gc.deadlineSeconds is 1; allowed: a whole number from 60 to 604800'],
  ] as const) {
    it(`is told with key, value and remedy: ${text.split(';')[0] ?? ''}`, () => {
      expect(mistakes(settings)).to.deep.equal([`mlflow-stack:${text}`]);
    });
  }

  for (const password of [
    'hunter2',
    1234567890123456,
    ['a-long-secret-in-a-list'],
    { value: 'a-long-secret' },
  ]) {
    for (const [section, key] of [
      ['backendStore', 'password'],
      ['auth', 'adminPassword'],
    ] as const) {
      it(`never shows ${section}.${key} (${typeof password})`, () => {
        const text = mistakes({ [section]: { [key]: password } })[0];
        expect(text).to.match(new RegExp(`^mlflow-stack:${section}\\.${key} is not acceptable; allowed: `));
        expect(text).not.to.match(/hunter2|1234|long-secret/);
      });
    }
  }

  it('ends the program before anything is registered', async () => {
    const settings = { 'mlflow-stack:cloud': 'local' };
    const error = await runStack(() => loadSettings(), { settings }).catch((reason: unknown) => reason);
    expect((error as Error).message).to.include('mlflow-stack:kubernetes is missing');
  });
});
