// A pretended project of Google Cloud for tests: a test double of the plug-in, Cloud Storage by fake-gcs-server, behind a door
// that lets in whom the project's policies let in, the metadata server that gives pods their identity, and a real PostgreSQL
// as the Cloud SQL instance, with the side on which the Auth Proxy knocks.
import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { defaultImages } from '../../../../lib/image.ts';
import { contextName, hostAddress, kubeconfigPath } from '../../../../tools/cluster/index.ts';
import { runningNode } from '../../../../tools/cluster/node.ts';
import { logDir } from '../../../../tools/lib/plan.ts';
import { toolPath } from '../../../../tools/toolchain/index.ts';
import { install } from '../../../../tools/toolchain/install.ts';
import { toolDir } from '../../../../tools/toolchain/store.ts';
import { type Authority, authority } from '../../../support/certificates.ts';
import { apply, eventually, kubectl, tryKubectl } from '../cluster.ts';
import { installDouble, installRealPlugin, removePlugin, usesRealPlugin } from '../double/install.ts';
import { Store } from '../double/store.ts';
import { instance } from '../stack.ts';
import { fakeGcs } from './fake-gcs.ts';
import { SqlAdmin } from './sql-admin.ts';
import { instanceDnsName } from './sql-connections.ts';
import { StorageDoor } from './storage-door.ts';

const namespace = 'cloud-sql';
const inSql = ['--namespace', namespace];
/** Where GKE has it. */
const metadataAddress = '169.254.169.254';
const metadataPort = 8080;
/** Port 80 of all addresses of the node is the Ingress controller's, so pods are led past it, as GKE leads them, too. */
const detour = [
  ...['PREROUTING', '--destination', metadataAddress, '--protocol', 'tcp', '--dport', '80'],
  ...['--jump', 'DNAT', '--to-destination', `${metadataAddress}:${metadataPort}`],
];
const admission = 'storage-of-tests';
const kubectlCommand = () => [
  toolPath('kubectl'),
  ...['--kubeconfig', kubeconfigPath(instance), '--context', contextName(instance)],
];

export class PretendedProject {
  /** What exists in it. */
  readonly store: Store;
  readonly #door: StorageDoor;
  readonly #admin: SqlAdmin;
  readonly #end: AbortController;
  readonly #processes: readonly Promise<unknown>[];

  private constructor(
    store: Store,
    door: StorageDoor,
    admin: SqlAdmin,
    end: AbortController,
    processes: readonly Promise<unknown>[],
  ) {
    this.store = store;
    this.#door = door;
    this.#admin = admin;
    // The engine, and the program in it, get them from here.
    Object.assign(process.env, admin.environment);
    this.#end = end;
    this.#processes = processes;
  }

  /** A project with nothing but a network, for a stack whose pods are in `podNamespace`. */
  static async start(id: string, network: string, podNamespace: string): Promise<PretendedProject> {
    mkdirSync(logDir(instance), { recursive: true });
    const log = createWriteStream(join(logDir(instance), 'gcp.log'));
    await once(log, 'open');
    await install(fakeGcs, { log, signal: new AbortController().signal, report: () => undefined });

    const store = new Store(mkdtempSync(join(tmpdir(), 'mlflow-stack-gcp-')));
    const networkId = `projects/${id}/global/networks/${network}`;
    const inputs = { name: network, project: id };
    store.put('gcp:compute/network:Network', { id: networkId, inputs, outputs: inputs });

    const ca = await authority();
    const admin = await SqlAdmin.start(store, ca);
    const door = await StorageDoor.open(hostAddress(instance), store, admin);
    const end = new AbortController();
    const options = { cancelSignal: end.signal, stdout: log, stderr: log, reject: false } as const;
    const storage = execa(
      join(toolDir(fakeGcs), 'fake-gcs-server'),
      [
        ...['-backend', 'memory', '-scheme', 'http', '-host', '127.0.0.1', '-port', `${door.innerPort}`],
        ...['-external-url', door.url, '-public-host', new URL(door.url).host, '-log-level', 'warn'],
      ],
      options,
    );
    await inNode('ip', 'address', 'add', `${metadataAddress}/32`, 'dev', 'lo');
    await inNode('iptables', '--table', 'nat', '--delete', ...detour);
    await inNode('iptables', '--table', 'nat', '--insert', ...detour);
    const [nsenter, ...enter] = nodePrefix();
    const settings = {
      address: metadataAddress,
      port: metadataPort,
      project: id,
      state: store.dir,
      kubectl: kubectlCommand(),
    };
    // In the network of the node, so that it sees from which pod it is asked, as that of GKE does.
    const metadata = execa(
      nsenter,
      [...enter, process.execPath, join(import.meta.dirname, 'metadata-server.ts'), JSON.stringify(settings)],
      options,
    );
    const address = await startDatabase(ca);
    await tellPods(podNamespace, door.url);
    const inner = `http://127.0.0.1:${door.innerPort}`;
    await eventually('Cloud Storage answers', () =>
      fetch(`${inner}/storage/v1/b`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    await eventually('the metadata server answers', async () => {
      const asked = `await fetch('http://${metadataAddress}:${metadataPort}/')`;
      const node = [process.execPath, '--input-type=module', '--eval', asked];
      return (await execa(nsenter, [...enter, ...node], { reject: false })).exitCode === 0;
    });
    const double = {
      DOUBLE_STATE: store.dir,
      DOUBLE_STORAGE: inner,
      DOUBLE_SQL_ADDRESS: address,
      DOUBLE_SQL_AUTHORITY: ca.certificate,
      DOUBLE_PSQL: JSON.stringify([
        ...kubectlCommand(),
        ...[...inSql, 'exec', '--stdin', 'pod/instance', '--container', 'postgres', '--'],
        ...['psql', '--username', 'cloudsqladmin', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align'],
        ...['--set', 'ON_ERROR_STOP=1'],
      ]),
    };
    if (usesRealPlugin) {
      await installRealPlugin(instance, 'gcp');
      Object.assign(process.env, double);
    } else installDouble(instance, 'gcp', double);
    return new PretendedProject(store, door, admin, end, [storage, metadata]);
  }

  /** Names of the objects in a bucket; undefined where there is no such bucket. */
  async objects(bucket: string): Promise<string[] | undefined> {
    const answer = await fetch(`http://127.0.0.1:${this.#door.innerPort}/storage/v1/b/${bucket}/o`);
    if (!answer.ok) return undefined;
    const { items = [] } = (await answer.json()) as { items?: { name: string }[] };
    return items.map(({ name }) => name);
  }

  /** Rows of a query on the instance. */
  async sql(query: string, database: string): Promise<string[]> {
    const rows = await kubectl(
      ...[...inSql, 'exec', 'pod/instance', '--', 'psql', '--username', 'cloudsqladmin'],
      ...['--dbname', database, '--tuples-only', '--no-align', '--command', query],
    );
    return rows.split('\n').filter((row) => row !== '');
  }

  /** What the door of Cloud Storage refused, one sentence each. */
  get refusals(): readonly string[] {
    return this.#door.refusals;
  }

  /** Nothing is left of it. */
  async stop(): Promise<void> {
    removePlugin(instance, 'gcp');
    this.#end.abort();
    this.#door.close();
    this.#admin.stop();
    for (const name of Object.keys(this.#admin.environment)) Reflect.deleteProperty(process.env, name);
    await Promise.all(this.#processes);
    await inNode('iptables', '--table', 'nat', '--delete', ...detour);
    await inNode('ip', 'address', 'delete', `${metadataAddress}/32`, 'dev', 'lo');
    rmSync(this.store.dir, { recursive: true, force: true });
    await untellPods();
    await tryKubectl('delete', 'namespace', namespace, '--ignore-not-found');
  }
}

function nodePrefix(): [string, ...string[]] {
  const node = runningNode(instance);
  if (node === undefined) throw new Error('the cluster is not running');
  return ['nsenter', '--target', `${node.pid}`, '--net'];
}

async function inNode(...command: string[]): Promise<void> {
  const [nsenter, ...args] = nodePrefix();
  await execa(nsenter, [...args, ...command], { reject: false });
}

/** The superuser is the service's own, as there, and only TLS gets in from outside. Resolves to its address. */
async function startDatabase({ certificate, issue }: Authority): Promise<string> {
  const server = await issue({ hosts: [instanceDnsName] });
  await tryKubectl('delete', 'namespace', namespace, '--ignore-not-found');
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const files = {
    'tls.crt': server.certificate,
    'tls.key': server.key,
    'ca.crt': certificate,
    'pg_hba.conf': accessRules,
    'sql_gate.py': readFileSync(join(import.meta.dirname, 'sql_gate.py'), 'utf8'),
  };
  const volumeMounts = [{ name: 'files', mountPath: '/files' }];
  await apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'files', namespace },
    stringData: files,
  });
  const options = {
    ssl: 'on',
    ssl_cert_file: '/files/tls.crt',
    ssl_key_file: '/files/tls.key',
    hba_file: '/files/pg_hba.conf',
  };
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'instance', namespace },
    spec: {
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      securityContext: { runAsUser: 999, runAsGroup: 999, fsGroup: 999 },
      containers: [
        {
          name: 'postgres',
          image: defaultImages.postgres,
          imagePullPolicy: 'IfNotPresent',
          args: [
            'postgres',
            ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
          ],
          env: [
            { name: 'POSTGRES_USER', value: 'cloudsqladmin' },
            { name: 'POSTGRES_PASSWORD', value: 'nobody knows it' },
            { name: 'POSTGRES_DB', value: 'postgres' },
            { name: 'PGDATA', value: '/tmp/data' },
          ],
          readinessProbe: { exec: { command: ['pg_isready', '-h', '127.0.0.1'] }, periodSeconds: 1 },
          volumeMounts,
        },
        {
          name: 'gate',
          image: defaultImages.postgres,
          imagePullPolicy: 'IfNotPresent',
          command: ['python3', '/files/sql_gate.py'],
          readinessProbe: { tcpSocket: { port: 3307 }, periodSeconds: 1 },
          volumeMounts,
        },
      ],
      volumes: [{ name: 'files', secret: { secretName: 'files', defaultMode: 0o440 } }],
    },
  });
  await kubectl(...inSql, 'wait', 'pod/instance', '--for=condition=Ready', '--timeout=120s');
  return await kubectl(...inSql, 'get', 'pod/instance', '--output', 'jsonpath={.status.podIP}');
}

/** From where those come who have shown a certificate at the gate (sql_gate.py). */
export const gate = { loggedIn: '127.0.0.2', connected: '127.0.0.1' } as const;
const accessRules = `
local all all trust
host all all ${gate.loggedIn}/32 trust
host all all ${gate.connected}/32 scram-sha-256
hostssl all all all scram-sha-256
`;

/** Every pod of the stack is told where Google's services and the metadata server are, as no names lead there. Who it is, it is not told. */
async function tellPods(podNamespace: string, url: string): Promise<void> {
  const variables = {
    API_ENDPOINT_OVERRIDE: url,
    CSQL_PROXY_SQLADMIN_API_ENDPOINT: url,
    GCE_METADATA_HOST: metadataAddress,
  };
  const told = (list: string) => {
    const env = Object.entries(variables)
      .map(([name, value]) => `Object.spec.${list}.env{name: "${name}", value: "${value}"}`)
      .join(', ');
    return `object.spec.?${list}.orValue([]).map(each, Object.spec.${list}{name: each.name, env: [${env}]})`;
  };
  await apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name: admission },
    spec: {
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      matchConstraints: {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': podNamespace } },
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] },
        ],
      },
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: `Object{spec: Object.spec{containers: ${told('containers')}, initContainers: ${told('initContainers')}}}`,
          },
        },
      ],
    },
  });
  await apply({
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name: admission },
    spec: { policyName: admission },
  });
}

async function untellPods(): Promise<void> {
  const kinds = 'mutatingadmissionpolicybindings,mutatingadmissionpolicies';
  await tryKubectl('delete', kinds, admission, '--ignore-not-found');
}
