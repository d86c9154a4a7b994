// Arguments of components and of the recipe, as a user who builds with them would write them by hand.
import type {
  ArtifactConnection,
  BackendConnection,
  GcCronJobArgs,
  MlflowServerArgs,
  ServiceConnection,
} from '../../components/index.ts';

export const backend: BackendConnection = {
  host: 'db.example',
  port: 6432,
  database: 'tracking',
  user: 'tracker',
  password: { secretName: 'db-secret', key: 'pw' },
  sslMode: 'verify-full',
  maxConnections: 100,
};

export const artifacts: ArtifactConnection = {
  uri: 's3://bucket/prefix',
  env: [{ name: 'AWS_REGION', value: 'eu-west-1' }],
  volumes: [],
  volumeMounts: [],
  shareable: true,
};

export const service: ServiceConnection = {
  namespace: 'team-a',
  name: 'mlflow',
  port: 8000,
  url: 'http://mlflow.team-a.svc:8000',
};

const pods = { image: 'mlflow:v3.17.2', imagePullPolicy: 'IfNotPresent', runAsUser: 1000 } as const;

export const gcArgs: GcCronJobArgs = {
  ...pods,
  service,
  backend,
  schedule: '0 2 * * 0',
  timeZone: 'Etc/UTC',
  olderThan: '30d',
  suspend: false,
  jobs: false,
};

export const serverArgs: MlflowServerArgs = {
  ...pods,
  namespace: 'team-a',
  backend,
  artifacts,
  identity: {
    serviceAccount: 'tracker',
    annotations: { 'cloud/role': 'tracker' },
    podLabels: { 'cloud/use': 'true' },
  },
  workers: 2,
  resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { memory: '2Gi' } },
  jobs: false,
  tmpSize: '2Gi',
  rbac: { rules: [], clusterRules: [] },
  service: { type: 'ClusterIP', port: 8000, annotations: {} },
  probes: {
    startup: { periodSeconds: 2, timeoutSeconds: 10, failureThreshold: 150 },
    readiness: { periodSeconds: 10, timeoutSeconds: 11, failureThreshold: 3 },
    liveness: { periodSeconds: 20, timeoutSeconds: 12, failureThreshold: 6 },
    readinessPath: 'health',
  },
  entry: { hosts: ['a.example'], port: 80 },
  migrations: { enabled: true, runId: '' },
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
