// Arguments of components and of the recipe, as a user who builds with them would write them by hand.
import type {
  ArtifactConnection,
  ArtifactStoreArgs,
  AuthArgs,
  AuthConnection,
  BackendConnection,
  BackendStoreArgs,
  GcCronJobArgs,
  Migration,
  MlflowRuntimeArgs,
  MlflowServerArgs,
  PodParts,
  PodRuntime,
  Rollout,
  ServerKeysArgs,
  ServiceConnection,
} from '../../components/index.ts';

export const backend: BackendConnection = {
  host: 'db.example',
  settings: { MLFLOW_BACKEND_STORE_URI: 'postgresql+psycopg2://', PGHOST: 'db.example' },
  secrets: { PGPASSWORD: { secretName: 'db-secret', key: 'pw' } },
  volumes: [],
  volumeMounts: [],
};

export const artifacts: ArtifactConnection = {
  uri: 's3://bucket/prefix',
  mode: 'proxy',
  settings: { AWS_REGION: 'eu-west-1' },
  secrets: { AWS_SECRET_ACCESS_KEY: { secretName: 's3-secret', key: 'secret' } },
  volumes: [{ name: 'bucket-ca', configMap: { name: 'bucket-ca' } }],
  volumeMounts: [{ name: 'bucket-ca', mountPath: '/bucket-ca' }],
};

export const service: ServiceConnection = {
  namespace: 'team-a',
  name: 'mlflow',
  port: 8000,
  prefix: '',
  url: 'http://mlflow.team-a.svc:8000',
};

const admin = {
  settings: { MLFLOW_AUTH_ADMIN_USERNAME: 'root-of-all' },
  secrets: { MLFLOW_AUTH_ADMIN_PASSWORD: { secretName: 'admin-secret', key: 'password' } },
};

/** As kind `basic` makes it. */
export const auth: AuthConnection = {
  appName: 'basic-auth',
  settings: { AUTH_APP: 'basic-auth', AUTH_DATABASE: 'mlflow_auth' },
  server: admin,
  serverEnvFrom: [],
  migration: admin,
  gc: {
    settings: { MLFLOW_TRACKING_USERNAME: 'sweeper' },
    secrets: { MLFLOW_TRACKING_PASSWORD: { secretName: 'sweeper-secret', key: 'password' } },
  },
  scraperSecretName: 'scraper-secret',
};

/** Nothing added to a pod. */
export const noParts: PodParts = {
  labels: {},
  annotations: {},
  nodeSelector: {},
  tolerations: [],
  initContainers: [],
  sidecars: [],
  volumes: [],
  volumeMounts: [],
};

const image = { image: 'mlflow:v3.17.2', imagePullPolicy: 'IfNotPresent', imagePullSecrets: [] };

export const runtime: PodRuntime = {
  ...noParts,
  ...image,
  namespace: 'team-a',
  identities: {
    'tracking-server': {
      annotations: { 'cloud/role': 'tracker' },
      podLabels: { 'cloud/use': 'true' },
      principal: 'tracker@cloud',
    },
  },
  runAsUser: 1000,
  settingsName: 'the-settings',
  filesName: 'the-files',
  secrets: { PGPASSWORD: { secretName: 'db-secret', key: 'pw' } },
  envFrom: [],
};

export const runtimeArgs: MlflowRuntimeArgs = {
  ...image,
  namespace: 'team-a',
  identities: {},
  runAsUser: 1000,
  backend,
  artifacts,
  workspaces: false,
  env: {},
  envFrom: [],
  externalRevision: '',
  parts: noParts,
};

const resources = { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } };

const store = {
  namespace: 'team-a',
  size: '20Gi',
  dataProtection: 'delete',
  imagePullSecrets: [],
  resources,
} as const;

export const artifactStoreArgs: ArtifactStoreArgs = {
  ...store,
  kind: 'pvc',
  mode: 'proxy',
  accessMode: 'ReadWriteOnce',
  bucket: 'files',
  prefix: 'team/artifacts',
  region: 'eu-west-1',
  addressingStyle: 'path',
  image: 'seaweedfs:4',
};

export const backendStoreArgs: BackendStoreArgs = {
  ...store,
  kind: 'postgres',
  image: 'postgres:15',
  rotation: 0,
  certificate: {},
  externalRevision: '',
  maxConnections: 50,
  vacuum: true,
  vacuumSchedule: '0 3 * * 6',
  timeoutSeconds: 90,
  dialect: 'postgresql',
  database: 'tracking',
  sslMode: 'require',
};

export const keysArgs: ServerKeysArgs = {
  namespace: 'team-a',
  existing: {},
  kekVersion: 1,
  dataProtection: 'delete',
};

export const authArgs: AuthArgs = {
  kind: 'basic',
  adminUsername: 'root-of-all',
  defaultPermission: 'EDIT',
  cacheSeconds: 60,
  rotation: 0,
  edge: { users: ['alice', 'bob'] },
  oauth2Proxy: {
    provider: 'oidc',
    issuerUrl: 'https://id.example',
    clientId: 'tracking',
    clientSecretFrom: { secretName: 'client', key: 'secret' },
    emailDomains: ['example.com', 'example.org'],
    allowedGroups: ['scientists', 'engineers'],
    scopes: ['openid', 'email'],
    users: ['robot'],
    extraArgs: ['--cookie-refresh=1h'],
    image: 'oauth2-proxy:v7',
    resources,
  },
  plugin: { appName: 'ldap-auth', env: { LDAP_URI: 'ldaps://ldap.example' }, envFrom: [] },
  wiring: {
    namespace: 'team-a',
    sessionKey: { secretName: 'the-keys', key: 'flask' },
    url: 'http://mlflow.example',
    staticPrefix: '',
    readinessPath: 'health',
    poolSize: 4,
    maxOverflow: 8,
    gc: true,
    metrics: true,
    clients: [],
  },
};

export const gcArgs: GcCronJobArgs = {
  runtime,
  service,
  artifacts,
  logIn: { settings: {}, secrets: {} },
  workspaces: false,
  schedule: '0 2 * * 0',
  timeZone: 'Etc/UTC',
  olderThan: '30d',
  suspend: false,
  jobs: false,
  resources,
  deadlineSeconds: 7200,
};

/** What the stand-in for a rollout says of the last migration. */
export const lastMigration: Migration = { revision: '0123456789ab', job: 'last-job', snapshot: 'last-copy' };

/** A rollout in which the migrations with these hashes have succeeded before. Keeps a log of what it was asked to do. */
export function fakeRollout({ done = [] }: { done?: readonly string[] } = {}): Rollout & {
  readonly log: string[];
} {
  const log: string[] = [];
  const note = (text: string) => void log.push(text);
  return {
    log,
    isDone: (hash) => done.includes(hash),
    migrationName: (prefix, hash) => `${prefix}-${hash}-${done.includes(hash) ? 'recorded' : 'new'}`,
    stopWriters: async () => note('stop the writers'),
    recorded: () => lastMigration,
    finished: async (job) => {
      note(`wait for ${job}`);
      return { ...lastMigration, job };
    },
    deployed: async () => note('resume'),
  };
}

export const serverArgs: MlflowServerArgs = {
  runtime,
  mlflowVersion: '3.17.2',
  artifacts,
  keys: {
    settings: { MLFLOW_CRYPTO_KEK_VERSION: '1' },
    secrets: { MLFLOW_FLASK_SERVER_SECRET_KEY: { secretName: 'keys', key: 'flask-key' } },
  },
  workspaces: false,
  metrics: {
    enabled: false,
    discovery: 'annotations',
    intervalSeconds: 15,
    alerts: false,
    dashboard: false,
    labels: {},
  },
  replicas: 1,
  autoscaling: { enabled: false, kind: 'horizontal', min: 1, max: 2, cpuPercent: 75 },
  maxUnavailable: 1,
  spread: true,
  workers: 2,
  resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '2Gi' } },
  poolSize: 4,
  maxOverflow: 6,
  jobs: false,
  logLevel: 'WARNING',
  valueOptions: {},
  flagOptions: [],
  staticPrefix: '',
  tmpSize: '2Gi',
  rbac: { rules: [], clusterRules: [] },
  service: { type: 'ClusterIP', port: 8000, allowedCidrs: [], annotations: {} },
  tls: { enabled: false, secretName: 'server-tls' },
  extraAllowedHosts: [],
  extraAllowedOrigins: [],
  probes: {
    startup: { periodSeconds: 2, timeoutSeconds: 10, failureThreshold: 150 },
    readiness: { periodSeconds: 10, timeoutSeconds: 11, failureThreshold: 3 },
    liveness: { periodSeconds: 20, timeoutSeconds: 12, failureThreshold: 6 },
    readinessPath: 'health',
  },
  entryAnnotations: {},
  entry: { hosts: ['a.example'], origins: ['https://a.example', 'https://b.example'] },
  migrations: { enabled: true, runId: '', snapshot: true, inputs: { backend: 'the database' } },
  rollout: fakeRollout(),
  canRoll: true,
  pod: noParts,
  diagnosticMode: false,
  timeoutSeconds: 120,
};

/** What a selector of a component asks for, in the stack that tests run by default. */
export const selectorOf = (component: string): Record<string, string> => ({
  'app.kubernetes.io/name': 'mlflow',
  'app.kubernetes.io/instance': 'mlflow-stack.test',
  'app.kubernetes.io/component': component,
});

/** The labels that every object of a component carries. */
export const labelsOf = (component: string): Record<string, string> => ({
  ...selectorOf(component),
  'app.kubernetes.io/part-of': 'mlflow-stack',
  'app.kubernetes.io/managed-by': 'pulumi',
});
