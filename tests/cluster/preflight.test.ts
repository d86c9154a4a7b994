import { expect } from 'chai';
import { checkCluster } from '../../cluster/preflight.ts';
import { type Answers, list, readyCluster, startApiServer } from '../support/api-server.ts';
import { kubeconfig } from '../support/kubeconfig.ts';
import type { Registered } from '../support/mocks.ts';
import { runProgram } from '../support/program.ts';
import { check, foreign, lines, namespace, object, own, secret, settingsOf } from './support/check.ts';

const storageClasses = '/apis/storage.k8s.io/v1/storageclasses';
const ingressClasses = '/apis/networking.k8s.io/v1/ingressclasses';

const named = {
  artifactStore: { storageClassName: 'slow' },
  backendStore: { storageClassName: 'fast' },
  ingress: { enabled: true, className: 'nginx', hosts: ['a.localhost'] },
};

const onAws = {
  cloud: 'aws',
  aws: {
    region: 'eu-west-1',
    clusterName: 'mlflow',
    subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
  },
};

function classes(): Answers {
  return {
    [storageClasses]: list({ name: 'slow' }, { name: 'fast' }),
    [ingressClasses]: list({ name: 'nginx' }),
  };
}

/** Some objects with names that the stack uses, with these labels. */
function objects(labels: object): Answers {
  const template = { spec: { containers: [] } };
  return {
    ...object('api/v1/services/mlflow', {}, { labels }),
    ...object('apis/apps/v1/statefulsets/mlflow-postgres', { spec: { template } }, { labels }),
    ...object('apis/networking.k8s.io/v1/ingresses/mlflow-ingress', {}, { labels }),
  };
}

describe('a cluster is ready', () => {
  for (const [title, answers, changes] of [
    ['when it is empty', {}, {}],
    ['when the stack is there already', { ...namespace({ labels: own }), ...objects(own) }, {}],
    ['with any StorageClass and IngressClass that the settings name', classes(), named],
    [
      'with a default IngressClass where the settings name none',
      {
        [ingressClasses]: list({
          name: 'nginx',
          annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' },
        }),
      },
      { ingress: { enabled: true, hosts: ['a.localhost'] } },
    ],
    [
      'with a namespace of others that the settings share',
      namespace({ labels: foreign }),
      { namespace: { create: false } },
    ],
    [
      'at the oldest version that is supported, with its suffix',
      { '/version': { major: '1', minor: '29+' } },
      {},
    ],
  ] as const) {
    it(title, async () => {
      expect(await check(answers, changes)).to.deep.include({ mistakes: [], warnings: [] });
    });
  }
});

describe('a cluster is refused in a clear sentence', () => {
  const noStorage =
    'name one in mlflow-stack:artifactStore.storageClassName, backendStore.storageClassName or server.tmpStorageClassName';
  const remedy = `remove it, or choose another mlflow-stack:namespace.name`;
  for (const [title, answers, changes, expected] of [
    [
      'when it is too old',
      { '/version': { major: '1', minor: '28+' } },
      {},
      ['the cluster runs Kubernetes 1.28; upgrade it to 1.29 or newer'],
    ],
    [
      'when it is none',
      { '/version': 404 },
      {},
      ['URL/ answers, but is no Kubernetes API server; mend the kubeconfig'],
    ],
    [
      'when it does not know the user',
      { '/version': 401 },
      {},
      ['the cluster at URL/ refuses the log-in of the kubeconfig; log in again'],
    ],
    [
      'when it is not well',
      { '/version': 503 },
      {},
      [
        'the cluster at URL/ does not answer (GET /version was answered with 503: {}); start it, or name another context in mlflow-stack:kubernetes.context',
      ],
    ],
    [
      'without any StorageClass',
      { [storageClasses]: list() },
      {},
      [`the cluster has no default StorageClass (it has none); ${noStorage}`],
    ],
    [
      'without a default StorageClass',
      { [storageClasses]: list({ name: 'a' }, { name: 'b', annotations: {} }) },
      {},
      [`the cluster has no default StorageClass (it has a, b); ${noStorage}`],
    ],
    [
      'without the StorageClass of the settings',
      {},
      { backendStore: { storageClassName: 'fast' }, artifactStore: { storageClassName: 'standard' } },
      [`the cluster has no StorageClass "fast" (it has standard); ${noStorage}`],
    ],
    [
      'without a namespace of clients, or with what is not the stack’s own in one',
      {
        '/api/v1/namespaces/team-b': { metadata: { name: 'team-b' } },
        '/api/v1/namespaces/team-b/configmaps/mlflow-client': { metadata: { name: 'x', labels: foreign } },
        '/api/v1/namespaces/team-b/secrets/mlflow-client': { metadata: { name: 'x', labels: own } },
      },
      { clientEnv: { namespaces: ['team-a', 'team-b'] } },
      [
        'namespace "team-a", which mlflow-stack:clientEnv.namespaces names, does not exist; create it',
        'ConfigMap "mlflow-client" exists in namespace "team-b" and is not this stack\'s own; remove it, or take the namespace out of mlflow-stack:clientEnv.namespaces',
      ],
    ],
    [
      'without a namespace of programs',
      {},
      { ...onAws, clientIdentity: { enabled: true, namespace: 'team-a' } },
      ['namespace "team-a", which mlflow-stack:clientIdentity.namespace names, does not exist; create it'],
    ],
    [
      'with a ServiceAccount of somebody else where that of programs is to be',
      {
        '/api/v1/namespaces/team-a': { metadata: { name: 'team-a' } },
        '/api/v1/namespaces/team-a/serviceaccounts/trainer': { metadata: { name: 'x', labels: foreign } },
      },
      { ...onAws, clientIdentity: { enabled: true, namespace: 'team-a', serviceAccount: 'trainer' } },
      [
        'ServiceAccount "trainer" exists in namespace "team-a" and is not this stack\'s own; remove it, or choose another mlflow-stack:clientIdentity.serviceAccount',
      ],
    ],
    [
      'without the IngressClass of the settings',
      {},
      { ingress: { enabled: true, className: 'nginx', hosts: ['a.localhost'] } },
      [
        'the cluster has no IngressClass "nginx" (it has traefik); name one in mlflow-stack:ingress.className',
      ],
    ],
    [
      'without a default IngressClass',
      {},
      { ingress: { enabled: true, hosts: ['a.localhost'] } },
      [
        'the cluster has no default IngressClass (it has traefik); name one in mlflow-stack:ingress.className',
      ],
    ],
    [
      'when the namespace belongs to somebody else',
      namespace({ labels: foreign }),
      {},
      [
        'namespace "mlflow" exists and is not this stack\'s own; choose another mlflow-stack:namespace.name, or set mlflow-stack:namespace.create to false to use it as it is',
      ],
    ],
    [
      'when the namespace belongs to another stack',
      namespace({ labels: { ...own, 'app.kubernetes.io/instance': 'mlflow-stack.other' } }),
      {},
      [
        'namespace "mlflow" exists and is not this stack\'s own; choose another mlflow-stack:namespace.name, or set mlflow-stack:namespace.create to false to use it as it is',
      ],
    ],
    [
      'when a shared namespace is not there',
      {},
      { namespace: { create: false } },
      ['namespace "mlflow" does not exist; create it, or set mlflow-stack:namespace.create to true'],
    ],
    [
      'while the namespace is being deleted',
      namespace({ labels: own, deletionTimestamp: '2026-11-24T00:00:00Z' }),
      {},
      ['namespace "mlflow" is being deleted; wait until it is gone'],
    ],
    [
      "when somebody else's objects have names that the stack needs",
      { ...namespace(), ...objects(foreign) },
      { namespace: { create: false } },
      ['Service "mlflow"', 'StatefulSet "mlflow-postgres"', 'Ingress "mlflow-ingress"'].map(
        (object) => `${object} exists in namespace "mlflow" and is not this stack's own; ${remedy}`,
      ),
    ],
    [
      'with all that is wrong in one message',
      { '/version': { major: '1', minor: '20' }, [storageClasses]: list(), [ingressClasses]: list() },
      {
        namespace: { create: false },
        ingress: { enabled: true, className: 'nginx', hosts: ['a.localhost'] },
      },
      [
        'the cluster runs Kubernetes 1.20; upgrade it to 1.29 or newer',
        `the cluster has no default StorageClass (it has none); ${noStorage}`,
        'the cluster has no IngressClass "nginx" (it has none); name one in mlflow-stack:ingress.className',
        'namespace "mlflow" does not exist; create it, or set mlflow-stack:namespace.create to true',
      ],
    ],
  ] as const) {
    it(title, async () => {
      expect((await check(answers, changes)).mistakes).to.deep.equal(expected);
    });
  }

  it('when it does not answer', async () => {
    const api = await startApiServer();
    await api.close();
    const access = { context: 'test', kubeconfig: `#\n${kubeconfig({ cluster: { server: api.url } })}` };
    const error = await checkCluster(access, settingsOf({})).catch((reason: unknown) => reason);
    const { port, host } = new URL(api.url);
    expect(lines(error)).to.deep.equal([
      `the cluster at http://${host}/ does not answer (connect ECONNREFUSED 127.0.0.1:${port}); ` +
        'start it, or name another context in mlflow-stack:kubernetes.context',
    ]);
  });

  it('when the kubeconfig lacks the context', async () => {
    const access = { context: 'test', kubeconfig: `#\n${kubeconfig({ context: 'kind' })}` };
    const error = await checkCluster(access, settingsOf({})).catch((reason: unknown) => reason);
    expect(lines(error)[0]).to.match(/^mlflow-stack:kubernetes\.context is "test".*contexts there: kind\./);
  });

  it('before anything of the stack is registered', async () => {
    const settings = { 'mlflow-stack:cloud': 'local', 'mlflow-stack:kubernetes': { context: 'test' } };
    const cluster = { ...readyCluster(), ...namespace({ labels: foreign }) };
    const registered: Registered[] = [];
    const error = await runProgram(settings, { cluster, registered }).catch((reason: unknown) => reason);
    expect(lines(error).join()).to.include("is not this stack's own");
    expect(registered.map(({ type }) => type)).to.deep.equal(['pulumi:pulumi:Stack']);
  });
});

describe('what the user may not read', () => {
  it('is skipped, with one warning for all of it', async () => {
    const forbidden = { [storageClasses]: 403, [ingressClasses]: 403, '/api/v1/namespaces/mlflow': 403 };
    const { mistakes, warnings } = await check(forbidden, {
      ingress: { enabled: true, hosts: ['a.localhost'] },
    });
    expect(mistakes).to.deep.equal([]);
    expect(warnings).to.deep.equal([
      'Not checked, since your log-in may not read it: namespace mlflow, the IngressClasses, the StorageClasses.',
    ]);
  });
});

describe('what the stack does not need', () => {
  it('is not asked for', async () => {
    const { paths } = await check({}, { ingress: { enabled: false } });
    expect(paths.map((path) => path.replace(/\?.*/, ''))).to.have.members([
      '/version',
      storageClasses,
      '/api/v1/namespaces/mlflow',
      '/api/v1/persistentvolumeclaims',
    ]);
  });

  it('is not missed', async () => {
    const changes = {
      artifactStore: { kind: 'external', uri: 'gs://bucket/path' },
      backendStore: { kind: 'external', host: 'db.example', connectionFrom: { secretName: 'db' } },
      namespace: { create: false },
    };
    const { mistakes } = await check(
      {
        ...namespace(),
        [storageClasses]: list(),
        ...secret('db', { username: 'mlflow', password: 'p' }),
      },
      changes,
    );
    expect(mistakes).to.deep.equal([]);
  });
});

describe('an add-on that the settings need', () => {
  const monitors = { metrics: { enabled: true, discovery: 'serviceMonitor' } };
  const vertical = { autoscaling: { enabled: true, kind: 'vertical' } };
  const api = (path: string, kind: string) => ({ [path]: { resources: [{ kind }] } });

  for (const [title, answers, changes, expected] of [
    [
      'may be missing',
      {},
      { ...monitors, ...vertical },
      [
        'the cluster does not know the kind ServiceMonitor (monitoring.coreos.com/v1); install the Prometheus Operator, or set mlflow-stack:metrics.discovery to annotations',
        'the cluster does not know the kind VerticalPodAutoscaler (autoscaling.k8s.io/v1); install the Vertical Pod Autoscaler, or set mlflow-stack:autoscaling.kind to horizontal',
      ],
    ],
    [
      'may lack the kind',
      api('/apis/monitoring.coreos.com/v1', 'PodMonitor'),
      monitors,
      [
        'the cluster does not know the kind ServiceMonitor (monitoring.coreos.com/v1); install the Prometheus Operator, or set mlflow-stack:metrics.discovery to annotations',
      ],
    ],
    [
      'may be there',
      {
        ...api('/apis/monitoring.coreos.com/v1', 'ServiceMonitor'),
        ...api('/apis/autoscaling.k8s.io/v1', 'VerticalPodAutoscaler'),
      },
      { ...monitors, ...vertical },
      [],
    ],
    ['may be unknown', { '/apis/monitoring.coreos.com/v1': 403 }, monitors, []],
  ] as const) {
    it(title, async () => expect((await check(answers, changes)).mistakes).to.deep.equal(expected));
  }
});

describe('the controller of an Ingress', () => {
  const ingress = { enabled: true, hosts: ['a.localhost'] };
  const ingressClass = (name: string, controller: string, annotations: object = {}) => ({
    [ingressClasses]: { items: [{ metadata: { name, annotations }, spec: { controller } }] },
  });
  const asDefault = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
  const nginx = 'k8s.io/ingress-nginx';
  const mismatch = (name: string, implementation: string, controller: string) =>
    `IngressClass "${name}" belongs to the controller ${implementation}, which mlflow-stack:ingress.className does not tell; ` +
    `set mlflow-stack:ingress.controller to ${controller}`;

  for (const [title, answers, changes, expected] of [
    ['is what its class says', ingressClass('nginx', nginx), { className: 'nginx' }, []],
    ['may be one that nobody knows', ingressClass('any', 'any/controller'), { className: 'any' }, []],
    [
      'must be told where the name of its class does not',
      ingressClass('public', nginx),
      { className: 'public' },
      [mismatch('public', nginx, 'nginx')],
    ],
    [
      'must be told where its class is the default one',
      ingressClass('nginx', nginx, asDefault),
      {},
      [mismatch('nginx', nginx, 'nginx')],
    ],
    [
      'must be told where the name of its class misleads',
      ingressClass('nginx', 'nginx.org/ingress-controller'),
      { className: 'nginx' },
      [mismatch('nginx', 'nginx.org/ingress-controller', 'other')],
    ],
    ['may be told', ingressClass('public', nginx), { className: 'public', controller: 'nginx' }, []],
    ['may be told otherwise', ingressClass('nginx', nginx), { className: 'nginx', controller: 'other' }, []],
    [
      'brings its own kinds',
      {},
      { className: 'traefik', tls: [{}], allowedCidrs: ['10.0.0.0/8'] },
      [
        'the cluster does not know the kind Middleware (traefik.io/v1alpha1); install the custom resource definitions of Traefik, or limit the sources at the load balancer and leave mlflow-stack:ingress.allowedCidrs out',
      ],
    ],
    [
      'needs no kinds for what it does itself',
      {},
      { className: 'traefik', tls: [{}], redirectHttp: false },
      [],
    ],
    [
      'of GKE has no class, but kinds',
      {},
      { className: 'gce', tls: [{}] },
      ['BackendConfig (cloud.google.com/v1)', 'FrontendConfig (networking.gke.io/v1beta1)'].map(
        (kind) =>
          `the cluster does not know the kind ${kind}; class gce is for GKE with its HTTP load balancing switched on; choose another class`,
      ),
    ],
  ] as const) {
    it(title, async () => {
      const { mistakes } = await check(answers, { ingress: { ...ingress, ...changes } });
      expect(mistakes).to.deep.equal(expected);
    });
  }
});

describe('the Gateway of a route', () => {
  const api = { '/apis/gateway.networking.k8s.io/v1': { resources: [{ kind: 'HTTPRoute' }] } };
  const listener = (name: string, protocol: string, from?: string) => ({
    name,
    protocol,
    port: protocol === 'HTTPS' ? 443 : 80,
    ...(from && { allowedRoutes: { namespaces: { from } } }),
  });
  const gateway = (home: string, ...listeners: object[]) => ({
    ...api,
    [`/apis/gateway.networking.k8s.io/v1/namespaces/${home}/gateways/edge`]: { spec: { listeners } },
  });
  const named = 'Gateway "edge", which mlflow-stack:httpRoute.parentRefs[0] names,';
  const both = [listener('web', 'HTTP'), listener('websecure', 'HTTPS')];

  for (const [title, answers, parent, tls, expected] of [
    ['lets it in', gateway('mlflow', ...both), {}, true, []],
    [
      'may be in another namespace',
      gateway('edge', listener('web', 'HTTP', 'All')),
      { namespace: 'edge' },
      false,
      [],
    ],
    [
      'needs the Gateway API',
      {},
      {},
      false,
      [
        'the cluster does not know the kind HTTPRoute (gateway.networking.k8s.io/v1); install the Gateway API, or use mlflow-stack:ingress',
      ],
    ],
    ['may be missing', api, {}, false, [`${named} does not exist in namespace "mlflow"; create it`]],
    [
      'may be missing in another namespace',
      gateway('mlflow', ...both),
      { namespace: 'edge' },
      false,
      [`${named} does not exist in namespace "edge"; create it`],
    ],
    [
      'may lack the listener',
      gateway('mlflow', ...both),
      { sectionName: 'https' },
      false,
      [`${named} has no such listener (it has web at port 80, websecure at port 443); name one of them`],
    ],
    [
      'may have the listener at another port',
      gateway('mlflow', ...both),
      { sectionName: 'web', port: 8080 },
      false,
      [`${named} has no such listener (it has web at port 80, websecure at port 443); name one of them`],
    ],
    [
      'may keep to its own namespace',
      gateway('edge', ...both),
      { namespace: 'edge' },
      false,
      [
        `${named} lets in only routes of its own namespace; set allowedRoutes.namespaces.from of its listener to All or Selector`,
      ],
    ],
    [
      'may serve no HTTPS',
      gateway('mlflow', ...both),
      { sectionName: 'web' },
      true,
      [
        `${named} serves no HTTPS, but mlflow-stack:httpRoute.tls is true; set it to false, or name another listener`,
      ],
    ],
    [
      'may serve no HTTP',
      gateway('mlflow', ...both),
      { port: 443 },
      false,
      [
        `${named} serves no HTTP, but mlflow-stack:httpRoute.tls is false; set it to true, or name another listener`,
      ],
    ],
    [
      'may be unknown',
      { ...api, '/apis/gateway.networking.k8s.io/v1/namespaces/mlflow/gateways/edge': 403 },
      {},
      false,
      [],
    ],
  ] as const) {
    it(title, async () => {
      const parentRefs = [{ name: 'edge', ...parent }];
      const { mistakes } = await check(answers, {
        httpRoute: { enabled: true, hosts: ['a.localhost'], tls, parentRefs },
      });
      expect(mistakes).to.deep.equal(expected);
    });
  }
});

describe('the issuer of a certificate', () => {
  const managers = (kind: string) => ({ '/apis/cert-manager.io/v1': { resources: [{ kind }] } });
  const issuer = { ...namespace({ labels: own }), ...managers('Issuer') };
  for (const [title, answers, certificate, expected] of [
    [
      'needs cert-manager',
      {},
      { issuer: 'ca' },
      [
        'the cluster does not know the kind Issuer (cert-manager.io/v1); install cert-manager, or use mlflow-stack:ingress.tls',
      ],
    ],
    [
      'may be missing in the namespace',
      issuer,
      { issuer: 'ca' },
      [
        'Issuer "ca", which mlflow-stack:ingress.certificate.issuer names, does not exist in namespace "mlflow"; create it',
      ],
    ],
    [
      'may be in the namespace',
      { ...issuer, ...object('apis/cert-manager.io/v1/issuers/ca') },
      { issuer: 'ca' },
      [],
    ],
    [
      'may be missing in the cluster',
      managers('ClusterIssuer'),
      { clusterIssuer: 'public' },
      [
        'ClusterIssuer "public", which mlflow-stack:ingress.certificate.clusterIssuer names, does not exist; create it',
      ],
    ],
    [
      'may be in the cluster',
      { ...managers('ClusterIssuer'), '/apis/cert-manager.io/v1/clusterissuers/public': {} },
      { clusterIssuer: 'public' },
      [],
    ],
  ] as const) {
    it(title, async () => {
      const ingress = { enabled: true, hosts: ['a.localhost'], className: 'traefik', redirectHttp: false };
      const { mistakes } = await check(answers, { ingress: { ...ingress, certificate } });
      expect(mistakes).to.deep.equal(expected);
    });
  }
});

describe('a version that cannot follow the one that is there', () => {
  const deployment = (image: string, annotations: object = {}) => ({
    ...namespace({ labels: own }),
    ...object(
      'apis/apps/v1/deployments/mlflow',
      { spec: { replicas: 2, template: { spec: { containers: [{ name: 'mlflow', image }] } } } },
      { annotations },
    ),
  });
  const database = (image: string, readyReplicas = 1) => ({
    ...namespace({ labels: own }),
    ...object('apis/apps/v1/statefulsets/mlflow-postgres', {
      spec: { template: { spec: { containers: [{ name: 'postgres', image }] } } },
      status: { readyReplicas },
    }),
  });
  const older = { server: { image: { tag: 'v3.16.1-full' } } };

  it('is an older MLflow', async () => {
    const image = 'ghcr.io/mlflow/mlflow:v3.17.2-full';
    const text =
      'mlflow-stack:server.image.tag is v3.16.1-full, but MLflow 3.17.2 is deployed, and going back needs a database from before the upgrade';
    expect((await check(deployment(image), older)).mistakes).to.deep.equal([
      `${text}: docs/upgrade.md#going-back`,
    ]);
    const copied = deployment(image, { 'mlflow-stack/snapshot': 'mlflow_before_1a2b' });
    expect((await check(copied, older)).mistakes).to.deep.equal([
      `${text}, such as the copy mlflow_before_1a2b that the stack made: docs/upgrade.md#going-back`,
    ]);
  });

  for (const [title, image, annotations] of [
    ['the same', 'ghcr.io/mlflow/mlflow:v3.16.1-full', {}],
    ['newer', 'mirror:5000/mlflow:3.15.0', {}],
    ['what the annotation says', 'mlflow:v3.17.2', { 'mlflow-stack/mlflow-version': '3.16.1' }],
    ['unknown', 'mlflow@sha256:0123', {}],
  ] as const) {
    it(`is not one that is ${title}`, async () => {
      expect((await check(deployment(image, annotations), older)).mistakes).to.deep.equal([]);
    });
  }

  for (const [running, next, versions] of [
    ['docker.io/library/postgres:15.18', 'postgres:16.4', '15'],
    ['postgres:15.18-alpine', 'pgvector/pgvector:pg17', '15'],
    ['postgres:16', 'mirror:5000/postgres:9.6', '16'],
  ] as const) {
    it(`is ${next} after ${running}`, async () => {
      expect((await check(database(running), { backendStore: { image: next } })).mistakes).to.deep.equal([
        `StatefulSet "mlflow-postgres" runs PostgreSQL ${versions}, but mlflow-stack:backendStore.image is ${next}, which cannot read its files; choose an image of version ${versions}, or move the data: docs/upgrade.md#moving-data`,
      ]);
    });
  }

  for (const [running, next] of [
    ['postgres:15.17', 'docker.io/library/postgres:15.18'],
    [`postgres@sha256:${'1'.repeat(64)}`, 'postgres:16.4'],
    ['postgres:15.17', `mirror:5000/postgres@sha256:${'1'.repeat(64)}`],
    ['postgres:latest', 'postgres:16.4'],
  ] as const) {
    it(`is not ${next} after ${running}`, async () => {
      const { mistakes } = await check(database(running), { backendStore: { image: next } });
      expect(mistakes).to.deep.equal([]);
    });
  }

  it('is not an image that takes the place of one that never came up', async () => {
    const { mistakes } = await check(database('localhost/no-such-postgres:1', 0));
    expect(mistakes).to.deep.equal([]);
  });
});
