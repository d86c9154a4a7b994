// What the server can be told: options, prefix, metrics, users, keys, housekeeping; one stack, changed step by step.
import { expect } from 'chai';
import { alerts, dashboardQueries } from '../../lib/monitoring.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import type { Overrides } from '../../tools/lib/scratch-stack.ts';
import {
  apply,
  ask,
  eventually,
  inMlflow,
  inServer,
  kubectl,
  kubectlJson,
  runCronJob,
  servingPods,
  sql,
  tryKubectl,
} from './support/cluster.ts';
import { type Credentials, authorization, mlflow } from './support/mlflow.ts';
import { selectors } from '../support/promql.ts';
import { expectNoFindings } from './support/policy.ts';
import { instance, stack } from './support/stack.ts';

const password = `p@ss:w/o?r#d%2B+$HOME 'x' "y"`;
const pod = { resources: { requests: { cpu: '100m', memory: '512Mi' } } };
const base: Overrides = {
  namespace: { name: 'mlflow', create: false },
  auth: { kind: 'basic', adminPassword: password },
  gc: { olderThan: 'all' },
  metrics: { enabled: true, discovery: 'serviceMonitor', labels: { release: 'prometheus' } },
  traceArchival: { enabled: true, retention: '1m' },
  server: {
    ...pod,
    workers: 2,
    staticPrefix: '/tracking',
    valueOptions: { x_frame_options: 'DENY' },
    env: { SOMETHING: 'visible' },
    envFrom: [{ secretRef: { name: 'extra' } }],
  },
};

interface Container {
  readonly env?: {
    readonly name: string;
    readonly valueFrom?: { readonly secretKeyRef?: { name: string } };
  }[];
}

describe('A server with everything switched on', function () {
  this.timeout('10m');
  this.bail(true);

  const admin: Credentials = { username: 'admin', password };

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await tryKubectl('create', 'namespace', 'mlflow');
    const extra = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'extra', namespace: 'mlflow' } };
    await apply({ ...extra, stringData: { EXTRA: 'from a Secret' } });
  });
  after(async () => {
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await tryKubectl('delete', 'crd', 'servicemonitors.monitoring.coreos.com', '--ignore-not-found');
  });

  it('refuses a ServiceMonitor where there is no Prometheus Operator', async () => {
    const { exitCode, output } = await stack.try(['preview'], base);
    expect(exitCode).not.to.equal(0);
    expect(output).to.include('ServiceMonitor').and.include('metrics.discovery');
    await apply({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'servicemonitors.monitoring.coreos.com' },
      spec: {
        group: 'monitoring.coreos.com',
        names: { kind: 'ServiceMonitor', plural: 'servicemonitors' },
        scope: 'Namespaced',
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    });
    await kubectl('wait', 'crd/servicemonitors.monitoring.coreos.com', '--for=condition=Established');
  });

  it('comes up, and a second up changes nothing', async () => {
    await stack.up(base);
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], base);
    expect((await stack.exportedState()).text)
      .not.to.include('p@ss')
      .and.not.to.include('from a Secret');
    await expectNoFindings();
  });

  it('has its options, and variables from settings and Secrets', async () => {
    const [{ address } = { address: '' }] = await servingPods();
    const request = { port: 5000, host: 'localhost', path: '/tracking/', headers: authorization(admin) };
    const variables = await kubectl(...inServer, 'sh', '-c', 'echo $SOMETHING, $EXTRA');
    expect(variables).to.equal('visible, from a Secret');
    expect((await ask(address, request)).headers['x-frame-options']).to.equal('DENY');
    expect((await ask(address, { ...request, path: '/' })).status).to.equal(404);
  });

  it('rolls its pods when a Secret of its users changes, and only then', async () => {
    const pods = () =>
      kubectl(
        ...inMlflow,
        'get',
        'pods',
        '--output',
        'name',
        '--selector',
        'app.kubernetes.io/component=tracking-server',
      );
    const before = await pods();
    const extra = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'extra', namespace: 'mlflow' } };
    await apply({ ...extra, stringData: { EXTRA: 'changed' } });
    await stack.up(base);
    expect(await pods()).not.to.equal(before);
    expect(await kubectl(...inServer, 'printenv', 'EXTRA')).to.equal('changed');
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], base);
  });

  it('gives its metrics to a scraper by pod address, with users and host checks on', async () => {
    const { spec } = await kubectlJson<{
      spec: { endpoints: { path: string; basicAuth: Record<string, { name: string }> }[] };
    }>(...[...inMlflow, 'get', 'servicemonitor/mlflow']);
    const [endpoint] = spec.endpoints;
    expect(endpoint?.path).to.equal('/metrics');
    const { data } = await kubectlJson<{ data: Record<'username' | 'password', string> }>(
      ...[...inMlflow, 'get', `secret/${endpoint?.basicAuth.username?.name ?? ''}`],
    );
    const scraper = {
      username: Buffer.from(data.username, 'base64').toString(),
      password: Buffer.from(data.password, 'base64').toString(),
    };
    const [{ address } = { address: '' }] = await servingPods();
    const scrape = { port: 5000, host: `${address}:5000`, path: '/metrics' };
    expect((await ask(address, scrape)).status).to.equal(401);
    expect(
      (await ask(address, { ...scrape, host: 'evil.example.com', headers: authorization(scraper) })).status,
    ).to.equal(403);
    const answer = await ask(address, { ...scrape, headers: authorization(scraper) });
    expect(answer.status).to.equal(200);
    // What alerts and dashboard ask for is there; namespace and pod are what Prometheus itself adds.
    const asked = [...alerts('mlflow').map(({ expr }) => expr), ...dashboardQueries('mlflow')].flatMap(
      selectors,
    );
    const ofServer = asked.filter(({ metric }) => metric.startsWith('mlflow_'));
    for (const { metric, labels } of ofServer) {
      const [, series] = new RegExp(`^${metric}\\{(.*)\\}`, 'm').exec(answer.body) ?? [];
      for (const label of labels.filter((each) => each !== 'namespace'))
        expect(series, `${metric}{${label}}`).to.include(`${label}="`);
      expect(series, metric).not.to.equal(undefined);
    }
    expect(ofServer).to.have.length.above(3);
  });

  it('speaks to its database over TLS, and the database to nobody without it', async () => {
    const connect = (mode: string) =>
      tryKubectl(
        ...inServer,
        ...['env', `PGSSLMODE=${mode}`, 'python3', '-c', 'import psycopg2; psycopg2.connect("").close()'],
      );
    expect((await connect('disable')).output).to.include('no encryption');
    expect((await connect('verify-full')).exitCode).to.equal(0);
    const insecure = await sql(
      'SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE client_addr IS NOT NULL AND NOT ssl',
    );
    expect(insecure).to.deep.equal(['0']);
  });

  it('keeps the log-in of garbage collection to garbage collection', async () => {
    const { items } = await kubectlJson<{
      items: { spec: { containers: Container[]; initContainers?: Container[] } }[];
    }>(...[...inMlflow, 'get', 'pods']);
    const used = items.flatMap(({ spec }) =>
      [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ env = [] }) =>
        env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
      ),
    );
    expect(used.filter((name) => name?.startsWith('mlflow-auth-gc-'))).to.deep.equal([]);
    expect(used.filter((name) => name?.startsWith('mlflow-postgres-'))).not.to.deep.equal([]);
  });

  it('survives garbage whose files are gone, and a run of gc that was killed', async () => {
    const log = `
mlflow.set_experiment("garbage")
runs = []
for index in range(2):
    with mlflow.start_run() as run:
        mlflow.log_text("text", "notes.txt")
    MlflowClient().delete_run(run.info.run_id)
    runs.append([run.info.experiment_id, run.info.run_id])
print(json.dumps(runs))`;
    const [gone] = await stack.reach((url) => mlflow<[string, string][]>(`${url}/tracking`, log, admin));
    await kubectl(...inServer, 'rm', '-r', `/mlflow/artifacts/${gone?.join('/') ?? ''}`);
    await kubectl(...inMlflow, 'create', 'job', 'gc-killed', '--from=cronjob/mlflow-gc');
    const selector = ['--selector', 'job-name=gc-killed'];
    await eventually('gc is at work', async () => {
      const { output } = await tryKubectl(
        ...inMlflow,
        'get',
        'pods',
        ...selector,
        '--output',
        'jsonpath={.items[*].status.containerStatuses[*].state.running}',
      );
      return output !== '';
    });
    await kubectl(
      ...inMlflow,
      'delete',
      'job',
      'gc-killed',
      '--cascade=foreground',
      '--grace-period=0',
      '--force',
    );
    await runCronJob('mlflow-gc');
    expect(await sql("SELECT count(*) FROM runs WHERE lifecycle_stage = 'deleted'")).to.deep.equal(['0']);
    expect(await kubectl(...inServer, 'find', '/mlflow/artifacts', '-name', 'notes.txt')).to.equal('');
  });

  it('archives old traces, which stay readable', async () => {
    const log = `
import time
mlflow.set_experiment("traces")
past = int((time.time() - 3600) * 1e9)
span = mlflow.start_span_no_context("question", inputs={"text": "größe"}, start_time_ns=past)
span.end(outputs={"text": "数"}, end_time_ns=past + 10**9)
print(json.dumps(span.trace_id))`;
    const read = (trace: string) => `print(json.dumps(mlflow.get_trace("${trace}").data.spans[0].outputs))`;
    const trace = await stack.reach((url) => mlflow<string>(`${url}/tracking`, log, admin));
    const spans = () => sql(`SELECT count(*) FROM spans WHERE trace_id = '${trace}' AND content <> ''`);
    expect(await spans()).to.deep.equal(['1']);
    await runCronJob('mlflow-trace-archival');
    expect(await spans()).to.deep.equal(['0']);
    expect(await stack.reach((url) => mlflow(`${url}/tracking`, read(trace), admin))).to.deep.equal({
      text: '数',
    });
  });

  it('vacuums its database', () => runCronJob('mlflow-postgres-vacuum'));

  it('takes new passwords of administrator and database in one up, and keeps its keys', async () => {
    const keys = () => kubectl(...inMlflow, 'get', 'secret/mlflow-keys', '--output', 'jsonpath={.data}');
    const before = await keys();
    const { adminPassword: _, ...auth } = base.auth as Record<string, unknown>;
    const rotated = { ...base, auth, secrets: { rotation: { admin: 1, database: 1 } } };
    await stack.up(rotated);
    const outputs = await stack.outputs();
    const name = 'print(json.dumps(MlflowClient().get_experiment_by_name("garbage").name))';
    const now = { username: 'admin', password: String(outputs.adminPassword) };
    expect(await stack.reach((url) => mlflow(`${url}/tracking`, name, now))).to.equal('garbage');
    const [{ address } = { address: '' }] = await servingPods();
    const old = { port: 5000, host: 'localhost', path: '/tracking/version', headers: authorization(admin) };
    expect((await ask(address, old)).status).to.equal(401);
    expect(await keys()).to.equal(before);
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], rotated);
  });
});
