// The components in other people's programs: by the package's name, as examples/program uses them.
import { once } from 'node:events';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { ComponentProvider } from '@pulumi/pulumi/provider/experimental/provider.js';
import { ResourceProviderClient } from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import type { PluginInfo } from '@pulumi/pulumi/proto/plugin_pb.js';
import { expect } from 'chai';
import { execa } from 'execa';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import packageJson from '../package.json' with { type: 'json' };
import { Mlflow } from '../package/mlflow.ts';
import { closedCluster, closedContext } from '../tools/render/cluster.ts';
import { type Registered, type Run, runStack } from '../tools/render/engine.ts';
import { standIns } from '../tools/render/providers.ts';
import { folderOf } from './support/kubeconfig.ts';
import { container, isKubernetesObject, manifest, plainEnv } from './support/manifests.ts';
import { settingsWith } from './support/settings.ts';

/** Runs a program in a preview, as if on a cluster that is there. */
async function previewOf(program: () => unknown): Promise<Run> {
  const settings = settingsWith();
  const cluster = await closedCluster('test', settings);
  const folder = folderOf({ config: cluster.kubeconfig });
  const before = process.env.KUBECONFIG;
  process.env.KUBECONFIG = folder.path('config');
  try {
    return await runStack(program, {
      providers: standIns({ settings, kubeconfig: cluster.kubeconfig }),
      preview: true,
      settings: { 'mlflow-stack:context': closedContext },
    });
  } finally {
    if (before === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = before;
    folder.remove();
    cluster.close();
  }
}

describe('another program', () => {
  let run: Run;
  before(async function () {
    this.timeout('1m');
    run = await previewOf(
      async () => ((await import('../examples/program/index.ts')) as { default: object }).default,
    );
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

describe('the package for other languages', function () {
  // The SDK reads the declarations with the TypeScript compiler.
  this.timeout('2m');
  const dirname = join(import.meta.dirname, '../package');
  const type = 'mlflow-stack:index:Mlflow';
  const settings = { cloud: 'local', kubernetes: { context: closedContext }, gc: { enabled: false } };
  const provider = new ComponentProvider({ dirname, name: 'mlflow-stack', components: [Mlflow] });

  it('has a schema by which programs of any language know the component', async () => {
    const { resources } = JSON.parse(await provider.getSchema()) as {
      resources: Record<string, { isComponent: boolean; requiredInputs: string[]; properties: object }>;
    };
    expect(Object.keys(resources)).to.deep.equal([type]);
    expect(resources[type]).to.include({ isComponent: true });
    expect(resources[type]?.requiredInputs).to.deep.equal(['settings']);
    expect(resources[type]?.properties).to.include.all.keys('trackingUrl', 'adminPassword');
  });

  it('makes all of a stack below the component, of the settings of a stack file', async () => {
    const run = await previewOf(async () => (await provider.construct('team', type, { settings }, {})).state);
    const outside = run.resources.filter(({ parent }) => parent === `Stack/mlflow-stack-test`);
    expect(outside.map(({ id }) => id)).to.deep.equal(['Mlflow/team']);
    expect(run.get('Deployment/mlflow-deployment').inputs.metadata).to.include({ name: 'mlflow' });
    expect(run.resources.map(({ id }) => id)).not.to.include('GcCronJob/mlflow-gc');
    expect(run.outputs).to.include({
      internalTrackingUrl: 'http://mlflow.mlflow.svc:5000',
      databaseHost: 'mlflow-postgres.mlflow.svc',
    });
  });

  it('refuses what a stack file may not have, by the same words', async () => {
    const wrong = { ...settings, gc: { enabled: 'yes' } };
    const problem = await previewOf(
      async () => (await provider.construct('team', type, { settings: wrong }, {})).state as object,
    ).catch(String);
    expect(problem).to.include('mlflow-stack:gc.enabled is "yes"');
  });

  it('is served by the plug-in as the engine starts it', async () => {
    const child = execa(process.execPath, [join(dirname, 'index.ts'), '127.0.0.1:1'], { reject: false });
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const client = new ResourceProviderClient(
        `127.0.0.1:${line.toString().trim()}`,
        credentials.createInsecure(),
      );
      const info = await new Promise<PluginInfo>((resolve, reject) => {
        client.getPluginInfo(new empty.Empty(), (error, answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
      client.close();
      expect(info.getVersion()).to.equal(packageJson.version);
    } finally {
      child.kill();
      await child;
    }
  });
});
