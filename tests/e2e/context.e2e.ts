// The quickstart against a cluster that the user names. The tests' own cluster plays the user's.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { contextName, kubeconfigPath } from '../../tools/cluster/index.ts';
import { isPortFree } from '../../tools/lib/forward.ts';
import { projectDir } from '../../tools/lib/paths.ts';
import { documented } from '../support/documentation.ts';
import { kubectl, tryKubectl } from './support/cluster.ts';
import { instance } from './support/stack.ts';

describe('npm run quickstart -- --context NAME', function () {
  this.timeout('15m');
  this.bail(true);

  const context = contextName(instance);
  const stackFile = join(projectDir, `Pulumi.${context}.yaml`);
  const port = '15000';
  let state: string;

  /** With a state of its own, so that a running quickstart is not disturbed. */
  const type = (command: string, ...args: string[]) =>
    execa('sh', ['-c', [command, '--', ...args].join(' ')], {
      cwd: projectDir,
      env: { XDG_STATE_HOME: state, KUBECONFIG: kubeconfigPath(instance) },
      reject: false,
      all: true,
    });

  before(() => {
    state = mkdtempSync(join(tmpdir(), 'mlflow-stack-context-'));
  });

  after(async () => {
    await type(documented('npm run quickstart:down'), '--context', context);
    rmSync(state, { recursive: true });
    rmSync(stackFile, { force: true });
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
  });

  it('refuses a context that is not in the kubeconfig, naming those that are', async () => {
    const { exitCode, all } = await type(
      documented('npm run quickstart'),
      '--context',
      'nowhere',
      '--port',
      port,
    );
    expect(exitCode).to.equal(1);
    expect(all).to.include('nowhere').and.include(context);
    expect(existsSync(join(projectDir, 'Pulumi.nowhere.yaml'))).to.equal(false);
  });

  it('deploys there with the official images, uses MLflow once and starts no cluster', async () => {
    const { exitCode, all } = await type(
      documented('npm run quickstart'),
      '--context',
      context,
      '--port',
      port,
    );
    expect(exitCode, all).to.equal(0);
    expect(all).to.include(`http://127.0.0.1:${port}`);
    const images = await kubectl(
      ...['--namespace', 'mlflow', 'get', 'pods', '--field-selector', 'status.phase=Running'],
      ...['--output', 'jsonpath={.items[*].spec.containers[*].image}'],
    );
    expect(images.split(' ').sort()).to.deep.equal([
      'docker.io/library/postgres:15.18',
      'ghcr.io/mlflow/mlflow:v3.17.2-full',
    ]);
    expect(readdirSync(join(state, 'mlflow-stack/quickstart'))).not.to.include('cluster');
    expect(await isPortFree(Number(port))).to.equal(false);
    expect(readFileSync(stackFile, 'utf8')).to.include(`context: ${context}`);
  });

  it('goes away with the same name', async () => {
    const { exitCode, all } = await type(documented('npm run quickstart:down'), '--context', context);
    expect(exitCode, all).to.equal(0);
    expect((await tryKubectl('get', 'namespace', 'mlflow')).exitCode).not.to.equal(0);
    expect(await isPortFree(Number(port))).to.equal(true);
  });
});
