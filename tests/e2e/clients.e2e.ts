// What people and programs do with a server that is up: the connection test, the example of training, step by step.
import { expect } from 'chai';
import type { StepResult } from '../../tools/connection-test/steps.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import { documented, documentedBelow, pulumiArgs } from '../support/documentation.ts';
import { kubectl, tryKubectl } from './support/cluster.ts';
import { authorization } from './support/mlflow.ts';
import { Shell } from './support/shell.ts';
import { instance, stack } from './support/stack.ts';

const settings = {
  auth: { kind: 'basic' },
  clientEnv: { namespaces: ['team-a'] },
  server: { resources: { requests: { cpu: '100m', memory: '512Mi' } } },
};
const inTeam = ['--namespace', 'team-a'] as const;

describe('Clients of a server', function () {
  this.timeout('10m');
  this.bail(true);

  const shell = new Shell();
  let adminPassword: string;
  const logIn = (password: string) =>
    documented('export MLFLOW_TRACKING_USERNAME=alice MLFLOW_TRACKING_PASSWORD=...', {
      alice: 'admin',
      '...': password,
    });

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'team-a', '--ignore-not-found');
  });
  after(async () => {
    shell.end();
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'team-a', '--ignore-not-found');
  });

  it('have a namespace, or a preview says so', async () => {
    const { exitCode, output } = await stack.try(['preview'], settings);
    expect(exitCode).not.to.equal(0);
    expect(output).to.include(
      'namespace "team-a", which mlflow-stack:clientEnv.namespaces names, does not exist',
    );
  });

  it('see it come up one step at a time, as the documentation says', async () => {
    const steps = documentedBelow('docs/commands.md', 'One step at a time');
    expect(steps).to.have.lengthOf(6);
    await kubectl('create', 'namespace', 'team-a');
    for (const step of steps) {
      if (step.includes('npm run kubectl')) await shell.run(step);
      else await stack.run([...pulumiArgs(step), '--yes', '--skip-preview'], settings);
    }
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], settings);
  });

  it('test their connection, which leaves no experiment', async () => {
    const output = documented('npm run pulumi -- stack output adminPassword --show-secrets');
    adminPassword = (await stack.run(pulumiArgs(output))).trim();
    await stack.reach(async (url) => {
      const test = async (password: string) => {
        const command = documented('npm run test-connection -- --tracking-uri http://127.0.0.1:5000', {
          'http://127.0.0.1:5000': url,
        });
        const { exitCode, stdout } = await shell.try([logIn(password), `${command} --json`]);
        const failed = (JSON.parse(stdout) as StepResult[]).find(({ ok }) => !ok);
        return [exitCode, failed?.step, failed?.remedy];
      };
      expect(await test(adminPassword)).to.deep.equal([0, undefined, undefined]);
      const [exitCode, step, remedy] = await test('wrong');
      expect([exitCode, step]).to.deep.equal([1, 'log-in']);
      expect(remedy).to.include('MLFLOW_TRACKING_PASSWORD');
      const admin = authorization({ username: 'admin', password: adminPassword });
      const answer = await fetch(`${url}/api/2.0/mlflow/experiments/search?max_results=100`, {
        headers: admin,
      });
      const { experiments } = (await answer.json()) as { experiments: { name: string }[] };
      expect(experiments.map(({ name }) => name)).to.deep.equal(['Default']);
    });
  });

  it('train in a Job of their namespace, as a user of its own, as the example says', async () => {
    await shell.run([
      documented('kubectl --namespace team-a create configmap train --from-file=examples/train.py'),
      documented('kubectl --namespace team-a apply --filename examples/train-job.yaml'),
    ]);
    await kubectl(...inTeam, 'wait', 'job/train', '--for=condition=Complete', '--timeout=300s').catch(
      async (error: unknown) => {
        throw new Error(await kubectl(...inTeam, 'logs', 'job/train'), { cause: error });
      },
    );
    const logs = await shell.run(documented('kubectl --namespace team-a logs --follow job/train'));
    expect(logs).to.match(/predictions of the loaded model: as logged\nrun \w+ in experiment iris/);
    const user = await kubectl(...inTeam, 'get', 'secret', 'mlflow-client', '--output', 'json');
    const { data } = JSON.parse(user) as { data: Record<string, string> };
    const decoded = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString();
    expect(decoded('MLFLOW_TRACKING_USERNAME')).to.equal('mlflow-client-team-a');
    // It is no administrator.
    const credentials = { username: 'mlflow-client-team-a', password: decoded('MLFLOW_TRACKING_PASSWORD') };
    await stack.reach(async (url) => {
      const { status } = await fetch(`${url}/api/2.0/mlflow/users/get?username=admin`, {
        headers: authorization(credentials),
      });
      expect(status).to.equal(403);
    });
  });

  it('train outside the cluster by the same program', async () => {
    await stack.reach(async (url) => {
      const trained = await shell.run([
        documented('export MLFLOW_TRACKING_URI=https://mlflow.example.com', {
          'https://mlflow.example.com': url,
        }),
        logIn(adminPassword),
        documented('export MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD=false'),
        documented('export MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD=false'),
        documented('MLFLOW_TRACKING_URI=http://127.0.0.1:5000 python3 examples/train.py', {
          'http://127.0.0.1:5000': '$MLFLOW_TRACKING_URI',
        }),
      ]);
      expect(trained).to.match(/run \w+ in experiment iris/);
    });
  });
});
