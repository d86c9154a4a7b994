// Real clients at work while things change and break: a bounded load on the cluster's own addresses.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { prepareEngine } from '../../tools/lib/engine.ts';
import { eventually, inMlflow, kubectl, repeatedly, servingPods, sql } from './support/cluster.ts';
import { type LoadReport, startLoad } from './support/load.ts';
import type { Credentials } from './support/mlflow.ts';
import { instance, stack } from './support/stack.ts';

const settings = {
  auth: { kind: 'basic', cacheSeconds: 30 },
  artifactStore: { kind: 's3Compatible' },
  server: { replicas: 3, resources: { requests: { cpu: '100m', memory: '512Mi' } } },
};

describe('Under a steady load', function () {
  this.timeout('10m');
  this.bail(true);

  let admin: Credentials;
  let url: string;
  let experiment = 0;
  const load = (action: () => Promise<unknown>) =>
    startLoad({ url, credentials: admin, experiment: `load-${++experiment}` }, action);

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await stack.up(settings);
    const outputs = await stack.outputs();
    admin = { username: String(outputs.adminUsername), password: String(outputs.adminPassword) };
    const address = await kubectl(
      ...inMlflow,
      'get',
      'service/mlflow',
      '--output',
      'jsonpath={.spec.clusterIP}',
    );
    url = `http://${address}:5000`;
  });
  after(() => stack.reset());

  /** What the server acknowledged is there, once. */
  function expectNothingLost(report: LoadReport): void {
    expect(report.acknowledged).to.be.above(20);
    expect({ lost: report.lost, doubled: report.doubled }).to.deep.equal({ lost: [], doubled: [] });
  }

  it('a rolling change of settings loses no request', async () => {
    const report = await load(() =>
      stack.up({ ...settings, server: { ...settings.server, env: { SOMETHING: 'else' } } }),
    );
    expect(report.errors).to.deep.equal([]);
    expectNothingLost(report);
  });

  it('killing one of three replicas loses no acknowledged write', async () => {
    const report = await load(async () => {
      const before = await servingPods();
      await kubectl(...inMlflow, 'delete', 'pod', before[0]?.name ?? '', '--grace-period=0', '--force');
      await eventually('another pod takes its place', async () => {
        const now = await servingPods();
        return now.length === 3 && now.some(({ name }) => before.every((pod) => pod.name !== name));
      });
    });
    expectNothingLost(report);
  });

  it('a database that is gone for 20 seconds costs nothing but time', async () => {
    const report = await load(async () => {
      await kubectl(...inMlflow, 'scale', 'statefulset/mlflow-postgres', '--replicas=0');
      await sleep(20_000);
      await kubectl(...inMlflow, 'scale', 'statefulset/mlflow-postgres', '--replicas=1');
      await kubectl(...inMlflow, 'rollout', 'status', 'statefulset/mlflow-postgres', '--timeout=120s');
    });
    // Clients give up or go on; what they were told is true either way.
    expectNothingLost(report);
    expect(report.errors.every((error) => /\b(50\d|429)\b|timed? ?out|connection/i.test(error))).to.equal(
      true,
      report.errors.join('\n'),
    );
  });

  it('an autoscaler takes over without taking a pod away, and decides from then on', async () => {
    const autoscaled = { ...settings, autoscaling: { enabled: true, min: 2, max: 4 } };
    const replicas = async () =>
      Number(
        await kubectl(...[...inMlflow, 'get', 'deployment/mlflow', '--output', 'jsonpath={.spec.replicas}']),
      );
    const seen = new Set<number>();
    const watch = repeatedly(async () => seen.add(await replicas()));
    await stack.up(autoscaled);
    await watch.stop();
    expect([...seen]).to.deep.equal([3]);
    // As an autoscaler would.
    await kubectl(...inMlflow, 'scale', 'deployment/mlflow', '--replicas=4');
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], autoscaled);
    await stack.up({ ...autoscaled, server: { ...settings.server, env: { ANOTHER: 'change' } } });
    expect(await replicas()).to.equal(4);
    await stack.up(settings);
    expect(await replicas()).to.equal(3);
  });

  it('the connections to the database stay within the budget that the stack tells', async () => {
    const { databaseConnections } = (await stack.outputs()) as { databaseConnections: { most: number } };
    let highest = 0;
    await load(async () => {
      for (let sample = 0; sample < 20; sample++) {
        const [count] = await sql(
          "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'psql'",
        );
        highest = Math.max(highest, Number(count));
        await sleep(500);
      }
    });
    expect(highest).to.be.within(4, databaseConnections.most);
  });
});
