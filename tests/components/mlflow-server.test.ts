import { expect } from 'chai';
import { MlflowServer, type MlflowServerArgs, type Variables } from '../../components/index.ts';
import {
  artifacts,
  auth,
  fakeRollout,
  labelsOf,
  lastMigration,
  noParts,
  runtime,
  selectorOf,
  serverArgs,
} from '../support/args.ts';
import { container, manifest, plainEnv, podTemplate, secretEnv } from '../support/manifests.ts';
import { type Registered, type Run, runStack } from '../support/mocks.ts';

const build = (changes: Partial<MlflowServerArgs> = {}): Promise<Run> =>
  runStack(() => ({ connection: new MlflowServer('tracker', { ...serverArgs, ...changes }).connection }));

async function deployment(changes?: Partial<MlflowServerArgs>): Promise<Registered> {
  return (await build(changes)).get('Deployment/tracker-deployment');
}

async function env(changes?: Partial<MlflowServerArgs>): Promise<Record<string, string | undefined>> {
  return plainEnv(container(await deployment(changes), 'mlflow'));
}

/** Arguments of `mlflow server` beyond those that are always there. */
async function options(changes: Partial<MlflowServerArgs>): Promise<string[]> {
  const { args = [] } = container(await deployment(changes), 'mlflow');
  const always = ['mlflow', 'server', '--host', '0.0.0.0', '--port', '5000', '--workers', '2'];
  expect(args.slice(0, always.length)).to.deep.equal(always);
  return args.slice(always.length);
}

async function service(changes: Partial<MlflowServerArgs['service']> = {}): Promise<Registered> {
  return (await build({ service: { ...serverArgs.service, ...changes } })).get('Service/tracker-service');
}

/** The Service's, and a port-forward's. */
const ownOrigins = ['tracker', 'tracker.team-a', 'tracker.team-a.svc', 'tracker.team-a.svc.cluster.local']
  .concat('localhost', '127.0.0.1')
  .flatMap((host) => [`http://${host}`, `http://${host}:*`])
  .join(',');

describe('the rights of the server at the Kubernetes API', () => {
  const rule = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
  const kinds = ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];
  const made = ({ resources }: Run) =>
    resources.map(({ id }) => id.split('/')[0] ?? '').filter((kind) => kinds.includes(kind));

  it('are none by default, and it has no token', async () => {
    expect(made(await build())).to.deep.equal([]);
    expect(podTemplate(await deployment())?.spec).to.include({ automountServiceAccountToken: false });
  });

  it('are those of its rules, in the namespace or in the cluster', async () => {
    expect(made(await build({ rbac: { rules: [rule], clusterRules: [] } }))).to.have.members(
      kinds.slice(0, 2),
    );
    const run = await build({ rbac: { rules: [], clusterRules: [rule] } });
    expect(made(run)).to.have.members(kinds.slice(2));
    expect(run.get('ClusterRole/tracker-cluster-role').inputs.rules).to.deep.equal([rule]);
    expect(run.get('ClusterRoleBinding/tracker-cluster-role-binding').inputs.subjects).to.deep.equal([
      { kind: 'ServiceAccount', name: 'tracker', namespace: 'team-a' },
    ]);
    expect(podTemplate(run.get('Deployment/tracker-deployment'))?.spec).to.include({
      automountServiceAccountToken: true,
    });
    // Which the migration, that runs with the same variables, has no use for.
    expect(podTemplate(run.get('Job/tracker-migration'))?.spec).to.include({
      automountServiceAccountToken: false,
    });
  });
});

describe('MlflowServer', () => {
  it('runs the server with its probes, in a pod that belongs to its cloud identity', async () => {
    const server = await deployment();
    expect(server.inputs.metadata).to.deep.include({
      name: 'tracker',
      namespace: 'team-a',
      labels: labelsOf('tracking-server'),
    });
    expect(manifest(server).spec?.selector).to.deep.equal({ matchLabels: selectorOf('tracking-server') });
    expect(podTemplate(server)?.metadata.labels).to.deep.equal({
      ...labelsOf('tracking-server'),
      'cloud/use': 'true',
    });
    expect(podTemplate(server)?.spec).to.deep.include({
      serviceAccountName: 'tracker',
      terminationGracePeriodSeconds: 35,
    });
    const health = { httpGet: { path: '/health', port: 'http' } };
    expect(container(server, 'mlflow')).to.deep.include({
      image: 'mlflow:v3.17.2',
      imagePullPolicy: 'IfNotPresent',
      // It finds the databases, whose passwords are no arguments, and becomes what follows.
      command: ['python3', '/opt/mlflow-stack/launch.py'],
      args: ['mlflow', 'server', '--host', '0.0.0.0', '--port', '5000', '--workers', '2'],
      ports: [{ name: 'http', containerPort: 5000 }],
      startupProbe: { ...health, periodSeconds: 2, timeoutSeconds: 10, failureThreshold: 150 },
      readinessProbe: { ...health, periodSeconds: 10, timeoutSeconds: 11, failureThreshold: 3 },
      livenessProbe: { ...health, periodSeconds: 20, timeoutSeconds: 12, failureThreshold: 6 },
      lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } },
      resources: {
        requests: { cpu: '500m', memory: '1Gi', 'ephemeral-storage': '2Gi' },
        limits: { memory: '2Gi' },
      },
    });
  });

  it('gives its service account what the cloud wants to see on it', async () => {
    expect((await build()).get('ServiceAccount/tracker-service-account').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: {
        name: 'tracker',
        namespace: 'team-a',
        labels: labelsOf('tracking-server'),
        annotations: { 'cloud/role': 'tracker' },
      },
      automountServiceAccountToken: false,
    });
  });

  it('tells the server its hosts, origins and pools', async () => {
    expect(await env()).to.deep.include({
      MLFLOW_SERVER_ALLOWED_HOSTS:
        'a.example,a.example:*,tracker,tracker:*,tracker.team-a,tracker.team-a:*,' +
        'tracker.team-a.svc,tracker.team-a.svc:*,tracker.team-a.svc.cluster.local,tracker.team-a.svc.cluster.local:*,' +
        'localhost,localhost:*,127.0.0.1,127.0.0.1:*',
      MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: `https://a.example,https://b.example,${ownOrigins}`,
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
      MLFLOW_SQLALCHEMYSTORE_POOL_SIZE: '4',
      MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW: '6',
      MLFLOW_LOGGING_LEVEL: 'WARNING',
    });
  });

  it('lets running requests end, and outlives the idle connections of load balancers', async () => {
    const { MLFLOW_UVICORN_OPTS: uvicorn = '' } = await env();
    const seconds = (option: string) => Number(new RegExp(`${option} (\\d+)`).exec(uvicorn)?.[1]);
    expect(seconds('--timeout-keep-alive')).to.be.above(600);
    // Five seconds of them pass before the server knows that it stops.
    expect(seconds('--timeout-graceful-shutdown')).to.be.below(60 - 5);
    expect(uvicorn).to.include('--proxy-headers');
  });

  it('accepts the hosts and origins that users add', async () => {
    const variables = await env({
      extraAllowedHosts: ['10.*'],
      extraAllowedOrigins: ['https://notebooks.example'],
    });
    expect(variables.MLFLOW_SERVER_ALLOWED_HOSTS).to.match(/,10\.\*$/);
    expect(variables.MLFLOW_SERVER_CORS_ALLOWED_ORIGINS).to.equal(
      `https://a.example,https://b.example,${ownOrigins},https://notebooks.example`,
    );
  });

  it('speaks TLS itself, with a key that no other pod gets', async () => {
    const tls = { enabled: true, secretName: 'server-tls' };
    const run = await build({ tls, staticPrefix: '/mlflow' });
    const deployed = run.get('Deployment/tracker-deployment');
    const server = container(deployed, 'mlflow');
    expect(plainEnv(server)).to.include({
      UVICORN_SSL_CERTFILE: '/etc/mlflow-stack/tls/tls.crt',
      UVICORN_SSL_KEYFILE: '/etc/mlflow-stack/tls/tls.key',
    });
    expect(server).to.have.property('volumeMounts').that.deep.includes({
      name: 'server-tls',
      mountPath: '/etc/mlflow-stack/tls',
      readOnly: true,
    });
    expect(podTemplate(deployed)?.spec.volumes).to.deep.include({
      name: 'server-tls',
      secret: {
        secretName: 'server-tls',
        items: ['tls.crt', 'tls.key'].map((key) => ({ key, path: key })),
      },
    });
    expect(JSON.stringify(run.get('Job/tracker-migration').inputs)).not.to.include('server-tls');
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      expect(server).to.have.nested.property(`${probe}.httpGet.scheme`, 'HTTPS');
    expect(run.get('Service/tracker-service').inputs.spec).to.deep.include({
      ports: [{ name: 'https', port: 8000, targetPort: 'http' }],
    });
    expect(run.outputs.connection).to.deep.include({
      url: 'https://tracker.team-a.svc:8000/mlflow',
      ca: { secretName: 'server-tls', key: 'ca.crt' },
    });
  });

  it('accepts the UI over TLS alone where it speaks TLS itself', async () => {
    const variables = await env({
      entry: { hosts: [], origins: [] },
      tls: { enabled: true, secretName: 'server-tls' },
    });
    expect(variables.MLFLOW_SERVER_CORS_ALLOWED_ORIGINS).to.equal(ownOrigins.replaceAll('http:', 'https:'));
  });

  it('lets the job runner call back where it is switched on', async () => {
    const variables = await env({ jobs: true });
    expect(variables.MLFLOW_SERVER_ENABLE_JOB_EXECUTION).to.equal('true');
    expect(variables.MLFLOW_SERVER_ALLOWED_HOSTS).to.match(/,0\.0\.0\.0:\*$/);
  });

  it('takes keys, log-ins and mounts of the stores', async () => {
    const server = await deployment();
    expect(plainEnv(container(server, 'mlflow'))).to.include({ MLFLOW_CRYPTO_KEK_VERSION: '1' });
    expect(secretEnv(container(server, 'mlflow'))).to.deep.equal({
      AWS_SECRET_ACCESS_KEY: 's3-secret/secret',
      MLFLOW_FLASK_SERVER_SECRET_KEY: 'keys/flask-key',
      PGPASSWORD: 'db-secret/pw',
    });
    expect(podTemplate(server)?.spec.volumes).to.deep.include(artifacts.volumes[0]);
    expect(container(server, 'mlflow'))
      .to.have.property('volumeMounts')
      .that.deep.includes(artifacts.volumeMounts[0]);
  });

  for (const [title, changes, expected] of [
    [
      'clients that talk to the store themselves',
      { artifacts: { ...artifacts, mode: 'direct' } },
      ['--no-serve-artifacts'],
    ],
    ["MLflow's own users", { auth }, ['--app-name', 'basic-auth']],
    ['workspaces', { workspaces: true }, ['--enable-workspaces']],
    ['a prefix', { staticPrefix: '/mlflow' }, ['--static-prefix', '/mlflow']],
    ['nothing in particular', {}, []],
    [
      "the user's own options, hyphens or not, in an order that does not change",
      {
        valueOptions: { x_frame_options: 'DENY', 'secrets-cache-ttl': '30' },
        flagOptions: ['two_words', 'another'],
      },
      ['--secrets-cache-ttl', '30', '--x-frame-options', 'DENY', '--another', '--two-words'],
    ],
  ] as const) {
    it(`runs with the options for ${title}`, async () => {
      expect(await options(changes)).to.deep.equal(expected);
    });
  }

  it('asks probes and shows clients the path below the prefix', async () => {
    const run = await build({ staticPrefix: '/team/mlflow' });
    const server = container(run.get('Deployment/tracker-deployment'), 'mlflow');
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      expect(server).to.have.nested.property(`${probe}.httpGet.path`, '/team/mlflow/health');
    expect(run.outputs.connection).to.include({ url: 'http://tracker.team-a.svc:8000/team/mlflow' });
  });

  it('can check the Host header in its readiness, which a probe must send then', async () => {
    const server = await deployment({ probes: { ...serverArgs.probes, readinessPath: 'server-info' } });
    expect(container(server, 'mlflow')).to.have.deep.nested.property('readinessProbe.httpGet', {
      path: '/api/3.0/mlflow/server-info',
      port: 'http',
      httpHeaders: [{ name: 'Host', value: 'localhost' }],
    });
  });

  for (const [title, canRoll, strategy] of [
    [
      'starts the new pod first where both can work side by side',
      true,
      { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    ],
    ['stops the old pod first where the new one needs what it holds', false, { type: 'Recreate' }],
  ] as const) {
    it(title, async () => {
      const deployed = await deployment({ canRoll });
      expect(deployed.inputs.spec).to.have.deep.property('strategy', strategy);
      // A pause is for those who have another pod to turn to.
      expect('lifecycle' in container(deployed, 'mlflow')).to.equal(canRoll);
    });
  }

  it('waits as long as the user says', async () => {
    const run = await build();
    expect(run.get('Deployment/tracker-deployment').timeouts).to.deep.equal({
      create: '120s',
      update: '120s',
    });
    expect(run.get('Job/tracker-migration').inputs.spec).to.include({ activeDeadlineSeconds: 120 });
  });

  it('is reached through a Service at a port of its own', async () => {
    const { inputs } = await service();
    expect(inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {
        name: 'tracker',
        namespace: 'team-a',
        labels: labelsOf('tracking-server'),
        annotations: { 'pulumi.com/skipAwait': 'true' },
      },
      spec: {
        type: 'ClusterIP',
        selector: selectorOf('tracking-server'),
        ports: [{ name: 'http', port: 8000, targetPort: 'http' }],
      },
    });
    const ranges = { type: 'LoadBalancer', allowedCidrs: ['10.0.0.0/8'] } as const;
    expect((await service(ranges)).inputs.spec).to.deep.include({
      loadBalancerSourceRanges: ['10.0.0.0/8'],
    });
    expect((await build()).outputs.connection).to.deep.equal({
      namespace: 'team-a',
      name: 'tracker',
      port: 8000,
      prefix: '',
      url: 'http://tracker.team-a.svc:8000',
    });
  });

  it('waits for the address of a load balancer, whose annotations the user gives', async () => {
    const { inputs } = await service({ type: 'LoadBalancer', annotations: { 'cloud/internal': 'true' } });
    expect(inputs.metadata).to.have.deep.property('annotations', {
      'pulumi.com/skipAwait': 'false',
      'cloud/internal': 'true',
    });
  });

  it("adds the user's parts to its own pods alone", async () => {
    const sidecar = { name: 'watcher', image: 'watcher:1' };
    const run = await build({
      pod: { ...noParts, labels: { team: 'a' }, annotations: { note: 'x' }, sidecars: [sidecar] },
    });
    const pod = podTemplate(run.get('Deployment/tracker-deployment'));
    expect(pod?.metadata.labels).to.include({ team: 'a' });
    expect(pod?.metadata.annotations).to.deep.equal({ note: 'x' });
    expect(pod?.spec.initContainers?.[0]).to.deep.equal({ ...sidecar, restartPolicy: 'Always' });
    expect(JSON.stringify(run.get('Job/tracker-migration').inputs)).not.to.include('watcher');
  });

  it('reads from a replica where there is one, which the migration never does', async () => {
    const variable = 'MLFLOW_READ_REPLICA_BACKEND_STORE_URI';
    const uri = 'postgresql+psycopg2://replica.example';
    const addresses: Variables[] = [
      { settings: { [variable]: uri }, secrets: {} },
      { settings: {}, secrets: { [variable]: { secretName: 'replica', key: 'uri' } } },
    ];
    for (const readReplica of addresses) {
      const run = await build({ runtime: { ...runtime, readReplica } });
      const server = container(run.get('Deployment/tracker-deployment'), 'mlflow');
      expect({ ...plainEnv(server), ...secretEnv(server) }[variable]).to.be.oneOf([uri, 'replica/uri']);
      expect(JSON.stringify(run.get('Job/tracker-migration').inputs)).not.to.include(variable);
    }
  });
});

describe('a server that asks for a log-in', () => {
  it('knows the first administrator, as the migration does, by a Secret', async () => {
    const run = await build({ auth });
    for (const [id, name] of [
      ['Deployment/tracker-deployment', 'mlflow'],
      ['Job/tracker-migration', 'migration'],
    ] as const) {
      const main = container(run.get(id), name);
      expect(plainEnv(main), id).to.include({ MLFLOW_AUTH_ADMIN_USERNAME: 'root-of-all' });
      expect(secretEnv(main), id).to.include({ MLFLOW_AUTH_ADMIN_PASSWORD: 'admin-secret/password' });
    }
  });

  it('takes variables from the sources of a plug-in, which no other pod sees', async () => {
    const source = { secretRef: { name: 'oidc-client' } };
    const run = await build({ auth: { ...auth, serverEnvFrom: [source] } });
    const main = container(run.get('Deployment/tracker-deployment'), 'mlflow');
    expect(main).to.have.property('envFrom').that.deep.includes(source);
    expect(JSON.stringify(run.get('Job/tracker-migration').inputs)).not.to.include('oidc-client');
  });

  it('listens to the proxy in its pod and to nobody else, where there is one', async () => {
    const proxy = {
      container: { name: 'the-proxy', image: 'proxy:1' },
      volumes: [{ name: 'htpasswd', secret: { secretName: 'htpasswd' } }],
    };
    const run = await build({ auth: { ...auth, appName: undefined, proxy } });
    const { spec } = podTemplate(run.get('Deployment/tracker-deployment')) ?? {};
    const main = container(run.get('Deployment/tracker-deployment'), 'mlflow');
    expect(main.args?.join(' ')).to.include('--host 127.0.0.1 --port 5001').and.not.to.include('--app-name');
    // Before MLflow starts, and until it has ended.
    expect(spec?.initContainers?.[0]).to.deep.equal({ ...proxy.container, restartPolicy: 'Always' });
    expect(spec?.volumes).to.deep.include(proxy.volumes[0]);
    // The Service and the probes go by the port of the proxy.
    expect(main.ports).to.deep.equal([{ name: 'http', containerPort: 5000 }]);
    expect(main).to.have.nested.property('readinessProbe.httpGet.port', 'http');
    expect(JSON.stringify(run.get('Job/tracker-migration').inputs)).not.to.include('the-proxy');
  });
});

describe('the migration', () => {
  const job = async (changes?: Partial<MlflowServerArgs>) =>
    (await build(changes)).get('Job/tracker-migration');
  const jobName = async (changes?: Partial<MlflowServerArgs>) => manifest(await job(changes)).metadata.name;
  const hashOf = (name: string | undefined) => name?.split('-')[2] ?? '';
  const { migrations } = serverArgs;

  it('ends before the server starts, and after the writers of another version have stopped', async () => {
    const rollout = fakeRollout();
    const run = await build({ rollout });
    const name = manifest(run.get('Job/tracker-migration')).metadata.name ?? '';
    expect(name).to.match(/^tracker-migration-[0-9a-f]{8}-new$/);
    expect(rollout.log).to.deep.equal(['stop the writers', `wait for ${name}`, 'resume']);
    expect(run.get('Deployment/tracker-deployment').dependencies).to.include('Job/tracker-migration');
  });

  it('leaves on the server what the next update has to know', async () => {
    const run = await build();
    expect(manifest(run.get('Deployment/tracker-deployment')).metadata.annotations).to.include({
      'mlflow-stack/mlflow-version': '3.17.2',
      'mlflow-stack/schema-revision': lastMigration.revision,
      'mlflow-stack/migration': manifest(run.get('Job/tracker-migration')).metadata.name,
      'mlflow-stack/snapshot': lastMigration.snapshot,
    });
    // Not on its pods, which would be made anew for it.
    expect(podTemplate(run.get('Deployment/tracker-deployment'))?.metadata.annotations).to.deep.equal({});
  });

  it('runs the script in a pod of its own, watched by the rollout instead of by Pulumi', async () => {
    const migration = await job();
    expect(migration.inputs.metadata).to.deep.include({
      namespace: 'team-a',
      labels: labelsOf('migration'),
      annotations: { 'pulumi.com/skipAwait': 'true', 'mlflow-stack/ready': '3.17.2' },
    });
    expect(migration.inputs.spec).to.deep.include({ backoffLimit: 3, ttlSecondsAfterFinished: 86_400 });
    // What it refuses itself, with exit code 1, is not tried again.
    expect(migration.inputs.spec).to.have.deep.nested.property('podFailurePolicy.rules[0]', {
      action: 'FailJob',
      onExitCodes: { containerName: 'migration', operator: 'In', values: [1] },
    });
    expect(podTemplate(migration)?.spec).to.deep.include({
      serviceAccountName: 'tracker-migration',
      restartPolicy: 'Never',
    });
    const main = container(migration, 'migration');
    expect(main).to.deep.include({
      image: 'mlflow:v3.17.2',
      command: ['python3', '/opt/mlflow-stack/migrate.py'],
    });
    expect(main).not.to.have.any.keys('startupProbe', 'readinessProbe', 'livenessProbe');
    // It has no use for the keys of the server or for the artifacts.
    expect(secretEnv(main)).to.deep.equal({ PGPASSWORD: 'db-secret/pw' });
  });

  for (const [snapshot, value] of [
    [true, 'copy'],
    [false, 'skip'],
  ] as const) {
    it(`${snapshot ? 'copies' : 'does not copy'} the database first where snapshot is ${snapshot}`, async () => {
      const migration = await job({ migrations: { ...migrations, snapshot } });
      expect(plainEnv(container(migration, 'migration'))).to.include({ MIGRATION_SNAPSHOT: value });
    });
  }

  for (const [title, changes] of [
    ['the image', { runtime: { ...runtime, image: 'mlflow:v3.18.0' } }],
    ['the run id', { migrations: { ...migrations, runId: 'again' } }],
    ['the databases or users', { migrations: { ...migrations, inputs: { backend: 'another database' } } }],
  ] as const) {
    it(`runs anew when ${title} changes`, async () => {
      expect(hashOf(await jobName(changes)))
        .to.match(/^[0-9a-f]{8}$/)
        .and.not.to.equal(hashOf(await jobName()));
    });
  }

  it('does not run anew when anything else changes', async () => {
    const changes: Partial<MlflowServerArgs> = {
      runtime: { ...runtime, imagePullPolicy: 'Always', settingsName: 'other', filesName: 'other' },
      workers: 3,
      replicas: 5,
      jobs: true,
      poolSize: 1,
      resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '4Gi' } },
      tmpSize: '8Gi',
      timeoutSeconds: 300,
      entry: { hosts: [], origins: [] },
      migrations: { ...migrations, snapshot: false },
      auth,
      metrics: { ...serverArgs.metrics, enabled: true },
    };
    expect(await jobName(changes)).to.equal(await jobName());
  });

  it('stays as it was once it has succeeded, whatever has changed in its pod', async () => {
    expect(await job()).to.deep.include({ ignoreChanges: [] });
    const rollout = fakeRollout({ done: [hashOf(await jobName())] });
    const done = await job({ rollout });
    expect(done).to.deep.include({ ignoreChanges: ['metadata', 'spec'] });
    expect(manifest(done).metadata.name).to.match(/-recorded$/);
  });

  it('is left out where the user migrates by hand, and what is recorded of it stays', async () => {
    const rollout = fakeRollout();
    const run = await build({ rollout, migrations: { ...migrations, enabled: false } });
    expect(run.resources.map(({ id }) => id)).not.to.include.oneOf([
      'Job/tracker-migration',
      'ServiceAccount/tracker-migration-service-account',
    ]);
    expect(run.get('Deployment/tracker-deployment').inputs.metadata).to.deep.nested.include({
      'annotations.mlflow-stack/migration': lastMigration.job,
    });
    // Another version still has to wait until the old one has stopped.
    expect(rollout.log).to.deep.equal(['stop the writers', 'resume']);
  });
});

describe('in diagnostic mode', () => {
  it('the pod sleeps, whatever state its database is in, and nothing asks how it is', async () => {
    const sidecar = { name: 'proxy', image: 'proxy:1' };
    const step = { name: 'step', image: 'step:1' };
    const parts = { ...runtime, sidecars: [sidecar], initContainers: [step] };
    const server = await deployment({ diagnosticMode: true, runtime: parts });

    expect(podTemplate(server)?.spec.initContainers).to.deep.equal([{ ...sidecar, restartPolicy: 'Always' }]);
    const { command, args, env, ...rest } = container(server, 'mlflow');
    expect(command?.join(' ')).to.include('sleep infinity');
    expect(args).to.deep.equal([]);
    expect(Object.keys(rest).filter((key) => key.endsWith('Probe'))).to.deep.equal([]);
    // What it would have as a server.
    expect(env).to.deep.equal(container(await deployment(), 'mlflow').env);
  });
});
