import { expect } from 'chai';
import { MlflowServer, type MlflowServerArgs } from '../../components/index.ts';
import { migrateScript } from '../../lib/scripts.ts';
import { artifacts, backend, labelsOf, selectorOf, serverArgs } from '../support/args.ts';
import { container, manifest, plainEnv, podTemplate } from '../support/manifests.ts';
import { type Registered, type Run, runStack } from '../support/mocks.ts';

const build = (changes: Partial<MlflowServerArgs> = {}): Promise<Run> =>
  runStack(() => ({ connection: new MlflowServer('tracker', { ...serverArgs, ...changes }).connection }));

async function deployment(changes?: Partial<MlflowServerArgs>): Promise<Registered> {
  return (await build(changes)).get('Deployment/tracker-deployment');
}

async function env(changes?: Partial<MlflowServerArgs>): Promise<Record<string, string | undefined>> {
  return plainEnv(container(await deployment(changes), 'mlflow'));
}

async function service(changes: Partial<MlflowServerArgs['service']> = {}): Promise<Registered> {
  return (await build({ service: { ...serverArgs.service, ...changes } })).get('Service/tracker-service');
}

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
  });
});

describe('MlflowServer', () => {
  it('runs the server with its probes, in a pod that belongs to its cloud identity', async () => {
    const server = await deployment();
    expect(server.inputs.metadata).to.deep.equal({
      name: 'tracker',
      namespace: 'team-a',
      labels: labelsOf('tracking-server'),
    });
    expect(manifest(server).spec?.selector).to.deep.equal({ matchLabels: selectorOf('tracking-server') });
    expect(podTemplate(server)).to.deep.include({
      metadata: { labels: { ...labelsOf('tracking-server'), 'cloud/use': 'true' } },
    });
    expect(podTemplate(server)?.spec).to.deep.include({
      serviceAccountName: 'tracker',
      terminationGracePeriodSeconds: 60,
    });
    expect(container(server, 'mlflow')).to.deep.include({
      image: 'mlflow:v3.17.2',
      imagePullPolicy: 'IfNotPresent',
      command: ['mlflow', 'server'],
      args: ['--host', '0.0.0.0', '--port', '5000', '--workers', '2'],
      ports: [{ name: 'http', containerPort: 5000 }],
      startupProbe: {
        httpGet: { path: '/health', port: 'http' },
        periodSeconds: 2,
        timeoutSeconds: 10,
        failureThreshold: 150,
      },
      readinessProbe: {
        httpGet: { path: '/health', port: 'http' },
        periodSeconds: 10,
        timeoutSeconds: 11,
        failureThreshold: 3,
      },
      livenessProbe: {
        httpGet: { path: '/health', port: 'http' },
        periodSeconds: 20,
        timeoutSeconds: 12,
        failureThreshold: 6,
      },
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

  it('tells the server its stores, its hosts and its origins', async () => {
    expect(await env()).to.deep.include({
      AWS_REGION: 'eu-west-1',
      MLFLOW_BACKEND_STORE_URI: 'postgresql+psycopg2://',
      MLFLOW_ARTIFACTS_DESTINATION: 's3://bucket/prefix',
      MLFLOW_SERVER_ALLOWED_HOSTS:
        'a.example,a.example:*,tracker,tracker:*,tracker.team-a,tracker.team-a:*,' +
        'tracker.team-a.svc,tracker.team-a.svc:*,tracker.team-a.svc.cluster.local,tracker.team-a.svc.cluster.local:*,' +
        'localhost,localhost:*,127.0.0.1,127.0.0.1:*',
      MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: 'http://a.example,https://a.example',
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false',
      MLFLOW_DISABLE_TELEMETRY: 'true',
    });
  });

  it('sets no origins where there is no way in from outside', async () => {
    expect(await env({ entry: { hosts: [], port: 80 } })).not.to.have.property(
      'MLFLOW_SERVER_CORS_ALLOWED_ORIGINS',
    );
  });

  it('lets the job runner call back where it is switched on', async () => {
    const variables = await env({ jobs: true });
    expect(variables.MLFLOW_SERVER_ENABLE_JOB_EXECUTION).to.equal('true');
    expect(variables.MLFLOW_SERVER_ALLOWED_HOSTS).to.match(/,0\.0\.0\.0:\*$/);
  });

  it('asks for readiness as this machine where the answer depends on the Host header', async () => {
    const probes = { ...serverArgs.probes, readinessPath: 'server-info' } as const;
    expect(container(await deployment({ probes }), 'mlflow')).to.have.deep.nested.property(
      'readinessProbe.httpGet',
      {
        path: '/api/3.0/mlflow/server-info',
        port: 'http',
        httpHeaders: [{ name: 'Host', value: 'localhost' }],
      },
    );
  });

  for (const [title, shareable, strategy] of [
    [
      'starts the new pod first where both can hold the artifacts',
      true,
      { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
    ],
    ['stops the old pod first where only one can hold the artifacts', false, { type: 'Recreate' }],
  ] as const) {
    it(title, async () => {
      const { inputs } = await deployment({ artifacts: { ...artifacts, shareable } });
      expect(inputs.spec).to.have.deep.property('strategy', strategy);
    });
  }

  it('waits as long as the user says', async () => {
    const run = await build();
    expect(run.get('Deployment/tracker-deployment').timeouts).to.deep.equal({
      create: '120s',
      update: '120s',
    });
    expect(run.get('Job/tracker-migration').timeouts.create).to.equal('120s');
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
    expect((await build()).outputs.connection).to.deep.equal({
      namespace: 'team-a',
      name: 'tracker',
      port: 8000,
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
});

describe('the migration', () => {
  const job = async (changes?: Partial<MlflowServerArgs>) =>
    (await build(changes)).get('Job/tracker-migration');
  const jobName = async (changes?: Partial<MlflowServerArgs>) => manifest(await job(changes)).metadata.name;

  it('ends before the server starts', async () => {
    expect((await deployment()).dependencies).to.include('Job/tracker-migration');
  });

  it('runs the script once per attempt, in a pod of its own', async () => {
    const migration = await job();
    expect(migration.inputs.spec).to.deep.include({ backoffLimit: 3 });
    expect(podTemplate(migration)?.spec).to.deep.include({
      serviceAccountName: 'tracker-migration',
      restartPolicy: 'Never',
    });
    expect(container(migration, 'migration')).to.deep.include({
      image: 'mlflow:v3.17.2',
      command: ['python3', '-c', migrateScript],
    });
    expect(plainEnv(container(migration, 'migration'))).to.deep.include({
      PGHOST: 'db.example',
      PGAPPNAME: 'migration',
    });
  });

  it('is replaced as a whole, also where the last one failed', async () => {
    expect(await job()).to.deep.include({ replaceOnChanges: ['*'], deleteBeforeReplace: true });
  });

  for (const [title, changes] of [
    ['the image', { image: 'mlflow:v3.18.0' }],
    ['the run id', { migrations: { enabled: true, runId: 'again' } }],
    ['the host of the database', { backend: { ...backend, host: 'other.example' } }],
    ['its port', { backend: { ...backend, port: 1 } }],
    ['the name of the database', { backend: { ...backend, database: 'other' } }],
    ['its user', { backend: { ...backend, user: 'other' } }],
  ] as const) {
    it(`runs anew when ${title} changes`, async () => {
      expect(await jobName(changes))
        .to.match(/^tracker-migration-[0-9a-f]{8}$/)
        .and.not.to.equal(await jobName());
    });
  }

  it('does not run anew when anything else changes', async () => {
    const changes: Partial<MlflowServerArgs> = {
      workers: 3,
      jobs: true,
      imagePullPolicy: 'Always',
      resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '4Gi' } },
      tmpSize: '8Gi',
      timeoutSeconds: 300,
      entry: { hosts: [], port: 80 },
      backend: { ...backend, maxConnections: 500, password: { secretName: 'other', key: 'pw' } },
    };
    expect(await jobName(changes)).to.equal(await jobName());
    // Not even for the same name with another pod, which would replace the Job as well.
    const { entry, workers, jobs } = serverArgs;
    expect(
      (await job({ entry: { ...entry, hosts: [] }, workers: workers + 1, jobs: !jobs })).inputs,
    ).to.deep.equal((await job()).inputs);
  });

  it('is left out where the user migrates by hand', async () => {
    const run = await build({ migrations: { enabled: false, runId: '' } });
    expect(run.resources.map(({ id }) => id)).not.to.include.oneOf([
      'Job/tracker-migration',
      'ServiceAccount/tracker-migration-service-account',
    ]);
  });
});
