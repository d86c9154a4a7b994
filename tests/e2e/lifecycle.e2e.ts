// One stack from nothing to nothing, with the real engine, cluster, database, server and client. The tests build on one
// another, as the days of a stack do.
import { expect } from 'chai';
import { nodeAddress } from '../../tools/cluster/index.ts';
import { documented, documentedBelow, pulumiArgs } from '../support/documentation.ts';
import { apply, ask, eventually, kubectl, kubectlJson, sql, tryKubectl } from './support/cluster.ts';
import { mlflow } from './support/mlflow.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import { Shell } from './support/shell.ts';
import { instance, stack } from './support/stack.ts';

const inMlflow = ['--namespace', 'mlflow'];
const gcOfAnyAge = { gc: { olderThan: 'all' } };

interface List<T> {
  readonly items: T[];
}
interface Pod {
  readonly metadata: { readonly name: string; readonly labels: Record<string, string> };
}

describe('A stack, from nothing to nothing', function () {
  this.timeout('15m');
  this.bail(true);

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
  });

  const shell = new Shell();

  after(async () => {
    shell.end();
    await stack.reset();
  });

  describe('before it exists', () => {
    it('refuses a namespace that somebody else made, and leaves it as it was', async () => {
      await kubectl('create', 'namespace', 'mlflow');
      await kubectl(...inMlflow, 'create', 'configmap', 'precious');
      const before = await kubectl('get', 'namespace', 'mlflow', '--output', 'yaml');

      const { exitCode, output } = await stack.try(['up', '--yes', '--skip-preview']);

      expect(exitCode).not.to.equal(0);
      expect(output).to.include('namespace "mlflow" exists and is not this stack\'s own');
      expect(output).not.to.match(/^\s+at .*\.ts:\d+/m);
      expect(await kubectl('get', 'namespace', 'mlflow', '--output', 'yaml')).to.equal(before);
      expect(
        (await stack.exportedState()).resources.filter(({ type }) => type.startsWith('kubernetes:')),
      ).to.deep.equal([]);
      await kubectl('delete', 'namespace', 'mlflow');
    });

    it('refuses an object of somebody else in a namespace that it shares', async () => {
      await kubectl('create', 'namespace', 'shared');
      await kubectl('--namespace', 'shared', 'create', 'service', 'clusterip', 'mlflow', '--tcp=80');
      const shared = { namespace: { name: 'shared', create: false } };

      const { exitCode, output } = await stack.try(['up', '--yes', '--skip-preview'], shared);

      expect(exitCode).not.to.equal(0);
      expect(output).to.include('Service "mlflow" exists in namespace "shared" and is not this stack\'s own');
      const services = await kubectlJson<List<Pod>>(
        '--namespace',
        'shared',
        'get',
        'services,deployments,secrets',
      );
      expect(services.items.map(({ metadata }) => metadata.name)).to.deep.equal(['mlflow']);
      await kubectl('delete', 'namespace', 'shared');
    });

    it('lists everything that the cluster lacks in one message', async () => {
      const { exitCode, output } = await stack.try(['preview'], {
        artifactStore: { storageClassName: 'fast' },
        ingress: { enabled: true, className: 'nginx', hosts: ['mlflow.localhost'] },
        namespace: { name: 'nowhere', create: false },
      });
      expect(exitCode).not.to.equal(0);
      expect(output).to.include('no StorageClass "fast"');
      expect(output).to.include('no IngressClass "nginx"');
      expect(output).to.include('namespace "nowhere" does not exist');
    });

    it('refuses a context that the kubeconfig does not have', async () => {
      const { exitCode, output } = await stack.try(['preview'], { kubernetes: { context: 'elsewhere' } });
      expect(exitCode).not.to.equal(0);
      expect(output).to.include('mlflow-stack:kubernetes.context is "elsewhere"');
    });

    it('ends a preview with every mistake in the settings', async () => {
      const { exitCode, output } = await stack.try(['preview'], {
        server: { workers: 'two', replicaz: 1 },
        clod: 'x',
      });
      expect(exitCode).not.to.equal(0);
      expect(output).to.include('mlflow-stack:server.workers is "two"; allowed: a whole number from 1 to 64');
      expect(output).to.include('mlflow-stack:server.replicaz is not known');
      expect(output).to.include('mlflow-stack:clod is not known (did you mean cloud?)');
      expect(output).not.to.match(/^\s+at .*\.ts:\d+/m);
    });
  });

  describe('when it is brought up', () => {
    let planned: string[];

    it('shows its plan in a preview that changes nothing', async () => {
      const { steps } = JSON.parse(await stack.run(['preview', '--json'])) as {
        steps: { op: string; urn: string }[];
      };
      planned = steps.filter(({ op }) => op === 'create').map(({ urn }) => urn);
      expect(planned).to.have.length.above(15);
      expect((await tryKubectl('get', 'namespace', 'mlflow')).exitCode).not.to.equal(0);
    });

    it('survives an engine that is killed half-way: the next up completes it', async () => {
      await stack.killedUp(
        async () => (await tryKubectl(...inMlflow, 'get', 'statefulset/mlflow-postgres')).exitCode === 0,
      );
      await stack.unlock();
      expect(await stack.up(gcOfAnyAge)).not.to.include('pending operations');
      const made = (await stack.exportedState()).resources.map(({ urn }) => urn);
      const own = (urns: string[]) => urns.filter((urn) => !/::pulumi:/.test(urn)).sort();
      expect(own(made)).to.deep.equal(own(planned));
    });

    it('changes nothing when nothing has changed', async () => {
      await stack.run(['preview', '--expect-no-changes'], gcOfAnyAge);
      await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], gcOfAnyAge);
    });

    it('says where everything is', async () => {
      expect(await stack.outputs()).to.deep.include({
        trackingUrl: 'http://mlflow.localhost:8080',
        internalTrackingUrl: 'http://mlflow.mlflow.svc:5000',
        artifactUri: '/mlflow/artifacts',
        databaseHost: 'mlflow-postgres.mlflow.svc',
        mlflowVersion: '3.17.2',
        service: { namespace: 'mlflow', name: 'mlflow', port: 5000 },
      });
    });

    it('has migrated the schema, once, and left nothing for the server to do', async () => {
      const { items } = await kubectlJson<List<Pod>>(
        ...[...inMlflow, 'get', 'pods', '--selector', 'app.kubernetes.io/component=migration'],
      );
      expect(items).to.have.length(1);
      expect(await sql('SELECT count(*) FROM alembic_version')).to.deep.equal(['1']);
    });

    it('keeps every secret out of the plain state', async () => {
      const secrets = await kubectlJson<List<{ data: Record<string, string> }>>(
        ...inMlflow,
        'get',
        'secrets',
      );
      const values = secrets.items
        .flatMap(({ data }) => Object.values(data))
        .flatMap((encoded) => [encoded, Buffer.from(encoded, 'base64').toString()]);
      expect(values).to.have.length.above(1);
      const { text } = await stack.exportedState();
      for (const value of values) expect(text).not.to.include(value);
    });
  });

  describe('its pods', () => {
    const inServer = [...inMlflow, 'exec', 'deployment/mlflow', '--container', 'mlflow', '--'];

    it('run as user 1000 on a read-only root without a token', async () => {
      expect(await kubectl(...inServer, 'id', '-u')).to.equal('1000');
      expect((await tryKubectl(...inServer, 'touch', '/here')).output).to.include('Read-only file system');
      const token = '/var/run/secrets/kubernetes.io/serviceaccount/token';
      expect((await tryKubectl(...inServer, 'cat', token)).output).to.include('No such file');
    });

    it('live in a namespace that admits no others', async () => {
      const { output } = await tryKubectl(...inMlflow, 'run', 'intruder', '--image=busybox', '--privileged');
      expect(output).to.include('violates PodSecurity "restricted');
    });

    it('run no job consumers beside the server', async () => {
      const commands = await kubectl(...inServer, 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "');
      expect(commands).to.include('mlflow server --host 0.0.0.0 --port 5000');
      expect(commands).not.to.include('huey');
    });
  });

  describe('its users', () => {
    interface Logged {
      readonly run: string;
      readonly params: Record<string, string>;
      readonly text: string;
      readonly files: string[];
      readonly version: string;
    }
    const logRun = `
mlflow.set_experiment("lifecycle")
with mlflow.start_run() as run:
    mlflow.log_params({"größe": "数"})
    mlflow.log_metric("loss", 0.25)
    mlflow.log_text("kept", "notes.txt")
client = MlflowClient()
client.create_registered_model(run.info.run_id)
client.create_model_version(run.info.run_id, f"{run.info.artifact_uri}/model", run.info.run_id)
print(json.dumps(run.info.run_id))`;
    const readRun = (run: string) => `
run = MlflowClient().get_run("${run}")
print(json.dumps({
    "run": run.info.run_id,
    "params": run.data.params,
    "text": mlflow.artifacts.load_text("runs:/${run}/notes.txt"),
    "files": [file.path for file in MlflowClient().list_artifacts("${run}")],
    "version": str(MlflowClient().get_model_version("${run}", "1").version),
}))`;
    let run: string;
    const expectAll = (found: Logged) => {
      expect(found).to.deep.equal({
        run,
        params: { größe: '数' },
        text: 'kept',
        files: ['notes.txt'],
        version: '1',
      });
    };

    it('log a run with an artifact and a model, and read all of it back, without cloud credentials', async () => {
      run = await stack.reach((url) => mlflow<string>(url, logRun));
      expectAll(await stack.reach((url) => mlflow<Logged>(url, readRun(run))));
    });

    it('lose nothing when the server pod is killed', async () => {
      await kubectl(
        ...[...inMlflow, 'delete', 'pod', '--grace-period=0', '--force'],
        ...['--selector', 'app.kubernetes.io/component=tracking-server'],
      );
      await kubectl(...inMlflow, 'rollout', 'status', 'deployment/mlflow', '--timeout=180s');
      expectAll(await stack.reach((url) => mlflow<Logged>(url, readRun(run))));
    });

    it('lose nothing when the database pod is killed', async () => {
      await kubectl(...inMlflow, 'delete', 'pod', 'mlflow-postgres-0', '--grace-period=0', '--force');
      await kubectl(...inMlflow, 'rollout', 'status', 'statefulset/mlflow-postgres', '--timeout=180s');
      expectAll(await stack.reach((url) => mlflow<Logged>(url, readRun(run))));
    });

    it('get rid of what they deleted, rows and files, and of nothing else', async () => {
      const files = async () =>
        await kubectl(
          ...[...inMlflow, 'exec', 'deployment/mlflow', '--container', 'mlflow', '--'],
          ...['find', '/mlflow/artifacts', '-type', 'f'],
        );
      const doomed = await stack.reach((url) => mlflow<string>(url, logRun));
      await stack.reach((url) => mlflow(url, `MlflowClient().delete_run("${doomed}"); print("{}")`));
      expect(await files()).to.include(doomed);

      await shell.run(
        documented('kubectl --namespace mlflow create job mlflow-gc-now --from=cronjob/mlflow-gc'),
      );
      await kubectl(...inMlflow, 'wait', 'job/mlflow-gc-now', '--for=condition=complete', '--timeout=180s');
      const told = await shell.run([
        documented('kubectl --namespace mlflow get jobs --selector app.kubernetes.io/component=gc'),
        documented('kubectl --namespace mlflow logs job/mlflow-gc-now'),
      ]);
      expect(told)
        .to.match(/^mlflow-gc-now +Complete /m)
        .and.include(doomed);

      expect(await sql(`SELECT count(*) FROM runs WHERE run_uuid = '${doomed}'`)).to.deep.equal(['0']);
      expect(await files())
        .to.include(run)
        .and.not.include(doomed);
      expectAll(await stack.reach((url) => mlflow<Logged>(url, readRun(run))));
    });
  });

  describe('its door', () => {
    const search = {
      path: '/api/2.0/mlflow/experiments/search',
      method: 'POST',
      body: '{"max_results": 1}',
      headers: { 'content-type': 'application/json' },
    };
    let serviceAddress: string;

    before(async () => {
      serviceAddress = await kubectl(
        ...inMlflow,
        'get',
        'service/mlflow',
        '--output',
        'jsonpath={.spec.clusterIP}',
      );
      await eventually('the Ingress answers', async () => {
        const { status } = await ask(nodeAddress(instance), { host: 'mlflow.localhost', path: '/health' });
        return status === 200;
      });
    });

    for (const host of [
      'mlflow',
      'mlflow.mlflow.svc',
      'mlflow.mlflow.svc.cluster.local',
      'localhost',
      '127.0.0.1',
    ]) {
      it(`opens to the Host ${host}, with and without port`, async () => {
        const answers = await Promise.all(
          [host, `${host}:5000`].map((name) => ask(serviceAddress, { ...search, port: 5000, host: name })),
        );
        expect(answers.map(({ status }) => status)).to.deep.equal([200, 200]);
      });
    }

    it('stays shut to any other Host, but for health checks', async () => {
      const { status, body } = await ask(serviceAddress, { ...search, port: 5000, host: 'evil.example.com' });
      expect(status).to.equal(403);
      expect(body).to.include('Invalid Host header');
      expect(
        (await ask(serviceAddress, { port: 5000, host: 'evil.example.com', path: '/health' })).status,
      ).to.equal(200);
    });

    it('leads through the Ingress, for the UI and its own requests', async () => {
      const node = nodeAddress(instance);
      expect((await ask(node, { host: 'mlflow.localhost' })).body).to.include('<title>MLflow</title>');
      const origin = { ...search.headers, origin: 'http://mlflow.localhost:8080' };
      expect((await ask(node, { ...search, host: 'mlflow.localhost', headers: origin })).status).to.equal(
        200,
      );
      const foreign = { ...search.headers, origin: 'http://evil.example.com' };
      expect((await ask(node, { ...search, host: 'mlflow.localhost', headers: foreign })).status).to.equal(
        403,
      );
      expect((await ask(node, { host: 'other.localhost' })).status).to.equal(404);
    });
  });

  describe('when it changes', () => {
    it('stops an update whose migration fails, says why, and keeps the server running', async () => {
      await sql("UPDATE alembic_version SET version_num = 'fffffffffff0'");
      const head = { ...gcOfAnyAge, migrations: { runId: 'newer' } };
      const { exitCode, output } = await stack.try(['up', '--yes', '--skip-preview'], head);
      expect(exitCode).not.to.equal(0);
      expect(output).to.include('made by a newer MLflow');
      const { items } = await kubectlJson<
        List<Pod & { status: { containerStatuses: { ready: boolean }[] } }>
      >(...[...inMlflow, 'get', 'pods', '--selector', 'app.kubernetes.io/component=tracking-server']);
      expect(items.map(({ status }) => status.containerStatuses[0]?.ready)).to.deep.equal([true]);
    });

    it('goes on with the same update once the cause is gone', async () => {
      const [head] = await sql("SELECT 'x'"); // the connection works
      expect(head).to.equal('x');
      const revision = await kubectl(
        ...[...inMlflow, 'exec', 'deployment/mlflow', '--container', 'mlflow', '--', 'python3', '-c'],
        'import os, mlflow; from alembic.script import ScriptDirectory; print(ScriptDirectory(os.path.join(os.path.dirname(mlflow.__file__), "store", "db_migrations")).get_current_head())',
      );
      await sql(`UPDATE alembic_version SET version_num = '${revision.split('\n').at(-1)}'`);
      await stack.up({ ...gcOfAnyAge, migrations: { runId: 'newer' } });
    });
  });

  describe('when it is destroyed', () => {
    const retained = { ...gcOfAnyAge, dataProtection: 'retain' };

    it('leaves nothing behind', async () => {
      await stack.destroy(gcOfAnyAge);
      expect((await tryKubectl('get', 'namespace', 'mlflow')).exitCode).not.to.equal(0);
      expect((await stack.exportedState()).resources.filter(({ custom }) => custom)).to.deep.equal([]);
      await eventually('the volumes are gone', async () => {
        return (await kubectlJson<List<unknown>>('get', 'persistentvolumes')).items.length === 0;
      });
    });

    it('comes up again at once', () => stack.up(retained));

    it('leaves retained data where it is, and finds it again', async () => {
      await stack.reach((url) => mlflow(url, 'mlflow.create_experiment("kept"); print("{}")'));
      const left = await stack.destroy(retained);
      expect(left)
        .to.match(/mlflow-artifacts-claim .*\[retain\]/)
        .and.match(/mlflow-postgres-claim .*\[retain\]/);
      const claims = await kubectlJson<List<Pod>>(...inMlflow, 'get', 'persistentvolumeclaims');
      expect(claims.items.map(({ metadata }) => metadata.name).sort()).to.deep.equal([
        'mlflow-artifacts',
        'mlflow-postgres',
      ]);
      expect(
        (await kubectlJson<List<Pod>>(...inMlflow, 'get', 'pods,services,deployments')).items,
      ).to.deep.equal([]);

      await stack.up(retained);
      const found = await stack.reach((url) =>
        mlflow<string>(url, 'print(json.dumps(MlflowClient().get_experiment_by_name("kept").name))'),
      );
      expect(found).to.equal('kept');
    });

    it('moves its database to a new place with a new password of any characters, as docs/upgrade.md says', async () => {
      const password = `p@ss:w/o?r#d%2B+$HOME 'x' "y"`;
      const settings = { ...retained, backendStore: { password } };
      const commands = documentedBelow('docs/upgrade.md', 'The database');
      const [stop = ''] = commands;
      expect(commands).to.have.lengthOf(7);
      for (const command of commands) {
        if (command.startsWith('npm run pulumi')) {
          await stack.run([...pulumiArgs(command), '--yes', '--skip-preview'], settings);
          continue;
        }
        // Once more, before the data is put in.
        if (command.includes('pg_restore')) await shell.run(stop);
        // There are no users.
        await shell.run(command.replace('in mlflow mlflow_auth', 'in mlflow'));
      }
      expect((await stack.exportedState()).text).not.to.include('p@ss');
      const name = 'print(json.dumps(MlflowClient().get_experiment_by_name("kept").name))';
      expect(await stack.reach((url) => mlflow<string>(url, name))).to.equal('kept');
    });

    it('refuses to go while its data is protected', async () => {
      const guarded = { ...gcOfAnyAge, dataProtection: 'protect' };
      await stack.up(guarded);
      const { exitCode, output } = await stack.try(['destroy', '--yes', '--skip-preview'], guarded);
      expect(exitCode).not.to.equal(0);
      expect(output).to.include('protect');
      expect(await kubectl(...inMlflow, 'get', 'persistentvolumeclaim/mlflow-postgres')).to.include('Bound');
    });

    it('goes with its data after two deliberate steps', async () => {
      await stack.up(gcOfAnyAge);
      await stack.destroy(gcOfAnyAge);
      expect((await tryKubectl('get', 'namespace', 'mlflow')).exitCode).not.to.equal(0);
    });
  });

  describe('when it cannot start', () => {
    it('says which image cannot be pulled, and comes up once the image is right', async () => {
      const wrong = { image: 'localhost/no-such-postgres:1', timeoutSeconds: 40 };
      const { exitCode, output } = await stack.try(['up', '--yes', '--skip-preview'], {
        backendStore: wrong,
      });
      expect(exitCode).not.to.equal(0);
      expect(output).to.match(/(ErrImagePull|ImagePullBackOff).*localhost\/no-such-postgres:1/);
      await stack.up();
      await stack.destroy();
    });

    it('says that a claim is not bound', async () => {
      await apply({
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'stuck' },
        provisioner: 'example.com/nobody',
      });
      const { exitCode, output } = await stack.try(['up', '--yes', '--skip-preview'], {
        artifactStore: { storageClassName: 'stuck' },
        server: { timeoutSeconds: 90 },
      });
      expect(exitCode).not.to.equal(0);
      expect(output).to.include('Failed to bind PersistentVolumeClaim(s): "mlflow-artifacts"');
      await stack.destroy();
      await kubectl('delete', 'storageclass', 'stuck');
    });
  });
});
