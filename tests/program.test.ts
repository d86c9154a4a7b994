// What must hold for every stack, whatever its settings: checked over each stack file that there is, both while Pulumi
// previews, with no output known yet, and while it updates.
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { apiHost, neededApis } from '../clouds/gcp/apis.ts';
import { parseSettings } from '../config.ts';
import { serverCertificate } from '../lib/certificates.ts';
import type { DataProtection } from '../lib/data-protection.ts';
import { plannedObjects } from '../lib/names.ts';
import { findings, rules } from '../policy/rules/index.ts';
import { protectedData } from '../policy/rules/stores.ts';
import type { Answers } from './support/api-server.ts';
import { authority } from './support/certificates.ts';
import {
  type Manifest,
  container,
  isKubernetesObject,
  manifest,
  plainEnv,
  podTemplate,
} from './support/manifests.ts';
import { schemaChecks } from './support/kubernetes-schemas.ts';
import {
  type Json,
  type Registered,
  type Run,
  generatedBytes,
  generatedPassword,
  isObject,
  isUnknown,
  secret,
  withoutSecrets,
} from './support/mocks.ts';
import { resourcesOf } from './support/policy.ts';
import { clusterFor, encryptedValue, migrated, runProgram, stackFile } from './support/program.ts';

const project = join(import.meta.dirname, '..');
const handPassword = 'correct horse battery staple';
/** What a cluster of before holds, and an existing Secret. */
const keptSecret = 'kept-by-the-cluster';
let tls: Readonly<Record<string, string>>;
let serverTls: Readonly<Record<string, string>>;
let checks: Awaited<ReturnType<typeof schemaChecks>>;

const encoded = (values: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );

/** A namespace that is there, with Secrets that somebody else has made. */
const namespaceWith = (secrets: Record<string, string[]> = {}): Answers => ({
  '/api/v1/namespaces/mlflow': { metadata: { name: 'mlflow' } },
  ...Object.fromEntries(
    Object.entries(secrets).map(([name, keys]) => [
      `/api/v1/namespaces/mlflow/secrets/${name}`,
      { metadata: { name }, data: encoded(Object.fromEntries(keys.map((key) => [key, keptSecret]))) },
    ]),
  ),
});
const kinds = (...names: string[]) => ({ resources: names.map((kind) => ({ kind })) });
const own = { 'app.kubernetes.io/managed-by': 'pulumi', 'app.kubernetes.io/instance': 'mlflow-stack.local' };

/** The certificate of the database that an earlier stack left. */
const databaseTls = (): Answers => ({
  '/api/v1/namespaces/mlflow/secrets/mlflow-postgres-tls': {
    metadata: { name: 'mlflow-postgres-tls', labels: own },
    data: encoded(tls),
  },
});

/** Whatever must never be seen in plain text. */
const secretValues = [
  generatedPassword,
  generatedBytes,
  generatedBytes.replaceAll('+', '-').replaceAll('/', '_'),
  encryptedValue,
  handPassword,
  keptSecret,
  'PRIVATE KEY',
];

/** Filled in before the first test runs. */
const issued = { hosts: ['b.example'] };

interface Variant {
  readonly title: string;
  /** Stack that it is a variant of. Default: local. */
  readonly of?: string;
  /** Additions to the settings of the stack file, section by section. */
  readonly changes: Record<string, object | string>;
  /** What the cluster has beyond what every stack needs. */
  readonly cluster?: () => Answers;
  readonly warning?: RegExp;
}

const existing = { namespace: { create: false } };
const inCluster = { artifactStore: { kind: 's3Compatible' } };

const earlier = 'with everything on, on what an earlier stack left';
const variants: Variant[] = [
  { title: 'as it is', changes: {} },
  { title: 'with users', changes: { auth: { kind: 'basic' }, dataProtection: 'retain' } },
  {
    title: 'with single sign-on in front of each pod',
    changes: {
      ...existing,
      backendStore: { kind: 'external', connectionFrom: { secretName: 'db' } },
      auth: {
        kind: 'oauth2Proxy',
        oauth2Proxy: {
          issuerUrl: 'https://id.example',
          clientId: 'mlflow',
          clientSecretFrom: { secretName: 'client', key: 'secret' },
          allowedGroups: ['scientists'],
          users: ['robot'],
        },
      },
      metrics: { enabled: true, discovery: 'serviceMonitor' },
    },
    cluster: () => ({
      ...namespaceWith({ client: ['secret'], db: ['host', 'username', 'password'] }),
      '/apis/monitoring.coreos.com/v1': kinds('ServiceMonitor'),
    }),
  },
  {
    title: 'with passwords at the Ingress',
    changes: { auth: { kind: 'edge', edge: { users: ['alice', 'bob@example.com'] } } },
    cluster: () => ({ '/apis/traefik.io/v1alpha1': kinds('Middleware') }),
    warning: /auth\.kind is edge/,
  },
  {
    title: 'with single sign-on by a plug-in',
    changes: {
      ...existing,
      backendStore: { kind: 'external', connectionFrom: { secretName: 'db' } },
      auth: {
        kind: 'plugin',
        plugin: {
          appName: 'oidc-auth',
          env: {
            OIDC_DISCOVERY_URL: 'https://id.example/.well-known/openid-configuration',
            OIDC_CLIENT_ID: 'mlflow',
          },
          envFrom: [{ secretRef: { name: 'client' } }],
        },
      },
      metrics: { enabled: true, discovery: 'serviceMonitor' },
    },
    cluster: () => ({
      ...namespaceWith({ client: ['OIDC_CLIENT_SECRET'], db: ['host', 'username', 'password'] }),
      '/apis/monitoring.coreos.com/v1': kinds('ServiceMonitor'),
    }),
  },
  {
    title: 'with S3 in the cluster and several pods',
    changes: {
      ...inCluster,
      dataProtection: 'protect',
      server: { replicas: 3 },
      autoscaling: { enabled: true, min: 3, max: 4 },
    },
  },
  {
    title: 'with SQLite beside S3, whose pods grow',
    changes: {
      ...inCluster,
      dataProtection: 'retain',
      backendStore: { kind: 'sqlite' },
      autoscaling: { enabled: true, kind: 'vertical' },
    },
    cluster: () => ({ '/apis/autoscaling.k8s.io/v1': kinds('VerticalPodAutoscaler') }),
    warning: /SQLite|sqlite/,
  },
  {
    title: 'with an external PostgreSQL by keys',
    changes: {
      ...existing,
      backendStore: {
        kind: 'external',
        connectionFrom: { secretName: 'db' },
        readReplica: { host: 'replica.example' },
      },
    },
    cluster: () => namespaceWith({ db: ['host', 'username', 'password'] }),
  },
  {
    title: 'with an external MySQL by URI',
    changes: {
      ...existing,
      backendStore: { kind: 'external', dialect: 'mysql', uriFrom: { secretName: 'db', key: 'uri' } },
      auth: { kind: 'basic', adminPasswordFrom: { secretName: 'db', key: 'admin' } },
    },
    cluster: () => {
      const cluster = namespaceWith({ db: ['admin'] });
      const data = encoded({ uri: `mysql://mlflow:${keptSecret}@db.example/mlflow`, admin: keptSecret });
      return { ...cluster, '/api/v1/namespaces/mlflow/secrets/db': { metadata: { name: 'db' }, data } };
    },
    warning: /log_bin_trust_function_creators/,
  },
  {
    title: 'with clients that talk to the bucket themselves',
    changes: {
      ...existing,
      artifactStore: {
        kind: 's3Compatible',
        mode: 'direct',
        endpointUrl: 'https://s3.example',
        credentialsFrom: { secretName: 's3' },
      },
      backendStore: { kind: 'external', connectionFrom: { secretName: 'db' } },
    },
    cluster: () =>
      namespaceWith({
        s3: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
        db: ['host', 'username', 'password'],
      }),
  },
  {
    title: 'with workspaces and metrics',
    changes: {
      dataProtection: 'protect',
      workspaces: { enabled: true },
      metrics: { enabled: true, discovery: 'serviceMonitor' },
    },
    cluster: () => ({ '/apis/monitoring.coreos.com/v1': kinds('ServiceMonitor') }),
  },
  {
    title: 'with certificates of all kinds behind Traefik',
    changes: {
      ingress: {
        hosts: ['a.example', 'b.example', 'c.example'],
        allowedCidrs: ['10.0.0.0/8'],
        tls: [{ hosts: ['a.example'], selfSigned: true }, issued, { hosts: ['c.example'] }],
      },
    },
    cluster: () => ({ '/apis/traefik.io/v1alpha1': kinds('Middleware') }),
  },
  {
    title: 'with TLS up to the server',
    changes: {
      ...existing,
      metrics: { enabled: true, discovery: 'serviceMonitor' },
      server: { tls: { enabled: true, secretName: 'server-tls' } },
    },
    cluster: () => ({
      ...namespaceWith(),
      '/api/v1/namespaces/mlflow/secrets/server-tls': {
        metadata: { name: 'server-tls' },
        data: encoded(serverTls),
      },
      ...databaseTls(),
      '/apis/traefik.io/v1alpha1': kinds('ServersTransport'),
      '/apis/monitoring.coreos.com/v1': kinds('ServiceMonitor'),
    }),
  },
  {
    title: 'with a route of a Gateway beside the Ingress, below a path',
    changes: {
      networkPolicy: { clients: [{ cidr: '10.0.0.0/8' }] },
      auth: { kind: 'basic' },
      server: {
        staticPrefix: '/mlflow',
        extraAllowedHosts: ['mlflow.example.com'],
        service: { type: 'LoadBalancer' },
      },
      httpRoute: { enabled: true, parentRefs: [{ name: 'edge' }], hosts: ['route.example'], tls: true },
    },
    cluster: () => ({
      '/apis/gateway.networking.k8s.io/v1': kinds('HTTPRoute'),
      '/apis/gateway.networking.k8s.io/v1/namespaces/mlflow/gateways/edge': {
        spec: { listeners: [{ name: 'websecure', port: 443, protocol: 'HTTPS' }] },
      },
    }),
  },
  {
    title: 'with Secrets that are read from Vault',
    changes: {
      externalSecrets: {
        store: { provider: 'vault', vault: { server: 'https://vault.example', role: 'mlflow' } },
        secrets: [
          {
            name: 'db',
            data: [{ key: 'password', from: 'team/db' }],
            template: { uri: 'postgresql://mlflow:{{ .password }}@db.example:6543/mlflow' },
          },
        ],
      },
      backendStore: { kind: 'external', uriFrom: { secretName: 'db', key: 'uri' } },
    },
    cluster: () => ({ '/apis/external-secrets.io/v1': kinds('ExternalSecret', 'SecretStore') }),
  },
  {
    title: 'with the load balancer of a cloud',
    changes: {
      ingress: { className: 'gce', internal: true, certificate: { clusterIssuer: 'public' } },
      networkPolicy: { clients: [{ cidr: '10.0.0.0/8' }] },
    },
    cluster: () => ({
      '/apis/cloud.google.com/v1': kinds('BackendConfig'),
      '/apis/cert-manager.io/v1': kinds('ClusterIssuer'),
      '/apis/cert-manager.io/v1/clusterissuers/public': {},
    }),
  },
  {
    title: earlier,
    changes: {
      ...existing,
      ...inCluster,
      availability: 'high',
      dataProtection: 'retain',
      auth: { kind: 'basic', adminPassword: handPassword, cacheSeconds: 30 },
      workspaces: { enabled: true },
      metrics: {
        enabled: true,
        discovery: 'serviceMonitor',
        alerts: true,
        dashboard: true,
        labels: { release: 'prometheus' },
      },
      registryStore: { database: 'models' },
      traceArchival: { enabled: true },
      backup: { enabled: true, passphrase: handPassword },
      backendStore: { maxConnections: 200, password: handPassword },
      gc: { jobs: true },
      server: {
        staticPrefix: '/mlflow',
        caBundle: { secretName: 'ca' },
        envFrom: [{ secretRef: { name: 'extra' } }],
      },
      pods: { labels: { team: 'a' }, imagePullSecrets: ['registry'] },
    },
    cluster: () => ({
      ...namespaceWith({ extra: ['TOKEN'], registry: ['.dockerconfigjson'] }),
      '/api/v1/namespaces/mlflow/secrets/ca': {
        metadata: { name: 'ca' },
        data: encoded({ 'ca.crt': tls['ca.crt'] ?? '' }),
      },
      '/api/v1/namespaces/mlflow/secrets/mlflow-keys': {
        metadata: { name: 'mlflow-keys', labels: own },
        data: encoded({ 'flask-key': keptSecret, 'webhook-key': keptSecret }),
      },
      ...databaseTls(),
      '/apis/monitoring.coreos.com/v1': kinds('ServiceMonitor', 'PrometheusRule'),
    }),
  },
];

const podIdentity = { kind: 'podIdentity', imageRepository: 'team/mlflow', imageReaders: ['nodes'] };
const openId = {
  issuer: 'https://id.example',
  authorizationEndpoint: 'https://id.example/authorize',
  tokenEndpoint: 'https://id.example/token',
  userInfoEndpoint: 'https://id.example/me',
  clientId: 'mlflow',
  clientSecretFrom: { secretName: 'client', key: 'secret' },
};

variants.push(
  { of: 'prod-aws', title: 'as it is', changes: {}, warning: /scrapes are answered with 401/ },
  {
    of: 'prod-aws',
    title: 'with tokens, an agent, clients of their own and a certificate',
    changes: {
      dataProtection: 'delete',
      secrets: { store: 'cloud' },
      identity: podIdentity,
      backendStore: { auth: 'iam', finalSnapshot: false, sslMode: 'require' },
      artifactStore: {
        mode: 'direct',
        bucketName: 'team-files',
        kmsKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd',
        readBuckets: ['data-sets'],
        transition: { days: 90, storageClass: 'STANDARD_IA' },
      },
      clientIdentity: { enabled: true },
      ingress: {
        internal: true,
        certificate: { acm: true, acmArn: undefined },
        dns: { zone: 'Z0123456789ABC' },
      },
      traceArchival: { enabled: true },
    },
    warning: /scrapes are answered with 401/,
  },
  {
    of: 'prod-aws',
    title: 'with keys, an instance and a bucket of before and a log-in at the load balancer',
    changes: {
      ...existing,
      dataProtection: 'protect',
      identity: { kind: 'keys' },
      artifactStore: { existingBucket: 'old-files', accessLogging: false },
      backendStore: { existingInstance: 'old-instance' },
      auth: { kind: 'edge', edge: { oidc: openId } },
      audit: { enabled: false },
    },
    cluster: () => ({
      ...namespaceWith({ client: ['secret'] }),
      '/api/v1/namespaces/mlflow/secrets/s3-credentials': {
        metadata: { name: 's3-credentials' },
        data: encoded({
          AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
          AWS_SECRET_ACCESS_KEY: keptSecret,
          AWS_REGION: 'eu-west-1',
          AWS_S3_BUCKET: 'old-files',
        }),
      },
      '/api/v1/namespaces/mlflow/secrets/mlflow-database': {
        metadata: {
          name: 'mlflow-database',
          labels: { ...own, 'app.kubernetes.io/instance': 'mlflow-stack.prod-aws' },
        },
        data: encoded({ password: keptSecret }),
      },
    }),
    warning: /auth\.kind is edge/,
  },
);

const googleClient = '1234567890-abc.apps.googleusercontent.com';

variants.push(
  { of: 'dev-gcp', title: 'as it is', changes: {} },
  {
    of: 'dev-gcp',
    title: 'with accounts as users, a key of its own and everything around',
    changes: {
      dataProtection: 'retain',
      secrets: { store: 'cloud' },
      availability: 'high',
      backendStore: { auth: 'iam', maxConnections: 300 },
      artifactStore: {
        mode: 'direct',
        accessLogging: true,
        kmsKeyName: 'projects/my-keys/locations/europe-west1/keyRings/mlflow/cryptoKeys/bucket',
        readBuckets: ['data-sets'],
        transition: { days: 90, storageClass: 'NEARLINE' },
      },
      audit: { enabled: true },
      clientIdentity: { enabled: true },
      identity: {
        imageRepository: 'projects/my-images/locations/europe-west1/repositories/mlflow',
        imageReaders: ['nodes@my-team-dev.iam.gserviceaccount.com'],
      },
      traceArchival: { enabled: true },
    },
  },
  {
    of: 'dev-gcp',
    title: 'with keys, stores of before, a proxy for all and a log-in of Google',
    changes: {
      ...existing,
      dataProtection: 'protect',
      secrets: { store: 'cloud', existing: ['flask-key'] },
      gcp: { cloudSqlProxy: { kind: 'deployment' }, existingDatabase: true, network: undefined },
      identity: { kind: 'keys' },
      artifactStore: { existingBucket: 'old-files' },
      backendStore: { existingInstance: 'my-team-dev:europe-west1:old', tier: undefined },
      ingress: {
        enabled: true,
        className: 'gce',
        hosts: ['mlflow.example.com'],
        staticIp: true,
        dns: { zone: 'example-com' },
        certificate: { googleManaged: true },
        allowedCidrs: ['192.0.2.0/24'],
      },
      auth: {
        kind: 'edge',
        edge: {
          iap: {
            clientId: googleClient,
            clientSecretFrom: { secretName: 'client', key: 'secret' },
            members: ['group:team@example.com'],
          },
        },
      },
    },
    cluster: () => ({
      ...namespaceWith({ client: ['secret'] }),
      '/api/v1/namespaces/mlflow/secrets/gcs-credentials': {
        metadata: { name: 'gcs-credentials' },
        data: encoded({ 'key.json': '{"type": "service_account"}' }),
      },
      '/apis/cloud.google.com/v1': kinds('BackendConfig'),
      '/apis/networking.gke.io/v1beta1': kinds('FrontendConfig'),
      '/apis/networking.gke.io/v1': kinds('ManagedCertificate'),
    }),
    warning: /auth\.kind is edge/,
  },
  {
    of: 'dev-gcp',
    title: 'with a proxy in each pod',
    changes: { gcp: { cloudSqlProxy: { kind: 'sidecar' } } },
  },
  {
    of: 'dev-gcp',
    title: 'with a password that is read from Secret Manager',
    changes: {
      externalSecrets: {
        store: { provider: 'gcpSecretManager' },
        secrets: [{ name: 'db', data: [{ key: 'password', from: 'team-db' }] }],
      },
      backendStore: { passwordFrom: { secretName: 'db', key: 'password' } },
    },
    cluster: () => ({ '/apis/external-secrets.io/v1': kinds('ExternalSecret', 'SecretStore') }),
  },
);

before(async function () {
  this.timeout('2m');
  checks = await schemaChecks();
  serverTls = await serverCertificate(['mlflow.mlflow.svc'], {});
  const names = ['mlflow-postgres.mlflow.svc', 'mlflow-postgres.mlflow.svc.cluster.local'];
  Object.assign(issued, await (await authority()).issue({ hosts: ['b.example'] }));
  tls = await serverCertificate([...names, 'mlflow-postgres', 'localhost'], {});
});

for (const file of globSync('Pulumi.*.yaml', { cwd: project }).sort()) {
  const stack = file.split('.')[1] ?? '';
  const settings = stackFile(join(project, file));
  const plus = (changes: Record<string, object | string>): Record<string, unknown> => {
    const changed = Object.entries(changes).map(([key, value]) => {
      const before = settings[`mlflow-stack:${key}`] ?? {};
      return [`mlflow-stack:${key}`, typeof value === 'string' ? value : { ...before, ...value }];
    });
    return { ...settings, ...(Object.fromEntries(changed) as object) };
  };
  const updates = new Map<string, Run>();

  for (const variant of variants.filter((each) => (each.of ?? 'local') === stack)) {
    describe(`stack ${stack} ${variant.title}`, () => {
      const given = plus(variant.changes);
      let update: Run;
      let preview: Run;
      before(async function () {
        // The first one loads the SDK of the cloud.
        this.timeout('1m');
        const run = (isPreview: boolean) =>
          runProgram(given, {
            stack,
            preview: isPreview,
            cluster: { ...clusterFor(given), ...variant.cluster?.() },
          });
        update = await run(false);
        preview = await run(true);
        updates.set(variant.title, update);
      });

      for (const [mode, run] of [
        ['in an update', () => update],
        ['in a preview', () => preview],
      ] as const) {
        describe(mode, () => {
          const objects = () => run().resources.filter(isKubernetesObject);
          const pods = () => objects().filter((object) => podTemplate(object) !== undefined);

          it('shows its resources as a tree, in which names begin with the name of their parent', () => {
            const root = `Stack/mlflow-stack-${stack}`;
            for (const { id, name, parent } of run().resources) {
              expect(parent, id).not.to.equal(undefined);
              if (parent !== root)
                expect(name, id).to.match(new RegExp(`^${parent?.split('/')[1] ?? ''}(-|$)`));
            }
            const { resources } = run();
            const components = resources.filter(({ isComponent }) => isComponent).map(({ id }) => id);
            const parents = new Set(resources.map(({ parent }) => parent));
            expect(components).to.include.members([...parents].filter((parent) => parent !== root));
          });

          it('labels every object and every pod as its own', () => {
            const labels = objects().flatMap((object) => {
              const pod = podTemplate(object);
              return [manifest(object), ...(pod ? [pod] : [])].map(({ metadata }) => [
                object.id,
                metadata.labels,
              ]);
            }) as [string, Record<string, string> | undefined][];
            for (const [id, found] of labels) {
              expect(found, id).to.include({
                'app.kubernetes.io/name': 'mlflow',
                'app.kubernetes.io/instance': `mlflow-stack.${stack}`,
                'app.kubernetes.io/part-of': 'mlflow-stack',
                'app.kubernetes.io/managed-by': 'pulumi',
              });
              expect(found?.['app.kubernetes.io/component'], id).to.match(/^[a-z0-9-]+$/);
            }
            expect(labels).to.have.length.above(10);
          });

          it('selects the pods of one workload by each selector, and never those of another', () => {
            for (const object of objects()) {
              const selector = selectorOf(manifest(object));
              if (selector === undefined) continue;
              const selected = pods().filter((pod) => matches(selector, podTemplate(pod)?.metadata.labels));
              expect(
                selected.map(({ id }) => id),
                object.id,
              ).to.have.lengthOf(1);
              if (podTemplate(object)) expect(selected).to.deep.equal([object]);
            }
          });

          /** Of the stack's own pods, not of those that operators start for a while. */
          const policies = () =>
            objects().filter(
              ({ id }) =>
                id.startsWith('NetworkPolicy/') && id !== 'NetworkPolicy/mlflow-network-maintenance',
            );

          it('lets every pod have the connections that one NetworkPolicy names, and no others', () => {
            for (const pod of pods()) {
              const { labels } = podTemplate(pod)?.metadata ?? fail('pod');
              const selecting = policies().filter((policy) =>
                matches(policySpec(policy).podSelector.matchLabels, labels),
              );
              expect(selecting, pod.id).to.have.lengthOf(1);
            }
            for (const policy of policies())
              expect(policySpec(policy).policyTypes, policy.id).to.deep.equal(['Ingress', 'Egress']);
            expect(policies()).to.have.lengthOf(pods().length);
          });

          it('opens server, database and S3 server to the pods that know how to use them, from both sides', () => {
            for (const [target, variable] of [
              ['tracking-server', 'MLFLOW_TRACKING_URI'],
              ['postgres', 'PGPASSWORD'],
              ['s3', 'AWS_SECRET_ACCESS_KEY'],
            ] as const) {
              const policy = policies().find((each) => componentOf(policySpec(each).podSelector) === target);
              if (policy === undefined) continue;
              const users = pods().filter((pod) => variablesOf(pod).includes(variable));
              const admitted = policySpec(policy)
                .ingress.flatMap(({ from = [] }) => from)
                .filter(({ podSelector }) => componentOf(podSelector) !== 'maintenance');
              const admitting = policies().filter((each) =>
                policySpec(each).egress.some(({ to = [] }) =>
                  to.some(({ podSelector }) => componentOf(podSelector) === target),
                ),
              );
              const expected = users.map((pod) =>
                componentOf({ matchLabels: podTemplate(pod)?.metadata.labels }),
              );
              expect(
                admitted.flatMap(({ podSelector }) => componentOf(podSelector) ?? []),
                policy.id,
              ).to.have.members(expected);
              expect(admitting.map((each) => componentOf(policySpec(each).podSelector))).to.have.members(
                expected,
              );
              expect(expected).to.have.length.above(0);
            }
          });

          it('breaks no rule of the policy pack', () => {
            // Data of a stack for trying out is meant to go with it.
            const asked = rules.filter(
              (rule) => rule !== protectedData || given['mlflow-stack:dataProtection'] !== 'delete',
            );
            expect(findings(resourcesOf(run(), stack), asked)).to.deep.equal([]);
            expect(pods()).to.have.length.above(2);
          });

          if (mode === 'in an update') {
            it('makes nothing that a supported version of Kubernetes does not know', () => {
              for (const { type, name, props } of resourcesOf(run(), stack)) {
                if (!type.startsWith('kubernetes:')) continue;
                const object = props as unknown as Manifest;
                const found = checks.map(([version, check]) => [version, check(object)?.join()]);
                const wanted = hasSchema(object) ? '' : undefined;
                expect(found, name).to.deep.equal(checks.map(([version]) => [version, wanted]));
              }
              expect(checks.map(([version]) => version)).to.deep.equal(['1.29', '1.36']);
            });
          }

          it('lets no service account hand out tokens by itself', () => {
            for (const account of objects().filter(({ id }) => id.startsWith('ServiceAccount/'))) {
              expect(account.inputs.automountServiceAccountToken, account.id).to.equal(false);
            }
          });

          it('gives every workload a service account of its own that it also makes', () => {
            const used = pods().map((pod) => podTemplate(pod)?.spec.serviceAccountName);
            const made = objects().filter(
              (object) => object.id.startsWith('ServiceAccount/') && isOfPods(object),
            );
            expect(new Set(used).size).to.equal(mode === 'in a preview' ? 1 : used.length);
            if (run() === update)
              expect(used).to.have.members(made.map((account) => manifest(account).metadata.name));
          });

          it('sends every object through the provider of the stack, never through a default one', () => {
            for (const { id, provider } of objects()) expect(provider, id).to.equal('kubernetes/kubernetes');
          });

          it('shows no secret in plain text', () => {
            const shown = JSON.stringify([
              run().resources.map(({ inputs }) => withoutSecrets(inputs)),
              withoutSecrets(run().registeredOutputs),
            ]);
            for (const value of secretValues) expect(shown).not.to.include(value);
            for (const pod of pods()) {
              const spec = podTemplate(pod)?.spec;
              for (const { env = [] } of [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]) {
                for (const { name, value } of env) {
                  if (/PASSWORD|SECRET|TOKEN|PASSPHRASE|ACCESS_KEY/.test(name))
                    expect(value, `${pod.id} ${name}`).to.equal(undefined);
                }
              }
            }
          });

          it('prints no Output into a text', () => {
            expect(JSON.stringify([run().resources, run().outputs])).not.to.include('[Output<');
          });
        });
      }

      if (stack === 'dev-gcp') {
        it('switches on the APIs that its settings need', () => {
          const own = Object.entries(given).map(([key, value]) => [key.replace('mlflow-stack:', ''), value]);
          const made = update.resources.filter(({ type }) => type === 'gcp:projects/service:Service');
          expect(made.map(({ inputs }) => inputs.service)).to.have.members(
            neededApis(parseSettings(Object.fromEntries(own) as Record<string, unknown>)).map(apiHost),
          );
        });
      }

      it('looks in advance for every object that it names itself, so that none is taken over', () => {
        // Names that settings give are looked at beside these.
        const uncontested = ['Namespace', 'Job', 'ExternalSecret'];
        const named = update.resources
          .filter(isKubernetesObject)
          .filter(isOfServer)
          .map(manifest)
          .filter(({ kind, metadata }) => metadata.name !== undefined && !uncontested.includes(kind));
        expect(plannedObjects.map(({ kind, name }) => `${kind}/${name}`)).to.include.members(
          named.map(({ kind, metadata }) => `${kind}/${metadata.name ?? ''}`),
        );
      });

      it('makes the same resources in preview and update', () => {
        expect(preview.resources.map(shape)).to.have.deep.members(update.resources.map(shape));
        for (const { id, inputs } of preview.resources) {
          expect(differences(inputs, update.get(id).inputs), id).to.deep.equal([]);
        }
      });

      it('says where everything is, and nothing unknown after an update', () => {
        const outputs = [
          'adminPassword',
          'adminUsername',
          'artifactUri',
          'backupUri',
          'cloudOutputs',
          'entryAddress',
          'identityNames',
          'databaseConnections',
          'databaseHost',
          'databaseSnapshot',
          'passwords',
          'signIn',
          'internalTrackingUrl',
          'keptSecrets',
          'mlflowVersion',
          'nextCommands',
          'schemaRevision',
          'service',
          'trackingUrl',
        ];
        expect(outputs).to.include.members(Object.keys(update.outputs));
        expect(Object.keys(preview.outputs)).to.have.members(Object.keys(update.outputs));
        expect(JSON.stringify(update.outputs)).not.to.match(/undefined|04da6b54/);
        expect(differences(preview.outputs, update.outputs)).to.deep.equal([]);
        expect(update.outputs.schemaRevision).to.equal(migrated.revision);
      });

      it(`warns of ${variant.warning?.source ?? 'nothing'}`, () => {
        const found = [update, preview].map(({ warnings }) => warnings.join());
        for (const text of found) expect(text).to.match(variant.warning ?? /^$/);
      });

      it('keeps data as dataProtection says, and nothing but data', () => {
        const mode = given['mlflow-stack:dataProtection'] as DataProtection;
        const { resources } = update;
        const data = resources.filter(holdsData);
        for (const resource of resources) {
          const wanted = { protect: mode === 'protect', retainOnDelete: mode === 'retain' };
          // What guards data stays with it, but can be replaced.
          const guarding = { protect: false, retainOnDelete: mode !== 'delete' };
          const unprotected = { protect: false, retainOnDelete: false };
          const others = isGuard(resource) ? guarding : unprotected;
          expect(resource, resource.id).to.include(data.includes(resource) ? wanted : others);
        }
        expect(data).to.have.length.above(0);
        // What goes with the namespace is not deleted one by one, which would bypass retain.
        const components = resources.filter(
          ({ isComponent, type }) => isComponent && !reachesOut(type, stack),
        );
        const goesWithIt = mode === 'delete' && !('namespace' in variant.changes);
        const deletedWith = goesWithIt ? 'Namespace/mlflow-namespace' : undefined;
        for (const component of components) expect(component, component.id).to.include({ deletedWith });
      });
    });
  }

  describe(`stack ${stack}`, () => {
    const updateOf = (title: string): Run => updates.get(title) ?? fail('run');

    it('uses a namespace that is there without touching it', async () => {
      const cluster = {
        '/version': { major: '1', minor: '30' },
        '/apis/storage.k8s.io/v1/storageclasses': 403,
        '/apis/networking.k8s.io/v1/ingressclasses': 403,
        '/api/v1/namespaces/team-a': { metadata: { name: 'team-a', labels: {} } },
      };
      const run = await runProgram(plus({ namespace: { name: 'team-a', create: false } }), {
        stack,
        cluster,
      });
      const objects = run.resources.filter(isKubernetesObject).map(manifest);
      expect(objects.map(({ kind }) => kind)).not.to.include('Namespace');
      expect(new Set(objects.map(({ metadata }) => metadata.namespace))).to.deep.equal(new Set(['team-a']));
      for (const { id, deletedWith } of run.resources)
        expect(deletedWith ?? '', id).not.to.include('Namespace/');
    });

    if (stack === 'local') {
      it('gives the password of each user to nobody who does not need it', () => {
        const { resources } = updateOf(earlier);
        const holders = (name: string) =>
          resources
            .filter((pod) => JSON.stringify(podTemplate(pod) ?? {}).includes(`"${name}-1a2b3c4d"`))
            .map(({ id }) => id);
        expect(holders('mlflow-auth-gc')).to.deep.equal(['CronJob/mlflow-gc-cron-job']);
        expect(holders('mlflow-auth-metrics')).to.deep.equal(['Job/mlflow-migration']);
        expect(holders('mlflow-auth-admin')).to.have.members([
          'Deployment/mlflow-deployment',
          'Job/mlflow-migration',
        ]);
      });

      it('finds keys and certificate of an earlier stack again, and uses them', () => {
        const run = updateOf(earlier);
        expect(run.get('Secret/mlflow-keys-secret').inputs.stringData).to.deep.include(
          secret({
            'flask-key': keptSecret,
            // New since then.
            'kek-passphrase': generatedPassword,
            'webhook-key': keptSecret,
          }),
        );
        expect(run.get('Secret/mlflow-postgres-tls').inputs.stringData).to.deep.equal(secret({ ...tls }));
      });

      it('lets in what comes by Ingress, by route and by names of the user', () => {
        const run = updateOf('with a route of a Gateway beside the Ingress, below a path');
        const variables = plainEnv(container(run.get('Deployment/mlflow-deployment'), 'mlflow'));
        const hosts = variables.MLFLOW_SERVER_ALLOWED_HOSTS?.split(',');
        expect(hosts).to.include.members(['mlflow.localhost', 'route.example', 'mlflow.example.com:*']);
        expect(variables.MLFLOW_SERVER_CORS_ALLOWED_ORIGINS?.split(',')).to.include.members([
          'http://mlflow.localhost:8080',
          'https://route.example',
        ]);
        for (const id of ['Ingress/mlflow-ingress-ingress', 'HTTPRoute/mlflow-http-route-route'])
          expect(JSON.stringify(run.get(id).inputs), id).to.match(/"(path|value)":"\/mlflow"/);
        expect(run.outputs.trackingUrl).to.equal('http://mlflow.localhost:8080/mlflow');
      });
    }

    it('leaves out what is switched off', async () => {
      const off = { enabled: false };
      const backendStore = { vacuum: false };
      const run = await runProgram(
        plus({ ingress: off, networkPolicy: off, gc: off, migrations: off, backendStore }),
        { stack },
      );
      const kinds = run.resources.map(({ id }) => id.split('/')[0]);
      expect(kinds).not.to.include.oneOf(['Ingress', 'NetworkPolicy', 'CronJob', 'Job', 'GcCronJob']);
      expect(run.outputs.trackingUrl).to.equal('http://127.0.0.1:5000');
      expect(run.outputs.nextCommands).not.to.have.any.keys('collectGarbageNow');
      // Hosts that lead nowhere are not accepted either.
      expect(JSON.stringify(run.get('Deployment/mlflow-deployment').inputs)).not.to.include(
        'mlflow.localhost',
      );
    });
  });
}

describe('the program', () => {
  // Run while the tests above do.
  const script = (stack: string) => `
    import { createRequire } from 'node:module';
    import { runProgram, stackFile } from './tests/support/program.ts';
    await runProgram(stackFile('Pulumi.${stack}.yaml'), { stack: '${stack}' });
    console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));`;
  const sdks: Record<string, string[]> = { local: [], 'dev-gcp': ['gcp'], 'prod-aws': ['aws'] };
  for (const [stack, own] of Object.entries(sdks)) {
    const alone = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script(stack)], {
      cwd: project,
    });

    it(`loads the SDK of no other cloud than that of stack ${stack}, and no SDK as a whole`, async () => {
      const loaded = JSON.parse((await alone).stdout) as string[];
      const pulumiModules = loaded
        .map((path) => path.split('/node_modules/').at(-1) ?? '')
        .filter((path) => path.startsWith('@pulumi/'));
      expect(new Set(pulumiModules.map((path) => path.split('/')[1]))).to.deep.equal(
        new Set(['pulumi', 'kubernetes', 'random', ...own]),
      );
      expect(pulumiModules).not.to.include.oneOf([
        '@pulumi/kubernetes/index.js',
        '@pulumi/random/index.js',
        '@pulumi/aws/index.js',
        '@pulumi/gcp/index.js',
      ]);
      // Nor what only a migration needs.
      for (const late of ['@aws-sdk', 'google-auth-library']) expect(loaded.join()).not.to.include(late);
    });
  }
});

/** What `pulumi destroy` must not take away without being asked. */
function holdsData(resource: Registered): boolean {
  const { kind, metadata } = manifest(resource);
  return (
    ['PersistentVolumeClaim', 'Namespace'].includes(kind) ||
    dataTypes.includes(resource.type) ||
    (kind === 'Secret' &&
      ['mlflow-keys', 'mlflow-postgres-tls', 'mlflow-database'].includes(metadata.name ?? ''))
  );
}

const dataTypes = [
  'aws:s3/bucket:Bucket',
  'aws:rds/instance:Instance',
  'gcp:storage/bucket:Bucket',
  'gcp:sql/databaseInstance:DatabaseInstance',
  'gcp:sql/database:Database',
  'gcp:sql/user:User',
  'aws:secretsmanager/secret:Secret',
  'gcp:secretmanager/secret:Secret',
];
/** Programs that train have an account of a name that the user chooses. */
const isOfServer = (object: Registered): boolean => ownComponent(object) !== 'client';
/** The External Secrets Operator acts as an account, and none of the stack's pods. */
const isOfPods = (object: Registered): boolean =>
  isOfServer(object) && ownComponent(object) !== 'external-secrets';

const ownComponent = (object: Registered) =>
  manifest(object).metadata.labels?.['app.kubernetes.io/component'];

/** Components with resources outside the namespace, which do not go with it. */
const reachesOut = (type: string, stack: string): boolean =>
  stack !== 'local' &&
  /:(ArtifactStore|BackendStore|ExternalSecrets|KeptSecrets|WorkloadIdentities|CloudParts)$/.test(type);

const guardTypes =
  /^aws:(s3|rds|secretsmanager)\/|^gcp:secretmanager\/|^aws:ec2\/securityGroup:SecurityGroup$|^aws:cloudwatch\/logGroup:LogGroup$/;
/** The network that the database is in, who owns its tables, and what the keys and the bucket's log are granted. */
const guards =
  /^mlflow-postgres-(range|private-services|owner-account)$|^mlflow-artifacts-(bucket-key-access|logs-delivery)$|^mlflow-secrets-(service|key-access)$/;
const isGuard = ({ name, type }: Registered): boolean =>
  (guardTypes.test(type) && !dataTypes.includes(type)) || (type.startsWith('gcp:') && guards.test(name));

/** Kinds that operators and controllers bring have schemas of their own. */
function hasSchema({ apiVersion }: Manifest): boolean {
  const [group = ''] = apiVersion.includes('/') ? apiVersion.split('/') : [''];
  return !group.includes('.') || ['networking.k8s.io', 'rbac.authorization.k8s.io'].includes(group);
}

function selectorOf({ kind, spec }: Manifest): Record<string, string> | undefined {
  return (kind === 'Service' ? spec?.selector : spec?.selector?.matchLabels) as
    Record<string, string> | undefined;
}

interface PolicyPeer {
  readonly podSelector?: { readonly matchLabels?: Record<string, string> };
}

interface PolicySpec {
  readonly podSelector: { readonly matchLabels: Record<string, string> };
  readonly policyTypes: string[];
  readonly ingress: { readonly from?: PolicyPeer[] }[];
  readonly egress: { readonly to?: PolicyPeer[] }[];
}

const policySpec = ({ inputs }: Registered): PolicySpec => inputs.spec as unknown as PolicySpec;

/** The component of this stack that a selector means. */
const componentOf = (selector: PolicyPeer['podSelector']): string | undefined =>
  selector?.matchLabels?.['app.kubernetes.io/component'];

function variablesOf(pod: Registered): string[] {
  const { containers, initContainers = [] } = podTemplate(pod)?.spec ?? fail('pod');
  return [...containers, ...initContainers].flatMap(({ env = [] }) => env.map(({ name }) => name));
}

function matches(selector: Record<string, string>, labels: Record<string, string> = {}): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** What the engine plans by. */
function shape({ id, type, parent, protect, retainOnDelete, deletedWith, provider }: Registered): object {
  return { id, type, parent, protect, retainOnDelete, deletedWith, provider };
}

/** Paths at which a preview shows something else than the update does; what is not known yet may become anything. */
function differences(preview: Json | undefined, update: Json | undefined, path = ''): string[] {
  if (isUnknown(preview)) return [];
  if (isObject(preview) && isObject(update)) {
    const keys = new Set([...Object.keys(preview), ...Object.keys(update)]);
    return [...keys].flatMap((key) => differences(preview[key], update[key], `${path}.${key}`));
  }
  if (Array.isArray(preview) && Array.isArray(update) && preview.length === update.length) {
    return preview.flatMap((item, index) => differences(item, update[index], `${path}[${index}]`));
  }
  return preview === update ? [] : [path];
}

function fail(what: string): never {
  throw new Error(`no ${what}`);
}
