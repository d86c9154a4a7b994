// What is open to whom, as sentences: `gc > postgres 5432` is a connection that gc may open, `postgres < gc 5432` the same as
// the database sees it.
import { expect } from 'chai';
import { workloadPolicies } from '../../lib/network.ts';
import { settingsWith } from '../support/settings.ts';
import { runStack } from '../support/mocks.ts';

interface Selector {
  readonly matchLabels?: Record<string, string>;
  readonly matchExpressions?: { key: string; operator: string; values: string[] }[];
}
interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}
interface Rule {
  readonly from?: Peer[];
  readonly to?: Peer[];
  readonly ports?: { readonly protocol: string; readonly port: number }[];
}

const component = 'app.kubernetes.io/component';

function peerText({ podSelector, namespaceSelector, ipBlock }: Peer): string {
  if (ipBlock) return ipBlock.cidr;
  const { matchLabels = {}, matchExpressions = [] } = podSelector ?? {};
  const labels = [
    ...Object.entries(matchLabels).map((pair) => pair.join('=')),
    ...matchExpressions.map(({ key, operator, values }) => `${key} ${operator} ${values.join('|')}`),
  ].join(' ');
  const name = namespaceSelector?.matchLabels?.['kubernetes.io/metadata.name'];
  if (name !== undefined) return labels === '' ? `${name}/` : `${name}/${labels}`;
  return matchLabels[component] ?? (labels === '' ? 'beside' : labels);
}

function ruleTexts(who: string, sign: '<' | '>', { from, to, ports }: Rule): string[] {
  const peers = from ?? to;
  const numbers = ports?.map(({ protocol, port }) => (protocol === 'TCP' ? port : `${port}/${protocol}`));
  return (peers?.map(peerText) ?? ['anywhere']).map(
    (peer) => `${who} ${sign} ${peer} ${numbers?.join(' ') ?? 'any'}`,
  );
}

/** Of the stack's own workloads, not of the pods that operators start for a while. */
async function open(settings: object, databasePorts: Record<string, number> = {}): Promise<string[]> {
  return (await everything(settings, databasePorts)).filter((line) => !line.includes('maintenance'));
}

async function everything(settings: object, databasePorts: Record<string, number> = {}): Promise<string[]> {
  let policies: ReturnType<typeof workloadPolicies> = [];
  const parsed = settingsWith({ auth: { acceptPublic: true }, ...settings });
  await runStack(() => void (policies = workloadPolicies(parsed, { databasePorts })));
  return policies.flatMap((policy) => [
    `${policy.component}: ${policy.name}`,
    ...(policy.ingress as Rule[]).flatMap((rule) => ruleTexts(policy.component, '<', rule)),
    ...(policy.egress as Rule[]).flatMap((rule) => ruleTexts(policy.component, '>', rule)),
  ]);
}

const namesOf = (...users: string[]) =>
  users.flatMap((user) => [
    `${user} > kube-system/k8s-app In kube-dns|node-local-dns any`,
    `${user} > openshift-dns/ any`,
    ...[
      '10.0.0.0/8',
      '172.16.0.0/12',
      '192.168.0.0/16',
      '100.64.0.0/10',
      '169.254.0.0/16',
      '34.118.224.0/20',
    ].map((cidr) => `${user} > ${cidr} 53/UDP 53`),
  ]);
const database = (user: string) => [`${user} > postgres 5432`, `postgres < ${user} 5432`];
const mlflow = ['tracking-server', 'migration', 'gc'];
const metadata = (user: string) => [
  `${user} > 169.254.169.254/32 80 8080`,
  `${user} > 169.254.169.252/32 987 988`,
  `${user} > 169.254.170.23/32 80`,
];
const external = (settings: object) => ({ kind: 'external', ...settings });
const connectionFrom = { secretName: 'db' };
const uriFrom = { secretName: 'db', key: 'uri' };
const withoutDatabase = [
  'postgres: mlflow-postgres',
  'postgres-vacuum: mlflow-postgres-vacuum',
  ...[...mlflow, 'postgres-vacuum'].flatMap(database),
  ...namesOf('postgres-vacuum'),
];
const s3 = ['s3: mlflow-artifacts', 's3 < tracking-server 8333', 'tracking-server > s3 8333'];
const bucket = external({ uri: 's3://bucket/path' });
const ownS3 = (endpointUrl: string) => ({
  kind: 's3Compatible',
  endpointUrl,
  credentialsFrom: { secretName: 's3' },
});

const entry = { ingress: { enabled: true, hosts: ['mlflow.example'] } };
const fromEntry = ['ingress-nginx', 'traefik', 'kube-system'].map(
  (namespace) => `tracking-server < ${namespace}/ 5000`,
);
const proxyAt = (issuerUrl: string) => ({
  kind: 'oauth2Proxy',
  oauth2Proxy: {
    issuerUrl,
    clientId: 'mlflow',
    clientSecretFrom: { secretName: 'client', key: 'secret' },
    emailDomains: ['*'],
  },
});
const oidcAt = (env: object) => ({
  kind: 'plugin',
  plugin: { appName: 'oidc-auth', env, envFrom: [{ secretRef: { name: 'client' } }] },
});

describe('connections', () => {
  let base: string[];
  before(async () => (base = await open({})));

  it('are, with the defaults, those to the server and to its database', () => {
    expect(base).to.have.members([
      'tracking-server: mlflow',
      'migration: mlflow-migration',
      'gc: mlflow-gc',
      'postgres: mlflow-postgres',
      'postgres-vacuum: mlflow-postgres-vacuum',
      'gc > tracking-server 5000',
      'tracking-server < gc 5000',
      'tracking-server < beside 5000',
      ...[...mlflow, 'postgres-vacuum'].flatMap(database),
      ...namesOf(...mlflow, 'postgres-vacuum'),
    ]);
  });

  it('are, for pods of operators, those of the server and the one to the server', async () => {
    for (const settings of [
      {},
      { artifactStore: { kind: 's3Compatible' } },
      { artifactStore: bucket },
      { backendStore: external({ host: 'db.example', connectionFrom, readReplica: { host: '192.0.2.8' } }) },
    ]) {
      const lines = await everything(settings);
      const of = (user: string) =>
        lines.filter((line) => line.startsWith(`${user} >`)).map((line) => line.slice(user.length));
      expect(of('maintenance')).to.have.members([...of('tracking-server'), ' > tracking-server 5000']);
      const admitted = lines.filter((line) => line.endsWith(' < tracking-server 5432'));
      expect(lines).to.include.members([
        ...admitted.map((line) => line.replace('tracking-server', 'maintenance')),
        'tracking-server < maintenance 5000',
      ]);
    }
  });

  for (const [title, settings, added, removed = []] of [
    [
      'without garbage collection',
      { gc: { enabled: false } },
      [],
      [
        'gc: mlflow-gc',
        'gc > tracking-server 5000',
        'tracking-server < gc 5000',
        ...database('gc'),
        ...namesOf('gc'),
      ],
    ],
    [
      'without migrations',
      { migrations: { enabled: false } },
      [],
      ['migration: mlflow-migration', ...database('migration'), ...namesOf('migration')],
    ],
    [
      'without vacuum',
      { backendStore: { vacuum: false } },
      [],
      [
        'postgres-vacuum: mlflow-postgres-vacuum',
        ...database('postgres-vacuum'),
        ...namesOf('postgres-vacuum'),
      ],
    ],
    [
      'with trace archival',
      { traceArchival: { enabled: true } },
      ['trace-archival: mlflow-trace-archival', ...database('trace-archival'), ...namesOf('trace-archival')],
    ],
    [
      'with backups',
      { backup: { enabled: true, passphrase: 'sixteen letters!' } },
      ['backup: mlflow-backup', ...database('backup'), ...namesOf('backup')],
    ],
    [
      'with users and workspaces, whose databases are on the same server',
      {
        auth: { kind: 'basic' },
        workspaces: { enabled: true },
        registryStore: { database: 'models' },
      },
      [],
    ],

    // Ways in
    [
      'with an Ingress',
      { ingress: { enabled: true, hosts: ['a.example'] } },
      [
        'tracking-server < ingress-nginx/ 5000',
        'tracking-server < traefik/ 5000',
        'tracking-server < kube-system/ 5000',
      ],
    ],
    [
      "with an Ingress of Google's",
      {
        ingress: { enabled: true, hosts: ['a.example'], className: 'gce' },
        networkPolicy: { ingressNamespaces: [], clients: [{ namespace: 'team-b' }] },
      },
      [
        'tracking-server < 130.211.0.0/22 5000',
        'tracking-server < 35.191.0.0/16 5000',
        'tracking-server < team-b/ 5000',
      ],
    ],
    ['with metrics', { metrics: { enabled: true } }, ['tracking-server < monitoring/ 5000']],
    [
      'with a monitoring of its own name, and no metrics',
      { networkPolicy: { monitoringNamespaces: ['prometheus'] } },
      [],
    ],
    [
      'with programs that are told of the server',
      { clientEnv: { namespaces: ['team-a'] } },
      ['tracking-server < team-a/ 5000'],
    ],
    [
      'with clients',
      {
        networkPolicy: {
          clients: [
            { namespace: 'team-a' },
            { namespace: 'team-b', podLabels: { role: 'training' } },
            { cidr: '192.0.2.0/24' },
          ],
        },
      },
      [
        'tracking-server < team-a/ 5000',
        'tracking-server < team-b/role=training 5000',
        'tracking-server < 192.0.2.0/24 5000',
      ],
    ],

    // Artifacts
    ['with an S3 server in the cluster', { artifactStore: { kind: 's3Compatible' } }, s3],
    [
      'with an S3 server in the cluster and trace archival',
      {
        artifactStore: { kind: 's3Compatible' },
        traceArchival: { enabled: true },
      },
      [
        ...s3,
        's3 < trace-archival 8333',
        'trace-archival > s3 8333',
        'trace-archival: mlflow-trace-archival',
        ...database('trace-archival'),
        ...namesOf('trace-archival'),
      ],
    ],
    [
      'with an S3 server elsewhere',
      { artifactStore: ownS3('https://s3.example') },
      ['tracking-server > anywhere 443'],
    ],
    [
      'with an S3 server elsewhere at a port of its own',
      { artifactStore: ownS3('http://s3.example:9000') },
      ['tracking-server > anywhere 9000'],
    ],
    [
      'with an S3 server at an address',
      { artifactStore: ownS3('http://192.0.2.7') },
      ['tracking-server > 192.0.2.7/32 80'],
    ],
    [
      'with an S3 server at an IPv6 address',
      { artifactStore: ownS3('https://[2001:db8::7]:9000') },
      ['tracking-server > 2001:db8::7/128 9000'],
    ],
    [
      'with clients and garbage collection that talk to S3 themselves',
      {
        artifactStore: { ...ownS3('https://s3.example'), mode: 'direct' },
      },
      ['tracking-server > anywhere 443', 'gc > anywhere 443'],
    ],
    [
      'with a bucket and the identity of the pod',
      { artifactStore: bucket },
      ['tracking-server > anywhere 443', ...metadata('tracking-server')],
    ],
    [
      'with a bucket, narrowed',
      {
        artifactStore: bucket,
        networkPolicy: { objectStoreCidrs: ['192.0.2.0/24', '198.51.100.0/24'] },
      },
      [
        'tracking-server > 192.0.2.0/24 443',
        'tracking-server > 198.51.100.0/24 443',
        ...metadata('tracking-server'),
      ],
    ],
    [
      'with a bucket and keys',
      { artifactStore: { ...bucket, credentialsFrom: { secretName: 's3' } } },
      ['tracking-server > anywhere 443'],
    ],
    [
      'with a container at Azure',
      { artifactStore: external({ uri: 'wasbs://box@name.blob.core.windows.net/a' }) },
      ['tracking-server > anywhere 443', ...metadata('tracking-server')],
    ],
    [
      'with files on another server',
      { artifactStore: external({ uri: 'sftp://me:a@192.0.2.7:2222/files' }) },
      ['tracking-server > 192.0.2.7/32 2222'],
    ],
    [
      'with files on another server at the usual port',
      { artifactStore: external({ uri: 'sftp://files.example/a:1/b' }) },
      ['tracking-server > anywhere 22'],
    ],

    // Identity providers
    [
      'with single sign-on in front of the server',
      { ...entry, auth: proxyAt('https://id.example') },
      [...fromEntry, 'tracking-server > anywhere 443'],
    ],
    [
      'with single sign-on at an address',
      { ...entry, auth: proxyAt('http://192.0.2.7:8080/realms/a') },
      [...fromEntry, 'tracking-server > 192.0.2.7/32 8080'],
    ],
    [
      'with single sign-on by a plug-in',
      { auth: oidcAt({ OIDC_DISCOVERY_URL: 'https://id.example:8443/a', OIDC_CLIENT_ID: 'a' }) },
      ['tracking-server > anywhere 8443'],
    ],
    [
      'with single sign-on at what only a Secret tells',
      { auth: oidcAt({}) },
      ['tracking-server > anywhere 443'],
    ],

    // Databases
    ['with SQLite', { backendStore: { kind: 'sqlite' } }, [], withoutDatabase],
    [
      'with a database elsewhere',
      { backendStore: external({ host: 'db.example', connectionFrom }) },
      mlflow.map((user) => `${user} > anywhere 5432`),
      withoutDatabase,
    ],
    [
      'with a database whose host a Secret tells',
      { backendStore: external({ connectionFrom, dialect: 'mssql' }) },
      mlflow.map((user) => `${user} > anywhere 1433`),
      withoutDatabase,
    ],
    [
      'with a database at an address',
      { backendStore: external({ host: '192.0.2.7', port: 6432, connectionFrom }) },
      mlflow.map((user) => `${user} > 192.0.2.7/32 6432`),
      withoutDatabase,
    ],
    [
      'with a database in a range',
      {
        backendStore: external({ host: 'db.example', connectionFrom }),
        networkPolicy: { databaseCidrs: ['192.0.2.0/28'] },
      },
      mlflow.map((user) => `${user} > 192.0.2.0/28 5432`),
      withoutDatabase,
    ],
    [
      'with a URI that nobody may read',
      { backendStore: external({ uriFrom, dialect: 'mysql' }) },
      mlflow.map((user) => `${user} > anywhere 3306`),
      withoutDatabase,
    ],
    [
      'with a read replica, which only the server uses',
      {
        backendStore: external({
          host: 'db.example',
          port: 6432,
          connectionFrom,
          readReplica: { host: '192.0.2.8' },
        }),
      },
      [...mlflow.map((user) => `${user} > anywhere 6432`), 'tracking-server > 192.0.2.8/32 6432'],
      withoutDatabase,
    ],
    [
      'with a registry elsewhere',
      { registryStore: { uriFrom } },
      mlflow.map((user) => `${user} > anywhere 5432`),
    ],

    // The rest
    [
      'with rights at the Kubernetes API',
      {
        server: { rbac: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] } },
      },
      ['tracking-server > anywhere 443 6443'],
    ],
    [
      'with rights in the whole cluster',
      {
        server: { rbac: { clusterRules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get'] }] } },
      },
      ['tracking-server > anywhere 443 6443'],
    ],
    [
      'with name servers at one address',
      { networkPolicy: { dnsCidrs: ['192.0.2.53/32'] } },
      [...mlflow, 'postgres-vacuum'].map((user) => `${user} > 192.0.2.53/32 53/UDP 53`),
      namesOf(...mlflow, 'postgres-vacuum').filter((text) => text.endsWith('53')),
    ],
    [
      'with further rules',
      {
        networkPolicy: {
          additionalEgressRules: [
            { to: [{ ipBlock: { cidr: '192.0.2.9/32' } }], ports: [{ protocol: 'TCP', port: 443 }] },
          ],
        },
      },
      mlflow.map((user) => `${user} > 192.0.2.9/32 443`),
    ],
  ] as [string, object, string[], string[]?][]) {
    it(title, async () => {
      const found = await open(settings);
      expect(found.filter((text) => !base.includes(text))).to.have.members(added);
      expect(base.filter((text) => !found.includes(text))).to.have.members(removed);
      expect(new Set(found).size).to.equal(found.length);
    });
  }

  it('use the ports in the URIs that Secrets hold', async () => {
    const backendStore = external({
      uriFrom,
      readReplica: { uriFrom: { secretName: 'db', key: 'replica' } },
    });
    const found = await open(
      { backendStore, registryStore: { uriFrom } },
      {
        'backendStore.uriFrom': 6432,
        'backendStore.readReplica.uriFrom': 6433,
        'registryStore.uriFrom': 3306,
      },
    );
    expect(found.filter((text) => text.includes('anywhere'))).to.have.members([
      ...mlflow.flatMap((user) => [`${user} > anywhere 6432`, `${user} > anywhere 3306`]),
      'tracking-server > anywhere 6433',
    ]);
  });

  it('are selected by stack and component', async () => {
    let policies: ReturnType<typeof workloadPolicies> = [];
    const settings = settingsWith({});
    await runStack(() => void (policies = workloadPolicies(settings, { databasePorts: {} })), {
      stack: 'prod',
    });
    expect(policies.find((policy) => policy.component === 'gc')?.egress[0]).to.deep.equal({
      to: [
        {
          podSelector: {
            matchLabels: {
              'app.kubernetes.io/name': 'mlflow',
              'app.kubernetes.io/instance': 'mlflow-stack.prod',
              [component]: 'tracking-server',
            },
          },
        },
      ],
      ports: [{ protocol: 'TCP', port: 5000 }],
    });
  });
});
