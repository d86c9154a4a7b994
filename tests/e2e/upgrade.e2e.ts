// From an older MLflow to the current one, with users, runs, models and deleted runs in the database: nothing is lost, one
// version at a time, and what goes wrong leaves the old server at work.
import { expect } from 'chai';
import { prepareEngine } from '../../tools/lib/engine.ts';
import { documented, pulumiArgs } from '../support/documentation.ts';
import {
  eventually,
  inMlflow,
  inServer,
  kubectl,
  kubectlJson,
  runGc,
  sql,
  tryKubectl,
  watchServerPods,
} from './support/cluster.ts';
import { type Credentials, mlflow } from './support/mlflow.ts';
import { Shell } from './support/shell.ts';
import { instance, stack } from './support/stack.ts';

const common = {
  auth: { kind: 'basic' },
  gc: { olderThan: 'all' },
  artifactStore: { kind: 's3Compatible' },
  registryStore: { database: 'mlflow_registry' },
};
const server = { replicas: 2, resources: { requests: { cpu: '100m', memory: '512Mi' } } };
const older = { ...common, server: { ...server, image: { tag: 'v3.16.1-full' } } };
const current = { ...common, server };

const log = `
client = MlflowClient()
mlflow.set_experiment("before")
runs = []
for index in range(3):
    with mlflow.start_run() as run:
        mlflow.log_params({"index": index})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_text(f"text {index}", "notes.txt")
    runs.append(run.info.run_id)
client.create_registered_model("model")
client.create_model_version("model", f"runs:/{runs[0]}/model", runs[0])
client.delete_run(runs[2])
from mlflow.server import get_app_client
users = get_app_client("basic-auth", tracking_uri=mlflow.get_tracking_uri())
users.create_user("alice", "a long enough password")
print(json.dumps(runs))`;

const read = `
client = MlflowClient()
experiment = client.get_experiment_by_name("before")
runs = client.search_runs([experiment.experiment_id])
deleted = client.search_runs([experiment.experiment_id], run_view_type=2)
from mlflow.server import get_app_client
users = get_app_client("basic-auth", tracking_uri=mlflow.get_tracking_uri())
print(json.dumps({
    "runs": sorted([run.data.params["index"], len(client.get_metric_history(run.info.run_id, "loss")),
                    mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes.txt")] for run in runs),
    "deleted": [run.info.run_id for run in deleted],
    "model": client.get_model_version("model", "1").run_id,
    "users": users.get_user("alice").username,
}))`;

describe('An upgrade of MLflow', function () {
  this.timeout('10m');
  this.bail(true);

  let admin: Credentials;
  let runs: string[];
  let oldRevision: string;
  const shell = new Shell();
  const expectAll = async () => {
    expect(await stack.reach((url) => mlflow(url, read, admin))).to.deep.equal({
      runs: [
        ['0', 5, 'text 0'],
        ['1', 5, 'text 1'],
      ],
      deleted: [runs[2]],
      model: runs[0],
      users: 'alice',
    });
  };
  const revision = async (database = 'mlflow') =>
    (await sql('SELECT version_num FROM alembic_version', database))[0];
  const serverVersion = () => kubectl(...inServer, 'mlflow', '--version');

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
  });
  after(async () => {
    shell.end();
    await stack.reset();
  });

  it('begins with an older version, in use', async () => {
    await stack.up(older);
    const outputs = await stack.outputs();
    admin = { username: String(outputs.adminUsername), password: String(outputs.adminPassword) };
    runs = await stack.reach((url) => mlflow<string[]>(url, log, admin));
    oldRevision = (await revision()) ?? '';
    expect(outputs).to.include({ mlflowVersion: '3.16.1', schemaRevision: oldRevision });
    await expectAll();
  });

  it('shows in a preview that the migration and the server are new', async () => {
    const output = await stack.run(['preview', '--diff'], current);
    expect(output).to.include('mlflow-migration').and.include('v3.17.2-full');
    expect(await serverVersion()).to.include('3.16.1');
  });

  it('that fails leaves the old server at work and both databases as they were, and says so', async () => {
    // What the second migration wants to make is there already, in a shape that it cannot use.
    await sql('CREATE TABLE sql_span_cost_daily_rollups (id integer)', 'mlflow_registry');
    const { exitCode, output } = await stack.try(['up', '--yes', '--skip-preview'], current);
    expect(exitCode).not.to.equal(0);
    expect(output)
      .to.include('The server of MLflow 3.16.1 runs again')
      .and.match(/database mlflow at \S+: it was put back from its copy/);
    expect(await revision()).to.equal(oldRevision);
    expect(await revision('mlflow_registry')).to.equal(oldRevision);
    await kubectl(...inMlflow, 'rollout', 'status', 'deployment/mlflow', '--timeout=120s');
    expect(await serverVersion()).to.include('3.16.1');
    await expectAll();
    await sql('DROP TABLE sql_span_cost_daily_rollups', 'mlflow_registry');
  });

  it('runs no two versions at the same time, migrates once, and finds everything', async () => {
    const watch = watchServerPods();
    await stack.up(current);
    const seen = await watch.stop();
    expect(seen.versions).to.deep.equal(['v3.16.1-full', 'v3.17.2-full']);
    expect(seen.sideBySide).to.equal(false);
    expect(await serverVersion()).to.include('3.17.2');
    await expectAll();
    const { schemaRevision, databaseSnapshot } = await stack.outputs();
    expect(schemaRevision)
      .to.equal(await revision())
      .and.not.to.equal(oldRevision);
    const databases = await sql('SELECT datname FROM pg_database');
    expect(databases).to.include.members(String(databaseSnapshot).split(', '));
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], current);
  });

  it('leaves garbage collection at work', async () => {
    const { spec } = await kubectlJson<{ spec: { suspend: boolean } }>(
      ...inMlflow,
      'get',
      'cronjob/mlflow-gc',
    );
    expect(spec.suspend).to.equal(false);
    await runGc();
    expect(await sql(`SELECT count(*) FROM runs WHERE run_uuid = '${runs[2] ?? ''}'`)).to.deep.equal(['0']);
  });

  it('cannot be taken back by an older image alone', async () => {
    const { exitCode, output } = await stack.try(['preview'], older);
    expect(exitCode).not.to.equal(0);
    expect(output).to.include('3.16.1').and.include('3.17.2').and.include('docs/upgrade.md');
  });

  it('brings the server back when it was interrupted after stopping it', async () => {
    await kubectl(...inMlflow, 'annotate', 'deployment/mlflow', 'mlflow-stack/stopped-replicas=2');
    await kubectl(...inMlflow, 'scale', 'deployment/mlflow', '--replicas=0');
    await stack.up(current);
    await eventually('both pods are back', async () => {
      const { status } = await kubectlJson<{ status: { readyReplicas?: number } }>(
        ...[...inMlflow, 'get', 'deployment/mlflow'],
      );
      return status.readyReplicas === 2;
    });
    const { output } = await tryKubectl(...inMlflow, 'get', 'deployment/mlflow', '--output', 'yaml');
    expect(output).not.to.include('stopped-replicas');
  });

  it('is taken back with the copies of the databases, as docs/upgrade.md says', async () => {
    const output = documented('npm run pulumi -- stack output databaseSnapshot');
    const copies = (await stack.run(pulumiArgs(output))).trim().split(', ');
    await shell.run([
      documented('kubectl --namespace mlflow delete --cascade=foreground --ignore-not-found…'),
      documented('kubectl --namespace mlflow delete jobs --cascade=foreground --selector…'),
    ]);
    for (const copy of copies) {
      const [original = ''] = copy.split('_before_');
      const command = documented(
        'kubectl --namespace mlflow exec statefulset/mlflow-postgres -- psql --username mlflow --dbname postgres…',
        {
          mlflow_before_b7e2c1a4d9f3_20261125170647: copy,
          '"mlflow"': `"${original}"`,
          mlflow_newer: `${original}_newer`,
        },
      );
      await shell.run(command);
    }
    const update = pulumiArgs(documented('npm run pulumi -- up --refresh'));
    await stack.run([...update, '--yes', '--skip-preview'], older);
    expect(await serverVersion()).to.include('3.16.1');
    expect(await revision()).to.equal(oldRevision);
    await expectAll();
  });

  it('can be made by hand, as docs/upgrade.md says', async () => {
    await shell.run([
      documented('kubectl --namespace mlflow scale deployment/mlflow --replicas=0'),
      documented(`kubectl --namespace mlflow patch cronjob/mlflow-gc --patch '{"spec": {"suspend": true}}'`),
      documented(
        'kubectl --namespace mlflow wait pods --selector app.kubernetes.io/component=tracking-server…',
      ),
      documented('kubectl --namespace mlflow exec statefulset/mlflow-postgres -- pg_dump…'),
      documented('kubectl --namespace mlflow create job mlflow-upgrade…'),
      documented(
        'kubectl --namespace mlflow wait job/mlflow-upgrade --for=condition=complete --timeout=600s',
      ),
    ]);
    expect(await revision()).not.to.equal(oldRevision);
  });
});
