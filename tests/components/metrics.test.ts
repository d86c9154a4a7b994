import { expect } from 'chai';
import { MlflowServer, type MlflowServerArgs } from '../../components/index.ts';
import { auth, labelsOf, noParts, selectorOf, serverArgs } from '../support/args.ts';
import { container, plainEnv, podTemplate } from '../support/manifests.ts';
import { type Run, runStack } from '../support/mocks.ts';

type Metrics = MlflowServerArgs['metrics'];

const build = (metrics: Partial<Metrics> = {}, changes: Partial<MlflowServerArgs> = {}): Promise<Run> =>
  runStack(
    () =>
      void new MlflowServer('tracker', {
        ...serverArgs,
        metrics: { ...serverArgs.metrics, enabled: true, ...metrics },
        ...changes,
      }),
  );
const pod = (run: Run) => podTemplate(run.get('Deployment/tracker-deployment'));
const server = (run: Run) => container(run.get('Deployment/tracker-deployment'), 'mlflow');
const hosts = (run: Run) => plainEnv(server(run)).MLFLOW_SERVER_ALLOWED_HOSTS?.split(',') ?? [];
const monitor = 'ServiceMonitor/tracker-service-monitor';

describe('metrics', () => {
  it('are off by default, and pods cannot be called by their address then', async () => {
    const run = await build({ enabled: false, discovery: 'serviceMonitor' });
    expect(server(run).args).not.to.include('--expose-prometheus');
    expect(hosts(run).filter((host) => host.includes('POD_IP'))).to.deep.equal([]);
    expect(run.resources.map(({ id }) => id)).not.to.include(monitor);
  });

  it('are summed over the processes of a pod, in a folder that it may write to', async () => {
    const run = await build();
    expect(server(run).args?.slice(-2)).to.deep.equal(['--expose-prometheus', '/metrics-data']);
    expect(server(run))
      .to.have.property('volumeMounts')
      .that.deep.includes({ name: 'metrics', mountPath: '/metrics-data' });
    expect(pod(run)?.spec.volumes).to.deep.include({ name: 'metrics', emptyDir: { sizeLimit: '64Mi' } });
  });

  it("are given to who calls a pod by its address, of either kind, and by nobody else's", async () => {
    const run = await build();
    // What Kubernetes fills in must be declared before it is used.
    const names = server(run).env?.map(({ name }) => name) ?? [];
    expect(names.indexOf('POD_IP')).to.be.within(0, names.indexOf('MLFLOW_SERVER_ALLOWED_HOSTS'));
    expect(server(run).env).to.deep.include({
      name: 'POD_IP',
      valueFrom: { fieldRef: { fieldPath: 'status.podIP' } },
    });
    expect(hosts(run).slice(-2)).to.deep.equal(['$(POD_IP):5000', '[$(POD_IP)]:5000']);
  });

  it('are found by annotations, which the user may add to', async () => {
    const scrape = {
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': '5000',
      'prometheus.io/path': '/metrics',
    };
    expect(pod(await build())?.metadata.annotations).to.deep.equal(scrape);
    const annotations = { 'prometheus.io/scheme': 'http', 'prometheus.io/port': '9000' };
    const own = await build({}, { pod: { ...noParts, annotations } });
    expect(pod(own)?.metadata.annotations).to.deep.equal({ ...scrape, ...annotations });
    const secure = await build({}, { tls: { enabled: true, secretName: 'server-tls' } });
    expect(pod(secure)?.metadata.annotations).to.deep.equal({ ...scrape, 'prometheus.io/scheme': 'https' });
    const unprefixed = await build({}, { staticPrefix: '/mlflow' });
    expect(pod(unprefixed)?.metadata.annotations).to.deep.equal(scrape);
  });

  it('are found by a ServiceMonitor instead', async () => {
    const run = await build({ discovery: 'serviceMonitor', labels: { release: 'prometheus' } });
    expect(pod(run)?.metadata.annotations).to.deep.equal({});
    expect(run.get(monitor).inputs).to.deep.equal({
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'ServiceMonitor',
      metadata: {
        name: 'tracker',
        namespace: 'team-a',
        labels: { ...labelsOf('tracking-server'), release: 'prometheus' },
      },
      spec: {
        selector: { matchLabels: selectorOf('tracking-server') },
        endpoints: [{ port: 'http', path: '/metrics', interval: '15s' }],
      },
    });
    const tls = { enabled: true, secretName: 'server-tls' };
    const secure = await build({ discovery: 'serviceMonitor' }, { tls });
    expect(secure.get(monitor).inputs.spec).to.deep.include({
      endpoints: [
        {
          port: 'https',
          path: '/metrics',
          interval: '15s',
          scheme: 'https',
          tlsConfig: {
            ca: { secret: { name: 'server-tls', key: 'ca.crt' } },
            serverName: 'tracker.team-a.svc',
          },
        },
      ],
    });
    expect(secure.get('Service/tracker-service').inputs.spec).to.have.nested.property(
      'ports[0].name',
      'https',
    );
    // It looks for Services with these labels, and for their port by name.
    const { metadata, spec } = run.get('Service/tracker-service').inputs;
    expect(metadata).to.have.property('labels').that.includes(selectorOf('tracking-server'));
    expect(spec).to.have.nested.property('ports[0].name', 'http');
  });

  it('come with alerts that a Prometheus chooses by label, and a dashboard that Grafana finds by label', async () => {
    const run = await build({ alerts: true, dashboard: true, labels: { release: 'prometheus' } });
    const { metadata, spec } = run.get('PrometheusRule/tracker-prometheus-rule').inputs;
    expect(metadata).to.deep.equal({
      name: 'tracker',
      namespace: 'team-a',
      labels: { ...labelsOf('tracking-server'), release: 'prometheus' },
    });
    expect(spec).to.have.nested.property('groups[0].rules').that.has.lengthOf(4);
    const { inputs } = run.get('ConfigMap/tracker-dashboard');
    expect(inputs).to.have.nested.property('metadata.labels.grafana_dashboard', '1');
    const { 'mlflow.json': json } = inputs.data as Record<string, string>;
    expect(JSON.parse(json ?? '')).to.include({ title: 'MLflow (team-a)' });
    const kinds = (await build()).resources.map(({ id }) => id.split('/')[0]);
    expect(kinds).not.to.include.oneOf(['PrometheusRule', 'ConfigMap']);
  });
});

describe('metrics of a server with users', () => {
  const withUsers = (metrics: Partial<Metrics> = {}) => build(metrics, { auth });

  it('are scraped with the log-in of a user', async () => {
    const run = await withUsers({ discovery: 'serviceMonitor' });
    const key = (name: string) => ({ name: 'scraper-secret', key: name });
    expect(run.get(monitor).inputs.spec).to.have.deep.nested.property('endpoints[0].basicAuth', {
      username: key('username'),
      password: key('password'),
    });
  });
});
