import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { checkCluster } from '../../cluster/preflight.ts';
import { type Settings, parseSettings } from '../../config.ts';
import { type Answers, list, readyCluster, startApiServer } from '../support/api-server.ts';
import { kubeconfig } from '../support/kubeconfig.ts';
import { type Registered, runStack } from '../support/mocks.ts';
import { runProgram } from '../support/program.ts';

const storageClasses = '/apis/storage.k8s.io/v1/storageclasses';
const ingressClasses = '/apis/networking.k8s.io/v1/ingressclasses';
const own = { 'app.kubernetes.io/managed-by': 'pulumi', 'app.kubernetes.io/instance': 'mlflow-stack.test' };
const foreign = { 'app.kubernetes.io/managed-by': 'Helm' };
const namespace = (metadata: object = {}) => ({
  '/api/v1/namespaces/mlflow': { metadata: { name: 'mlflow', ...metadata } },
});

function settingsOf(changes: object): Settings {
  return parseSettings({ cloud: 'local', kubernetes: { context: 'test' }, ...changes });
}

interface Outcome {
  readonly mistakes: string[];
  readonly warnings: string[];
  readonly paths: string[];
}

/** What the checks say of a cluster that answers like a ready one, but for these answers. */
async function check(answers: Answers, changes: object = {}): Promise<Outcome> {
  const api = await startApiServer();
  api.answers = { ...readyCluster(), ...answers };
  const access = { context: 'test', kubeconfig: `#\n${kubeconfig({ cluster: { server: api.url } })}` };
  let mistakes: string[] = [];
  try {
    const { warnings } = await runStack(async () => {
      const error = await checkCluster(access, settingsOf(changes)).catch((reason: unknown) => reason);
      if (error !== undefined) mistakes = lines(error).map((line) => line.replaceAll(api.url, 'URL'));
    });
    return { mistakes, warnings, paths: api.requests.map(({ path }) => path) };
  } finally {
    await api.close();
  }
}

/** The mistakes in a message for the user. */
function lines(error: unknown): string[] {
  expect(pulumi.RunError.isInstance(error), String(error)).to.equal(true);
  const [title, ...mistakes] = (error as Error).message.split('\n');
  expect(title).to.equal('The cluster of context "test" is not ready for this stack:');
  return mistakes.map((mistake) => mistake.trim());
}

const named = {
  artifactStore: { storageClassName: 'slow' },
  backendStore: { storageClassName: 'fast' },
  ingress: { enabled: true, className: 'nginx', hosts: ['a.example'] },
};

function classes(): Answers {
  return {
    [storageClasses]: list({ name: 'slow' }, { name: 'fast' }),
    [ingressClasses]: list({ name: 'nginx' }),
  };
}

/** Some objects with names that the stack uses, with these labels. */
function objects(labels: object): Answers {
  const inNamespace = (group: string, path: string) => [
    `/${group}/namespaces/mlflow/${path}`,
    { metadata: { name: path.split('/')[1], labels } },
  ];
  return Object.fromEntries([
    inNamespace('api/v1', 'services/mlflow'),
    inNamespace('apis/apps/v1', 'statefulsets/mlflow-postgres'),
    inNamespace('apis/networking.k8s.io/v1', 'ingresses/mlflow-ingress'),
  ]) as Answers;
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
      { ingress: { enabled: true, hosts: ['a.example'] } },
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
      'without the IngressClass of the settings',
      {},
      { ingress: { enabled: true, className: 'nginx', hosts: ['a.example'] } },
      [
        'the cluster has no IngressClass "nginx" (it has traefik); name one in mlflow-stack:ingress.className',
      ],
    ],
    [
      'without a default IngressClass',
      {},
      { ingress: { enabled: true, hosts: ['a.example'] } },
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
      { namespace: { create: false }, ingress: { enabled: true, className: 'nginx', hosts: ['a.example'] } },
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
  it('is skipped with a warning', async () => {
    const forbidden = { [storageClasses]: 403, [ingressClasses]: 403, '/api/v1/namespaces/mlflow': 403 };
    const { mistakes, warnings } = await check(forbidden, {
      ingress: { enabled: true, hosts: ['a.example'] },
    });
    expect(mistakes).to.deep.equal([]);
    expect(warnings).to.have.members([
      'Not checked, since your log-in may not read it: the StorageClasses.',
      'Not checked, since your log-in may not read it: the IngressClasses.',
      'Not checked, since your log-in may not read it: namespace mlflow.',
    ]);
  });
});

describe('what the stack does not need', () => {
  it('is not asked for', async () => {
    const { paths } = await check({}, { ingress: { enabled: false } });
    expect(paths).to.have.members(['/version', storageClasses, '/api/v1/namespaces/mlflow']);
  });
});
