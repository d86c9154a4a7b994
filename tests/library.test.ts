// The components in other people's programs: by the package's name, as examples/program uses them.
import { expect } from 'chai';
import { closedCluster, closedContext } from '../tools/render/cluster.ts';
import { type Registered, type Run, runStack } from '../tools/render/engine.ts';
import { standIns } from '../tools/render/providers.ts';
import { folderOf } from './support/kubeconfig.ts';
import { container, isKubernetesObject, manifest, plainEnv } from './support/manifests.ts';
import { settingsWith } from './support/settings.ts';

describe('another program', () => {
  let run: Run;
  before(async function () {
    this.timeout('1m');
    const settings = settingsWith();
    const cluster = await closedCluster('test', settings);
    const folder = folderOf({ config: cluster.kubeconfig });
    const before = process.env.KUBECONFIG;
    process.env.KUBECONFIG = folder.path('config');
    try {
      run = await runStack(
        async () => ((await import('../examples/program/index.ts')) as { default: object }).default,
        {
          providers: standIns({ settings, kubeconfig: cluster.kubeconfig }),
          preview: true,
          settings: { 'mlflow-stack:context': closedContext },
        },
      );
    } finally {
      if (before === undefined) delete process.env.KUBECONFIG;
      else process.env.KUBECONFIG = before;
      folder.remove();
      cluster.close();
    }
  });

  const below = ({ id }: Registered): Registered[] => {
    const children = run.resources.filter(({ parent }) => parent === id);
    return [...children, ...children.flatMap(below)];
  };

  it('makes the components from typed settings with their defaults', () => {
    expect(run.resources.filter(({ isComponent }) => isComponent).map(({ id }) => id)).to.have.members([
      'ArtifactStore/mlflow-artifacts',
      'BackendStore/mlflow-postgres',
      'ServerKeys/mlflow-keys',
      'MlflowRuntime/mlflow-runtime',
      'MlflowServer/mlflow',
      'GcCronJob/mlflow-gc',
    ]);
    expect(run.outputs).to.deep.equal({
      trackingUrl: 'http://mlflow.team-a.svc:5000',
      databaseHost: 'mlflow-postgres.team-a.svc',
    });
    expect(run.get('CronJob/mlflow-gc-cron-job').inputs.spec).to.include({ schedule: '0 4 * * 6' });
  });

  it('overrides what components make, and nothing else', () => {
    const label = 'example.com/cost-centre';
    const labelled = run.resources.filter(
      (each) => isKubernetesObject(each) && manifest(each).metadata.labels?.[label] === 'research',
    );
    const stores = ['ArtifactStore/mlflow-artifacts', 'BackendStore/mlflow-postgres'].flatMap((id) =>
      below(run.get(id)).filter(isKubernetesObject),
    );
    expect(stores).to.have.length.above(5);
    expect(labelled).to.have.members(stores);
    const deployment = run.get('Deployment/mlflow-deployment');
    expect(deployment.inputs.spec).to.include({ minReadySeconds: 10, replicas: 1 });
    expect(plainEnv(container(deployment, 'mlflow'))).to.include({ MLFLOW_LOGGING_LEVEL: 'DEBUG' });
  });

  it('adds objects of its own', () =>
    expect(manifest(run.get('PodDisruptionBudget/team-database')).metadata.namespace).to.equal('team-a'));
});
