// Backups come back: after everything is gone, from a schedule, while clients write; and what cannot be right is refused.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { extract as untar, pack as tar } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import { copyArtifacts } from '../../tools/lib/artifact-copies.ts';
import { listBackups, runScheduledBackup, takeBackup, withBackupPod } from '../../tools/lib/backups.ts';
import { mlflowPackagesDir } from '../../tools/images/index.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import type { MaintenancePod } from '../../tools/lib/maintenance-pod.ts';
import { type RestoreOptions, type Source, restore } from '../../tools/lib/restoring.ts';
import type { RunningStack } from '../../tools/lib/stack.ts';
import { eventually, inMlflow, inServer, kubectl, runGc, sql, tryKubectl } from './support/cluster.ts';
import { type Credentials, mlflow } from './support/mlflow.ts';
import { runningStack } from './support/running.ts';
import { instance, stack } from './support/stack.ts';

const passphrase = 'a passphrase of the backups';
const settings = {
  server: { resources: { requests: { cpu: '100m', memory: '512Mi' } } },
  artifactStore: { kind: 's3Compatible' },
  auth: { kind: 'basic', defaultPermission: 'NO_PERMISSIONS' },
  metrics: { enabled: true },
  backup: { enabled: true, keep: 1, passphrase, schedule: '0 0 1 1 *' },
};
const alice: Credentials = { username: 'alice', password: 'wonderland-and-back' };

const populate = `
from mlflow.server import get_app_client
client = MlflowClient()
experiment = mlflow.set_experiment("kept").experiment_id
for number in range(3):
    with mlflow.start_run(run_name=f"run {number}") as run:
        mlflow.log_param("größe", "数")
        for step in range(5):
            mlflow.log_metric("loss", 1 / (1 + step + number), step=step)
        mlflow.log_text("kept " * (1 + number * 100000), f"notes/{number}.txt")
client.create_registered_model("model")
client.create_model_version("model", f"runs:/{run.info.run_id}/notes", run.info.run_id)
client.set_registered_model_alias("model", "champion", 1)
# MLflow wants an address of the internet, and with this event and status never calls it.
client.create_webhook("hook", "https://1.1.1.1/hook", ["model_version_alias.deleted"], secret="of the hook", status="DISABLED")
auth = get_app_client("basic-auth", tracking_uri=mlflow.get_tracking_uri())
auth.create_user("alice", "${alice.password}")
auth.grant_user_permission("alice", "experiment", experiment, "READ")
from mlflow.tracking._tracking_service.utils import _get_store
_get_store().create_gateway_secret("key", {"api_key": "of the gateway"}, provider="openai")
print("null")`;

/** Everything that a client sees. */
const look = `
client = MlflowClient()
experiment = client.get_experiment_by_name("kept")
runs = client.search_runs([experiment.experiment_id], order_by=["attributes.run_name"])
print(json.dumps({
    "runs": [[run.info.run_id, run.info.run_name, run.data.params, run.data.metrics,
              [[m.step, m.value] for m in client.get_metric_history(run.info.run_id, "loss")],
              [len(mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/{file.path}"))
               for file in client.list_artifacts(run.info.run_id, "notes")]] for run in runs],
    "model": [client.get_model_version_by_alias("model", "champion").source],
    "hooks": [hook.url for hook in client.list_webhooks()],
}))`;

/** What only the server can read. */
const decrypt = `
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.tracking.dbmodels.models import SqlGatewaySecret
from mlflow.store.model_registry.dbmodels.models import SqlWebhook
from mlflow.utils.crypto import KEKManager, _decrypt_secret
import os
store = SqlAlchemyStore(os.environ["MLFLOW_BACKEND_STORE_URI"], "/tmp")
with store.ManagedSessionMaker() as session:
    row = session.query(SqlGatewaySecret).one()
    print(_decrypt_secret(row.encrypted_value, row.wrapped_dek, KEKManager(), row.secret_id, row.secret_name)["api_key"])
    print(session.query(SqlWebhook).one().secret)`;

const asAlice = `
client = MlflowClient()
def refused(action):
    try:
        action()
        return False
    except mlflow.MlflowException as error:
        return "Permission denied" in str(error)
experiment = client.get_experiment_by_name("kept").experiment_id
print(json.dumps([client.get_experiment(experiment).name, refused(lambda: client.create_run(experiment)),
                  refused(lambda: client.get_registered_model("model"))]))`;

async function admin(): Promise<Credentials> {
  const { adminUsername, adminPassword } = await stack.outputs();
  return { username: String(adminUsername), password: String(adminPassword) };
}

const ask = async <T>(code: string, who?: Credentials) => {
  const credentials = who ?? (await admin());
  return await stack.reach((url) => mlflow<T>(url, code, credentials));
};

async function everything() {
  const secrets = await kubectl(
    ...inServer,
    'python3',
    '/opt/mlflow-stack/launch.py',
    'python3',
    '-c',
    decrypt,
  );
  return {
    ...(await ask<object>(look)),
    alice: await ask(asAlice, alice),
    decrypted: secrets.split('\n').filter((line) => line.startsWith('of the')),
  };
}

describe('Backups', function () {
  this.timeout('10m');
  this.bail(true);

  const { signal } = new AbortController();
  const folder = mkdtempSync(join(tmpdir(), 'mlflow-backups-'));
  const log: string[] = [];
  let original: Awaited<ReturnType<typeof everything>>;
  let file: string;
  let confirmed = 0;
  let confirmedAfter = 0;

  // One pod for many commands, each of which would have its own.
  let running: RunningStack;
  let pod: MaintenancePod;
  let closePod: () => Promise<void>;
  const up = async () => {
    await stack.up(settings);
    running = await runningStack(settings);
    await new Promise<void>((opened, failed) => {
      const closed = withBackupPod(running, signal, async (open) => {
        pod = open;
        opened();
        await new Promise<void>((close) => {
          closePod = async () => {
            close();
            await closed;
          };
        });
      });
      closed.catch(failed);
    });
  };

  const backUp = (to = folder) => takeBackup(running, pod, to, { passphrase, signal });
  const bringBack = async (source: Source, options: Partial<RestoreOptions> = {}, through = pod) => {
    const say = (text: string) => void log.push(text);
    await restore(running, through, source, { signal, replace: false, folder, passphrase, say, ...options });
  };
  /** The pod, with a connection that breaks as soon as databases are exchanged. */
  const fragile = (): MaintenancePod => {
    let broken = 0;
    const exec: MaintenancePod['exec'] = (container, command, options) => {
      const child = pod.exec(container, command, options);
      if (command.includes('exchange') && broken++ === 0) setTimeout(() => child.kill('SIGKILL'), 500);
      return child;
    };
    return { ...pod, exec };
  };
  const copy = (back: boolean) => {
    const store = String(running.outputs.artifactUri);
    return copyArtifacts(pod, { store, copy: join(folder, 'artifacts'), back, signal });
  };
  /** What somebody is told, and that nothing has changed. */
  const refusal = async (source: Source, options: Partial<RestoreOptions> = {}): Promise<string> => {
    const pods = await serverPods();
    let said = '';
    await bringBack(source, options).catch((error: unknown) => (said = (error as Error).message));
    expect(await serverPods()).to.equal(pods);
    expect(await sql('SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1')).to.deep.equal([
      'mlflow',
      'mlflow_auth',
      'postgres',
    ]);
    return said;
  };
  const serverPods = () =>
    kubectl(
      ...inMlflow,
      ...['get', 'pods', '--selector', 'app.kubernetes.io/component=tracking-server', '--output', 'name'],
    );

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await up();
    await ask(populate);
  });
  after(async () => {
    await closePod();
    await stack.reset();
    rmSync(folder, { recursive: true });
  });

  it('hold everything of a moment while clients write', async () => {
    original = await everything();
    expect(original.decrypted).to.deep.equal(['of the gateway', 'of the hook']);
    expect(original.alice).to.deep.equal(['kept', true, true]);
    const credentials = await admin();
    await stack.reach(async (url) => {
      const writing = writer(url, credentials);
      confirmed = await writing.confirmed();
      ({ file } = await backUp());
      confirmedAfter = await writing.stop();
    });
    const content = readFileSync(file);
    for (const secret of [passphrase, 'of the gateway', 'of the hook', alice.password])
      expect(content.includes(secret), secret).to.equal(false);
  });

  it('copy artifacts to a folder, and only what changed on a repeat', async () => {
    expect(await copy(false)).to.have.property('files', 3);
    expect(await copy(false)).to.deep.equal({ files: 0, bytes: 0 });
    const [{ path } = { path: '' }] = filesBelow(join(folder, 'artifacts'));
    writeFileSync(path, 'spoilt');
    expect(await copy(false)).to.have.property('files', 1);
    expect(readFileSync(path, 'utf8')).to.match(/^kept /);
    expect(await copy(true)).to.deep.equal({ files: 0, bytes: 0 });
  });

  it('are refused where they would do harm, which is said, and nothing changes', async () => {
    const occupied = await refusal({ file });
    expect(occupied).to.include('not empty (runs: 3').and.to.include('--replace');
    const replace = { replace: true };
    const damaged = join(folder, 'damaged.tar');
    const content = readFileSync(file);
    content.writeUInt8(content.readUInt8(content.length - 20_000) ^ 1, content.length - 20_000);
    writeFileSync(damaged, content);
    expect(await refusal({ file: damaged }, replace)).to.include('is damaged');
    writeFileSync(damaged, content.subarray(0, content.length / 2));
    expect(await refusal({ file: damaged }, replace)).to.include('damaged');
    const newer = join(folder, 'newer.tar');
    await rewriteManifest(file, newer, (text) =>
      text.replace(/"revision": "\w+"/g, '"revision": "fedcba987654"'),
    );
    expect(await refusal({ file: newer }, replace))
      .to.include('fedcba987654')
      .and.to.include('first deploy');
    expect(await refusal({ name: 'mlflow-20200101T000000Z.tar' }, replace)).to.include('holds no');
  });

  it('leave nothing half on a disk that is full', async () => {
    const disk = mkdtempSync(join(tmpdir(), 'full-disk-'));
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    try {
      let said = '';
      await backUp(disk).catch((error: unknown) => (said = (error as Error).message));
      expect(said).to.include('no space is left');
      expect(readdirSync(disk)).to.deep.equal([]);
    } finally {
      await execa('umount', [disk]);
      rmSync(disk, { recursive: true });
    }
  });

  it('are made on schedule beside the artifacts, where clients cannot get at them, and the newest are kept', async () => {
    for (let run = 0; run < 2; run += 1)
      expect(await runScheduledBackup(running, signal)).to.include('backups-of-mlflow-artifacts');
    expect(await listBackups(running, pod, signal)).to.have.lengthOf(1);
    expect(running.outputs.backupUri).to.equal('s3://mlflow/backups-of-mlflow-artifacts');
    await ask(`MlflowClient().delete_registered_model("model")\nprint("null")`);

    await bringBack({ name: 'latest' }, { replace: true }, fragile());

    expect(log.join('\n')).to.match(/before-restore-.*\.tar/);
    expect(await everything()).to.deep.equal(original);
  });

  it('bring everything back after all of it was destroyed', async () => {
    await closePod();
    await stack.destroy(settings);
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    await up();
    // The keys are others by now.
    expect(await refusal({ file }, { passphrase: undefined })).to.include('--passphrase-file');
    expect(await refusal({ file }, { passphrase: 'another one' })).to.include('passphrase is not the one');

    await bringBack({ file });
    expect(await copy(true)).to.have.property('files', 3);

    expect(await everything()).to.deep.equal(original);
    const models = await ask<string[]>(
      'print(json.dumps([m.name for m in MlflowClient().search_registered_models("name LIKE \'w%\'", max_results=1000)]))',
    );
    expect(models.length).to.be.within(confirmed, confirmedAfter + 1);
    expect(models.map((name) => Number(name.slice(1))).sort((a, b) => a - b)).to.deep.equal([
      ...models.keys(),
    ]);
    await runGc();
  });

  it('leave the stack as its settings have it', async () => {
    // The keys that came back are known to the program from now on.
    await stack.up(settings);
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], settings);
    expect(await everything()).to.deep.equal(original);
  });
});

/** Registers one model after the other, w0, w1, ... */
function writer(url: string, { username, password }: Credentials) {
  const code = `
import itertools, sys
from mlflow import MlflowClient
client = MlflowClient()
for number in itertools.count():
    client.create_registered_model(f"w{number}")
    print(number + 1, flush=True)`;
  const child = execa('python3.11', ['-c', code], {
    env: {
      PYTHONPATH: mlflowPackagesDir,
      PYTHONDONTWRITEBYTECODE: '1',
      MLFLOW_TRACKING_URI: url,
      MLFLOW_TRACKING_USERNAME: username,
      MLFLOW_TRACKING_PASSWORD: password,
    },
    reject: false,
  });
  let count = 0;
  const reading = (async () => {
    for await (const line of child) count = Number(line);
  })();
  return {
    /** How many the server has confirmed, once there are some. */
    confirmed: async () => {
      await eventually('the writer writes', async () => count > 5);
      return count;
    },
    stop: async () => {
      child.kill();
      await reading;
      return count;
    },
  };
}

function filesBelow(root: string): { path: string }[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => ({ path: join(entry.parentPath, entry.name) }));
}

async function rewriteManifest(from: string, to: string, change: (text: string) => string): Promise<void> {
  const archive = tar();
  const entries = untar();
  entries.end(readFileSync(from));
  const written = buffer(archive);
  for await (const entry of entries) {
    const content = await buffer(entry);
    const { name } = entry.header;
    archive.entry({ name }, name === 'manifest.json' ? change(content.toString()) : content);
  }
  archive.finalize();
  writeFileSync(to, await written);
}
