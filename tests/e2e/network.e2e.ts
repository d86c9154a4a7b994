// What policies open and close, seen from inside pods, in a cluster whose network enforces them; and whatever talks to
// something at its work under them.
import { type AddressInfo, type Server, createServer } from 'node:net';
import { expect } from 'chai';
import { hostAddress, nodeAddress } from '../../tools/cluster/index.ts';
import { addonsImage } from '../../tools/images/index.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import type { Overrides } from '../../tools/lib/scratch-stack.ts';
import {
  apply,
  ask,
  eventually,
  inMlflow,
  inServer,
  kubectl,
  runCronJob,
  runGc,
  sql,
  tryKubectl,
} from './support/cluster.ts';
import { mlflow } from './support/mlflow.ts';
import { instance, stack } from './support/stack.ts';

/** What a stack has that talks to something, with the policies that it has by default. */
const base: Overrides = {
  networkPolicy: {},
  artifactStore: { kind: 's3Compatible' },
  server: { resources: { requests: { cpu: '100m', memory: '512Mi' } } },
  gc: { olderThan: 'all' },
  traceArchival: { enabled: true, retention: '1m' },
  metrics: { enabled: true },
};
const rule = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };

/** Namespaces of pods that are none of the stack's. */
const namespaces = ['mlflow', 'stranger', 'monitoring', 'traefik'];
/** A port that every one of those pods listens on. */
const probePort = 8080;

/** Answers and calls; passes the restricted security level of the stack's namespace. */
const probe = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'probe', namespace },
  spec: {
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 0,
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'probe',
        image: addonsImage,
        imagePullPolicy: 'IfNotPresent',
        command: ['/bin/busybox', 'httpd', '-f', '-p', `${probePort}`, '-h', '/tmp'],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
});

/** Whether a connection comes about. */
type Caller = (address: string, port: number) => Promise<boolean>;

const fromProbe =
  (namespace: string): Caller =>
  async (address, port) => {
    const command = ['busybox', 'nc', '-w', '3', address, `${port}`, '-e', '/bin/busybox', 'true'];
    const { exitCode } = await tryKubectl('--namespace', namespace, 'exec', 'probe', '--', ...command);
    return exitCode === 0;
  };

const fromServer: Caller = async (address, port) => {
  const script = `import socket; socket.create_connection(("${address}", ${port}), 3)`;
  return (await tryKubectl(...inServer, 'python3', '-c', script)).exitCode === 0;
};

const field = (path: string, namespace: string, object: string) =>
  kubectl('--namespace', namespace, 'get', object, '--output', `jsonpath={${path}}`);
const serviceAddress = (name: string) => field('.spec.clusterIP', 'mlflow', `service/${name}`);
const probeAddress = (namespace: string) => field('.status.podIP', namespace, 'pod/probe');

describe('A stack behind NetworkPolicies', function () {
  this.timeout('10m');
  this.bail(true);

  /** Stands in for the internet. */
  let outside: Server;
  let outsidePort: number;

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    outside = createServer((socket) => socket.end()).listen(0, hostAddress(instance));
    await new Promise((resolve) => outside.once('listening', resolve));
    outsidePort = (outside.address() as AddressInfo).port;
    for (const name of ['stranger', 'monitoring']) await tryKubectl('create', 'namespace', name);
  });
  after(async () => {
    outside.close();
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'stranger', 'monitoring', '--ignore-not-found');
    await tryKubectl('--namespace', 'traefik', 'delete', 'pod', 'probe', '--ignore-not-found');
  });

  it('comes up, and a second up changes nothing', async () => {
    await stack.up(base);
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], base);
    for (const namespace of namespaces) await apply(probe(namespace));
    for (const namespace of namespaces) {
      await kubectl('--namespace', namespace, 'wait', 'pod/probe', '--for=condition=Ready', '--timeout=60s');
    }
  });

  /** The network learns of a new pod some moments after it is there. */
  const isOpen = (what: string, call: () => Promise<boolean>) => eventually(`${what} is open`, call, 30);
  const stores = [
    ['mlflow-postgres', 5432],
    ['mlflow-artifacts', 8333],
  ] as const;

  it('lets the server reach its stores and the name server', async () => {
    for (const [name, port] of stores) await isOpen(name, async () => fromServer(`${name}.mlflow.svc`, port));
  });

  it('lets the server reach nothing else, in its namespace or outside', async () => {
    const strange = await probeAddress('stranger');
    await isOpen('a pod, from another', () => fromProbe('monitoring')(strange, probePort));
    await isOpen('the outside, from a pod', () => fromProbe('stranger')(hostAddress(instance), outsidePort));
    expect(await fromServer(strange, probePort)).to.equal(false);
    expect(await fromServer(await probeAddress('mlflow'), probePort)).to.equal(false);
    expect(await fromServer(hostAddress(instance), outsidePort)).to.equal(false);
    expect(await fromServer('kubernetes.default.svc', 443)).to.equal(false);
  });

  for (const namespace of ['mlflow', 'monitoring', 'traefik']) {
    it(`lets pods of namespace ${namespace} reach the server, and no store`, async () => {
      const address = await serviceAddress('mlflow');
      await isOpen('the server', () => fromProbe(namespace)(address, 5000));
      for (const [name, port] of stores)
        expect(await fromProbe(namespace)(await serviceAddress(name), port), name).to.equal(false);
    });
  }

  it('lets pods of any other namespace reach neither, and not this machine either', async () => {
    const call = fromProbe('stranger');
    expect(await call(await serviceAddress('mlflow'), 5000)).to.equal(false);
    for (const [name, port] of stores)
      expect(await call(await serviceAddress(name), port), name).to.equal(false);
    const request = ask(await serviceAddress('mlflow'), { port: 5000, host: 'localhost', path: '/health' });
    const hasAnswered = await request.then(
      () => true,
      () => false,
    );
    expect(hasAnswered).to.equal(false);
  });

  it('lets people in through the Ingress', async () => {
    const page = () => ask(nodeAddress(instance), { host: 'mlflow.localhost' });
    await eventually('the Ingress answers', async () => (await page()).status === 200);
    expect((await page()).body).to.include('<title>MLflow</title>');
  });

  it('lets garbage collection, trace archival and vacuum do their work', async () => {
    const use = `
import time
mlflow.set_experiment("network")
with mlflow.start_run() as run:
    mlflow.log_text("text", "notes.txt")
MlflowClient().delete_run(run.info.run_id)
past = int((time.time() - 3600) * 1e9)
span = mlflow.start_span_no_context("question", inputs={}, start_time_ns=past)
span.end(outputs={"text": "answer"}, end_time_ns=past + 10**9)
print(json.dumps(span.trace_id))`;
    const trace = await stack.reach((url) => mlflow<string>(url, use));
    await runGc();
    expect(await sql("SELECT count(*) FROM runs WHERE lifecycle_stage = 'deleted'")).to.deep.equal(['0']);
    await runCronJob('mlflow-trace-archival');
    expect(await sql("SELECT count(*) FROM spans WHERE content <> ''")).to.deep.equal(['0']);
    const read = `print(json.dumps(mlflow.get_trace("${trace}").data.spans[0].outputs))`;
    expect(await stack.reach((url) => mlflow(url, read))).to.deep.equal({ text: 'answer' });
    await runCronJob('mlflow-postgres-vacuum');
  });

  it('opens what settings ask for, and closes what they no longer need', async () => {
    const changed = {
      ...base,
      metrics: { enabled: false },
      migrations: { runId: 'again' },
      server: { ...(base.server as object), rbac: { rules: [rule] } },
      networkPolicy: {
        clients: [{ namespace: 'stranger', podLabels: { mlflow: 'client' } }],
        additionalEgressRules: [
          {
            to: [{ ipBlock: { cidr: `${hostAddress(instance)}/32` } }],
            ports: [{ protocol: 'TCP', port: outsidePort }],
          },
        ],
      },
    };
    await stack.up(changed);
    await isOpen('the outside', () => fromServer(hostAddress(instance), outsidePort));
    await isOpen('the API server', () => fromServer('kubernetes.default.svc', 443));
    const server = await serviceAddress('mlflow');
    await isOpen('the server, beside it', () => fromProbe('mlflow')(server, 5000));
    expect(await fromProbe('monitoring')(server, 5000)).to.equal(false);
    expect(await fromProbe('stranger')(server, 5000)).to.equal(false);
    await kubectl('--namespace', 'stranger', 'label', 'pod/probe', 'mlflow=client');
    await isOpen('the server, for a client', () => fromProbe('stranger')(server, 5000));
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], changed);
  });

  it('closes nothing where policies are off', async () => {
    await stack.up({ ...base, networkPolicy: { enabled: false } });
    expect(await kubectl(...inMlflow, 'get', 'networkpolicies', '--output', 'name')).to.equal('');
    for (const [name, port] of stores) {
      const address = await serviceAddress(name);
      await isOpen(name, () => fromProbe('monitoring')(address, port));
    }
  });

  it('works on when they are switched on again', async () => {
    await stack.up(base);
    const address = await serviceAddress('mlflow-postgres');
    await eventually(
      'the database is closed',
      async () => !(await fromProbe('monitoring')(address, 5432)),
      30,
    );
    await isOpen('the database', () => fromServer('mlflow-postgres.mlflow.svc', 5432));
    expect((await ask(nodeAddress(instance), { host: 'mlflow.localhost', path: '/health' })).status).to.equal(
      200,
    );
  });
});
