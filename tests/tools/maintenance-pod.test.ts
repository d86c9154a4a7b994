import { expect } from 'chai';
import {
  type Deployment,
  type MaintenancePod,
  podManifest,
  withMaintenancePod,
} from '../../tools/lib/maintenance-pod.ts';
import type { RunningStack } from '../../tools/lib/stack.ts';
import { settingsWith } from '../support/settings.ts';
import { pod, ready, waiting } from './support/observation.ts';

const container = {
  name: 'mlflow',
  image: 'mlflow:1',
  env: [{ name: 'PGHOST', value: 'db' }],
  ports: [{ containerPort: 5000 }],
  livenessProbe: {},
};
const matchLabels = { 'app.kubernetes.io/component': 'tracking-server' };
const deployment = {
  spec: {
    selector: { matchLabels },
    template: {
      metadata: { labels: { 'app.kubernetes.io/component': 'tracking-server', team: 'a' } },
      spec: {
        serviceAccountName: 'mlflow',
        containers: [container],
        initContainers: [
          { name: 'cloud-sql-proxy', restartPolicy: 'Always' },
          { name: 'oauth2-proxy', restartPolicy: 'Always' },
          { name: 'wait-for-database' },
        ],
      },
    },
  },
};

interface Manifest {
  readonly metadata: { readonly labels: object };
  readonly spec: {
    readonly initContainers: readonly { readonly name: string }[];
    readonly containers: readonly { readonly name: string; readonly image: string; readonly env?: object }[];
  };
}

/** What was asked of kubectl while a command had its pod, and what came of it. */
async function course(status: object, server: object | null = deployment) {
  const asked: string[] = [];
  let manifest: Manifest | undefined;
  const answer = (args: readonly string[], input: unknown) => {
    asked.push(
      args
        .slice(0, 2)
        .join(' ')
        .replace(/-[0-9a-f]{8}/, '-ID'),
    );
    if (args[0] === 'create') manifest = JSON.parse(String(input)) as Manifest;
    const found = args[1]?.startsWith('deployment') ? server : pod('p', 'maintenance', status);
    if (args[0] === 'get' && found === null)
      return {
        exitCode: 1,
        stdout: '',
        stderr: 'Error from server (NotFound): deployments.apps "mlflow" not found\n',
      };
    return { exitCode: 0, stdout: JSON.stringify(found), stderr: '' };
  };
  const stack = {
    name: 'prod',
    settings: settingsWith(),
    outputs: {},
    service: { namespace: 'mlflow', name: 'mlflow', port: 5000 },
    kubectl: (args: readonly string[], options: { input?: unknown } = {}) =>
      Promise.resolve(answer(args, options.input)),
  } as unknown as RunningStack;
  const { signal } = new AbortController();
  let error: string | undefined;
  await withMaintenancePod(
    stack,
    { signal, clientImage: 'postgres:15' },
    async (maintenance: MaintenancePod) => {
      await maintenance.exec('client', ['psql']);
    },
  ).catch((reason: unknown) => (error = (reason as Error).message));
  return { asked, manifest, error };
}

describe('a pod for maintenance', () => {
  it('has what the server has, and goes with the command', async () => {
    const { asked, manifest, error } = await course(ready);
    expect(error).to.equal(undefined);
    expect(asked).to.deep.equal([
      'get deployment/mlflow',
      'create --filename',
      'get pod/mlflow-maintenance-ID',
      'exec mlflow-maintenance-ID',
      'delete pod/mlflow-maintenance-ID',
    ]);
    expect(manifest?.metadata.labels).to.deep.equal({
      'app.kubernetes.io/component': 'maintenance',
      team: 'a',
    });
    expect(manifest?.spec.initContainers.map(({ name }) => name)).to.deep.equal(['cloud-sql-proxy']);
    expect(manifest?.spec.containers.map(({ name, image, env }) => [name, image, env])).to.deep.equal([
      ['mlflow', 'mlflow:1', container.env],
      ['client', 'postgres:15', container.env],
    ]);
    for (const each of manifest?.spec.containers ?? [])
      expect(each).not.to.have.any.keys('ports', 'livenessProbe');
  });

  it('goes to the node of a server whose claim it shares, unless settings say where pods go', () => {
    const { template } = deployment.spec;
    const affinityWith = (changes: object) => {
      const server: Deployment = {
        spec: {
          selector: { matchLabels },
          template: { ...template, spec: { ...template.spec, ...changes } },
        },
      };
      return (podManifest('p', server).spec as { affinity?: object }).affinity;
    };
    const volumes = [{ name: 'artifacts', persistentVolumeClaim: { claimName: 'mlflow-artifacts' } }];
    const term = { labelSelector: { matchLabels }, topologyKey: 'kubernetes.io/hostname' };
    expect(affinityWith({ volumes }))
      .to.have.nested.property(
        'podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm',
      )
      .that.deep.equals(term);
    expect(affinityWith({ volumes: [{ name: 'tmp', emptyDir: {} }] })).to.equal(undefined);
    const affinity = { nodeAffinity: {} };
    expect(affinityWith({ volumes, affinity })).to.equal(affinity);
  });

  it('is given up at once where only luck could start it, and goes then, too', async () => {
    const { asked, error } = await course(waiting('CreateContainerConfigError', 'secret "x" not found'));
    expect(error).to.match(
      /^pod mlflow-maintenance-\w+ does not start: container mlflow does not start: CreateContainerConfigError: secret "x" not found$/,
    );
    expect(asked.at(-1)).to.equal('delete pod/mlflow-maintenance-ID');
  });

  it('is not made where there is no server', async () => {
    const { asked, error } = await course(ready, null);
    expect(error).to.equal(
      'kubectl get failed: Error from server (NotFound): deployments.apps "mlflow" not found',
    );
    expect(asked).to.have.lengthOf(1);
  });
});
