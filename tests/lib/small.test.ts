// The small pure functions, a table each.
import { expect } from 'chai';
import { dataOptions } from '../../lib/data-protection.ts';
import { secretMark, shortHash } from '../../lib/hash.ts';
import { compareVersions, imageReference, mlflowVersion } from '../../lib/image.ts';
import { isOwn, objectLabels, selectorLabels } from '../../lib/labels.ts';
import { plannedObjects } from '../../lib/names.ts';
import { nextCommands } from '../../lib/next-commands.ts';
import { parseQuantity } from '../../lib/quantity.ts';
import { scripts } from '../../lib/scripts.ts';
import { runStack } from '../support/mocks.ts';

describe('a quantity', () => {
  for (const [text, value] of [
    ['0', 0],
    ['1', 1],
    ['250m', 0.25],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['512Mi', 512 * 2 ** 20],
    ['10Ki', 10240],
    ['2k', 2000],
    ['1M', 1e6],
    ['1T', 1e12],
    ['1Pi', 2 ** 50],
    ['', undefined],
    ['Gi', undefined],
    ['-1', undefined],
    ['1 Gi', undefined],
    ['1GB', undefined],
    ['1K', undefined],
    ['1.Gi', undefined],
    ['1constructor', undefined],
  ] as const) {
    it(`"${text}" ${value === undefined ? 'is refused' : `stands for ${value}`}`, () => {
      expect(parseQuantity(text)).to.equal(value);
    });
  }
});

describe('a short hash', () => {
  it('is the same however keys are ordered, also further down', () => {
    expect(shortHash({ a: 1, b: { c: [{ d: 1, e: 2 }] } })).to.equal(
      shortHash({ b: { c: [{ e: 2, d: 1 }] }, a: 1 }),
    );
  });

  it('differs with every value, key and order of a list', () => {
    const values = [
      { a: 1 },
      { a: '1' },
      { a: 2 },
      { b: 1 },
      { a: [1, 2] },
      { a: [2, 1] },
      {},
      [],
      null,
      'a',
      '',
    ];
    expect(new Set(values.map(shortHash)).size).to.equal(values.length);
  });

  it('is fit for a name in Kubernetes', () => expect(shortHash('')).to.match(/^[0-9a-f]{8}$/));
});

describe('the mark of a secret', () => {
  const mark = secretMark('correct horse', 'stack');

  it('is always the same, and changes with the secret', () => {
    expect(secretMark('correct horse', 'stack')).to.equal(mark);
    expect(secretMark('correct horsf', 'stack')).not.to.equal(mark);
  });

  it('tells nobody that two stacks have the same secret', () => {
    expect(secretMark('correct horse', 'other-stack')).not.to.equal(mark);
  });

  it('shows nothing of the secret', () => expect(mark).to.match(/^[0-9a-f]{16}$/));
});

describe('a version', () => {
  for (const [one, relation, other] of [
    ['3.17.2', 'is the same as', '3.17.2'],
    ['3.9.0', 'is older than', '3.10.0'],
    ['3.17.2', 'is older than', '3.17.10'],
    ['2.22.4', 'is older than', '3.0.0'],
    ['3.10.0', 'is newer than', '3.9.9'],
    ['4.0.0', 'is newer than', '3.99.99'],
    ['3.17.1', 'is newer than', '3.17.0'],
  ] as const) {
    it(`${one} ${relation} ${other}`, () => {
      const sign = { 'is older than': -1, 'is the same as': 0, 'is newer than': 1 }[relation];
      expect(Math.sign(compareVersions(one, other))).to.equal(sign);
    });
  }
});

describe('an image', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  for (const [tag, withDigest, reference, version] of [
    ['v3.17.2-full', undefined, 'ghcr.io/mlflow/mlflow:v3.17.2-full', '3.17.2'],
    ['3.17.2', digest, `ghcr.io/mlflow/mlflow:3.17.2@${digest}`, '3.17.2'],
    ['v10.0.11-mycompany1', undefined, 'ghcr.io/mlflow/mlflow:v10.0.11-mycompany1', '10.0.11'],
  ] as const) {
    it(`with tag ${tag} holds MLflow ${version}`, () => {
      const image = { repository: 'ghcr.io/mlflow/mlflow', tag, digest: withDigest };
      expect(imageReference(image)).to.equal(reference);
      expect(mlflowVersion(image)).to.equal(version);
    });
  }
});

describe('labels', () => {
  const inStack = (check: () => void) => () => runStack(check, { stack: 'prod' });

  it(
    'tell component and stack; selectors take a part of them',
    inStack(() => {
      expect(objectLabels('gc')).to.deep.equal({
        'app.kubernetes.io/name': 'mlflow',
        'app.kubernetes.io/instance': 'mlflow-stack.prod',
        'app.kubernetes.io/component': 'gc',
        'app.kubernetes.io/part-of': 'mlflow-stack',
        'app.kubernetes.io/managed-by': 'pulumi',
      });
      expect(objectLabels('gc')).to.include(selectorLabels('gc'));
    }),
  );

  it(
    "tell a stack's own objects from those of others",
    inStack(() => {
      const own = objectLabels('gc');
      expect(isOwn(own)).to.equal(true);
      for (const others of [
        undefined,
        {},
        { ...own, 'app.kubernetes.io/managed-by': 'Helm' },
        { ...own, 'app.kubernetes.io/instance': 'mlflow-stack.dev' },
        selectorLabels('gc'),
      ]) {
        expect(isOwn(others), JSON.stringify(others)).to.equal(false);
      }
    }),
  );
});

describe('data protection', () => {
  for (const [mode, protect, retainOnDelete] of [
    ['delete', false, false],
    ['retain', false, true],
    ['protect', true, false],
  ] as const) {
    it(`${mode} maps to one resource option at most`, () => {
      expect(dataOptions(mode)).to.deep.equal({ protect, retainOnDelete });
    });
  }
});

describe('planned objects', () => {
  it('are where the API server keeps them', () => {
    expect(plannedObjects.map(({ group, resource, name }) => `${group}/${resource}/${name}`)).to.have.members(
      [
        'api/v1/persistentvolumeclaims/mlflow-artifacts',
        'api/v1/persistentvolumeclaims/mlflow-postgres',
        'api/v1/persistentvolumeclaims/mlflow-sqlite',
        'api/v1/persistentvolumeclaims/mlflow-backups',
        'api/v1/secrets/mlflow-keys',
        'api/v1/secrets/mlflow-database',
        'api/v1/configmaps/mlflow-stores',
        'api/v1/secrets/mlflow-backup',
        'api/v1/secrets/mlflow-postgres-tls',
        'api/v1/secrets/mlflow-ingress-passwords',
        'api/v1/secrets/mlflow-ingress-self-signed',
        'api/v1/services/mlflow',
        'api/v1/services/mlflow-artifacts',
        'api/v1/services/mlflow-postgres',
        'api/v1/services/mlflow-cloudsql-proxy',
        'api/v1/serviceaccounts/mlflow-cloudsql-proxy',
        'apis/apps/v1/deployments/mlflow-cloudsql-proxy',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow-cloudsql-proxy',
        'apis/networking.gke.io/v1/managedcertificates/mlflow-ingress-managed',
        'api/v1/serviceaccounts/mlflow-external-secrets',
        'apis/external-secrets.io/v1/secretstores/mlflow-external-secrets',
        'api/v1/serviceaccounts/mlflow',
        'api/v1/serviceaccounts/mlflow-artifacts',
        'api/v1/serviceaccounts/mlflow-postgres',
        'api/v1/serviceaccounts/mlflow-postgres-vacuum',
        'api/v1/serviceaccounts/mlflow-migration',
        'api/v1/serviceaccounts/mlflow-gc',
        'api/v1/serviceaccounts/mlflow-trace-archival',
        'api/v1/serviceaccounts/mlflow-backup',
        'apis/apps/v1/deployments/mlflow',
        'apis/apps/v1/statefulsets/mlflow-artifacts',
        'apis/apps/v1/statefulsets/mlflow-postgres',
        'apis/autoscaling.k8s.io/v1/verticalpodautoscalers/mlflow',
        'apis/autoscaling/v2/horizontalpodautoscalers/mlflow',
        'apis/batch/v1/cronjobs/mlflow-gc',
        'apis/batch/v1/cronjobs/mlflow-postgres-vacuum',
        'apis/batch/v1/cronjobs/mlflow-trace-archival',
        'apis/batch/v1/cronjobs/mlflow-backup',
        'apis/monitoring.coreos.com/v1/prometheusrules/mlflow',
        'apis/monitoring.coreos.com/v1/servicemonitors/mlflow',
        'apis/networking.k8s.io/v1/ingresses/mlflow-ingress',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow-artifacts',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow-gc',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow-migration',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow-maintenance',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow-postgres',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow-postgres-vacuum',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow-trace-archival',
        'apis/networking.k8s.io/v1/networkpolicies/mlflow-backup',
        'apis/networking.k8s.io/v1/ingresses/mlflow-ingress-http',
        'apis/traefik.io/v1alpha1/middlewares/mlflow-ingress-redirect',
        'apis/traefik.io/v1alpha1/middlewares/mlflow-ingress-allow-list',
        'apis/traefik.io/v1alpha1/middlewares/mlflow-ingress-passwords',
        'apis/traefik.io/v1alpha1/serverstransports/mlflow-ingress-transport',
        'apis/gateway.networking.k8s.io/v1/httproutes/mlflow-http-route',
        'apis/cloud.google.com/v1/backendconfigs/mlflow-ingress-backend',
        'apis/networking.gke.io/v1beta1/frontendconfigs/mlflow-ingress-frontend',
        'apis/policy/v1/poddisruptionbudgets/mlflow',
      ],
    );
  });
});

describe('the next commands', () => {
  const service = { namespace: 'team-a', name: 'mlflow', port: 8000 };
  const kubectl = 'kubectl --context kind --namespace team-a';
  const always = {
    openOnPort5000: `${kubectl} port-forward service/mlflow 5000:8000`,
    seePods: `${kubectl} get pods`,
    followLogs: `${kubectl} logs --follow deployment/mlflow`,
  };
  for (const [gcCronJob, expected] of [
    [undefined, always],
    [
      'mlflow-gc',
      {
        ...always,
        collectGarbageNow: `${kubectl} create job mlflow-gc-$(date +%s) --from=cronjob/mlflow-gc`,
      },
    ],
  ] as const) {
    it(`can be pasted into a shell ${gcCronJob ? 'with' : 'without'} garbage collection`, async () => {
      const { outputs } = await runStack(() => ({
        commands: nextCommands({ context: 'kind', service, gcCronJob }),
      }));
      expect(outputs.commands).to.deep.equal(expected);
    });
  }
});

describe('scripts for the image', () => {
  it('are read from their files, in an order that does not change', () => {
    expect(Object.keys(scripts)).to.include.members(['launch.py', 'migrate.py', 'wait_for_database.py']);
    expect(Object.keys(scripts)).to.deep.equal(Object.keys(scripts).sort());
    expect(scripts['migrate.py']).to.include('alembic');
  });
});
