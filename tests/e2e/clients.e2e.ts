// What people and programs do with a server that is up: the connection test, the example of training, step by step.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import type { StepResult } from '../../tools/connection-test/steps.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import { projectDir } from '../../tools/lib/paths.ts';
import { kubectl, tryKubectl } from './support/cluster.ts';
import { authorization } from './support/mlflow.ts';
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

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'team-a', '--ignore-not-found');
  });
  after(async () => {
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
    const page = readFileSync(join(projectDir, 'docs/commands.md'), 'utf8');
    const [, section = ''] = /^## One step at a time$([^]*?)^## /m.exec(page) ?? [];
    const steps = [...section.matchAll(/^npm run (pulumi|kubectl) -- (.+)$/gm)];
    expect(steps).to.have.lengthOf(6);
    await kubectl('create', 'namespace', 'team-a');
    for (const [, program, line = ''] of steps) {
      const args = line.replaceAll("'", '').split(' ');
      if (program === 'kubectl') await kubectl(...args);
      else await stack.run([...args, '--yes', '--skip-preview'], settings);
    }
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], settings);
  });

  it('test their connection, which leaves no experiment', async () => {
    const { adminPassword } = (await stack.outputs()) as { adminPassword: string };
    await stack.reach(async (url) => {
      const test = async (password: string) => {
        const { exitCode, stdout } = await execa(
          process.execPath,
          [join(projectDir, 'tools/test-connection.ts'), '--tracking-uri', url, '--json'],
          { env: { MLFLOW_TRACKING_USERNAME: 'admin', MLFLOW_TRACKING_PASSWORD: password }, reject: false },
        );
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
    const commands = readFileSync(join(projectDir, 'examples/train-job.yaml'), 'utf8').matchAll(
      /^# +kubectl (.+)$/gm,
    );
    const [configMap, apply, logs] = [...commands].map(([, args = '']) => args.split(' '));
    await kubectl(...(configMap ?? []));
    await kubectl(...(apply ?? []));
    await kubectl(...inTeam, 'wait', 'job/train', '--for=condition=Complete', '--timeout=300s').catch(
      async (error: unknown) => {
        throw new Error(await kubectl(...inTeam, 'logs', 'job/train'), { cause: error });
      },
    );
    expect(await kubectl(...(logs ?? []))).to.match(
      /predictions of the loaded model: as logged\nrun \w+ in experiment iris/,
    );
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
});
