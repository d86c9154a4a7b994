// Every allowed combination of users, replicas, artifact store and workspaces, with the real server, client and garbage
// collection; the others are refused in a preview. Combinations of one store and one kind of workspaces share a stack, as
// they would when a team changes its settings, so each also finds what the ones before it left.
import { expect } from 'chai';
import { prepareEngine } from '../../tools/lib/engine.ts';
import type { Overrides } from '../../tools/lib/scratch-stack.ts';
import { documented } from '../support/documentation.ts';
import { inServer, kubectl, runGc, servingPods, sql } from './support/cluster.ts';
import { type Credentials, mlflow, mlflowAt } from './support/mlflow.ts';
import { expectNoFindings } from './support/policy.ts';
import { Shell } from './support/shell.ts';
import { instance, stack } from './support/stack.ts';

const stores = {
  volume: { kind: 'pvc' },
  S3: { kind: 's3Compatible' },
} as const;

interface Row {
  readonly users: boolean;
  readonly replicas: number;
  readonly store: keyof typeof stores;
  readonly workspaces: boolean;
}

/** What a team sets for a combination. */
function settingsOf({ users, replicas, store, workspaces }: Row): Overrides {
  return {
    artifactStore: stores[store],
    auth: { kind: users ? 'basic' : 'none' },
    workspaces: { enabled: workspaces },
    // Small pods: several of them share the two cores of the machine that tests run on.
    server: { replicas, resources: { requests: { cpu: '100m', memory: '512Mi' } } },
    gc: { olderThan: 'all' },
  };
}

const title = ({ users, replicas }: Row) => `${users ? 'basic auth' : 'no auth'}, ${replicas} replica(s)`;

interface Logged {
  readonly kept: string;
  readonly doomed: string;
}

/** Uses MLflow as a team would; `doomed` is deleted at the end. */
const logRuns = (workspaces: boolean) => `
from mlflow.exceptions import MlflowException
client = MlflowClient()
if ${workspaces ? 'True' : 'False'}:
    if "team-a" not in [each.name for each in mlflow.list_workspaces()]:
        mlflow.create_workspace(name="team-a")
    mlflow.set_workspace("team-a")
mlflow.set_experiment("matrix")
def log():
    with mlflow.start_run() as run:
        mlflow.log_params({"größe": "数"})
        mlflow.log_metric("loss", 0.25)
        mlflow.log_text("kept", "notes.txt")
    return run.info.run_id
kept, doomed = log(), log()
client.create_registered_model(f"model-{kept}")
client.create_model_version(f"model-{kept}", f"runs:/{kept}/model", kept)
client.delete_run(doomed)
print(json.dumps({"kept": kept, "doomed": doomed}))`;

/** Everything that earlier rows kept, and only that. */
const readRuns = (workspaces: boolean) => `
if ${workspaces ? 'True' : 'False'}:
    mlflow.set_workspace("team-a")
experiment = mlflow.get_experiment_by_name("matrix")
runs = MlflowClient().search_runs([experiment.experiment_id], max_results=1000)
print(json.dumps({run.info.run_id: mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes.txt") for run in runs}))`;

/** Paths of all artifacts, as the server's own store has them. */
const listArtifacts = `
import os
destination = os.environ["MLFLOW_ARTIFACTS_DESTINATION"]
if destination.startswith("s3://"):
    import boto3
    bucket, _, prefix = destination.removeprefix("s3://").partition("/")
    pages = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"]).get_paginator("list_objects_v2")
    print("\\n".join(each["Key"] for page in pages.paginate(Bucket=bucket, Prefix=prefix) for each in page.get("Contents", [])))
else:
    print("\\n".join(os.path.join(folder, name) for folder, _, names in os.walk(destination) for name in names))`;

const artifacts = () => kubectl(...inServer, 'python3', '-c', listArtifacts);

describe('The matrix of users, replicas, stores and workspaces', function () {
  this.timeout('10m');

  before(() => prepareEngine(instance));

  for (const store of ['volume', 'S3'] as const) {
    for (const workspaces of [false, true]) {
      describe(`artifacts on ${store}, workspaces ${workspaces ? 'on' : 'off'}`, function () {
        this.bail(true);
        const kept = new Map<string, string>();

        before(() => stack.reset());
        after(() => stack.reset());

        for (const replicas of [1, 3]) {
          for (const users of [false, true]) {
            const row: Row = { users, replicas, store, workspaces };
            if (store === 'volume' && replicas > 1) {
              it(`refuses ${title(row)}, since a volume belongs to one node`, async () => {
                const { exitCode, output } = await stack.try(['preview'], settingsOf(row));
                expect(exitCode).not.to.equal(0);
                expect(output).to.include(
                  'mlflow-stack:server.replicas is 3, but artifactStore.accessMode ReadWriteOnce ties the claim to one node',
                );
              });
            } else describe(title(row), () => checkRow(row, kept));
          }
        }

        // In a suite of its own, since tests of a suite come before the suites in it.
        if (workspaces && store === 'volume')
          describe('in the end', () =>
            it('leaves workspaces by command', async () => {
              const shell = new Shell();
              const where = "SELECT DISTINCT workspace FROM experiments WHERE name = 'matrix'";
              expect(await sql(where)).to.deep.equal(['team-a']);
              await shell.run([
                documented(
                  'in_server="kubectl --namespace mlflow exec deployment/mlflow --container mlflow -- python3 /opt/mlflow-stack/launch.py"',
                ),
                documented("$in_server sh -c 'mlflow db migrate-to-default-workspace --dry-run…"),
                documented("$in_server sh -c 'mlflow db migrate-to-default-workspace --yes…"),
              ]);
              shell.end();
              expect(await sql(where)).to.deep.equal(['default']);
            }));
      });
    }
  }
});

function checkRow(row: Row, kept: Map<string, string>): void {
  const settings = settingsOf(row);
  let admin: Credentials | undefined;
  let logged: Logged;

  it('comes up, and a second up changes nothing', async () => {
    await stack.up(settings);
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], settings);
    await expectNoFindings();
    const { adminUsername, adminPassword } = await stack.outputs();
    admin = row.users ? { username: String(adminUsername), password: String(adminPassword) } : undefined;
  });

  it('lets clients log, read, register and delete, and shows all that was there before', async () => {
    await stack.reach(async (url) => {
      logged = await mlflow<Logged>(url, logRuns(row.workspaces), admin);
      kept.set(logged.kept, 'kept');
      expect(await mlflow(url, readRuns(row.workspaces), admin)).to.deep.equal(Object.fromEntries(kept));
    });
  });

  it('shows the same through each replica, and nothing to whoever may not see it', async () => {
    const pods = await servingPods();
    expect(pods).to.have.length(row.replicas);
    for (const { address } of pods) {
      expect(await mlflowAt(address, readRuns(row.workspaces), admin)).to.deep.equal(
        Object.fromEntries(kept),
      );
      if (row.users) {
        expect(
          (await stack.reach((url) => fetch(`${url}/api/2.0/mlflow/experiments/get?experiment_id=0`))).status,
        ).to.equal(401);
      }
    }
  });

  it('collects what was deleted, rows and files, and nothing else', async () => {
    expect(await artifacts()).to.include(logged.doomed);
    await runGc();
    expect(await sql(`SELECT count(*) FROM runs WHERE run_uuid = '${logged.doomed}'`)).to.deep.equal(['0']);
    const left = await artifacts();
    expect(left).not.to.include(logged.doomed);
    for (const run of kept.keys()) expect(left).to.include(run);
  });
}
