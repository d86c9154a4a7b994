// Names of the stack's objects in the cluster, in one place: what is created, and what must not be there already.

export const names = {
  artifactStore: 'mlflow-artifacts',
  backendStore: 'mlflow-postgres',
  sqlite: 'mlflow-sqlite',
  runtime: 'mlflow-runtime',
  keys: 'mlflow-keys',
  auth: 'mlflow-auth',
  server: 'mlflow',
  migration: 'mlflow-migration',
  ingress: 'mlflow-ingress',
  networkPolicies: 'mlflow-network',
  gc: 'mlflow-gc',
  traceArchival: 'mlflow-trace-archival',
} as const;

/** Label `app.kubernetes.io/component` of the server and what belongs to it. */
export const serverComponent = 'tracking-server';
/** Secret with the certificate of the database in the cluster. */
export const databaseTlsSecret = `${names.backendStore}-tls`;
/** CronJob that vacuums the database in the cluster. */
export const vacuumCronJob = `${names.backendStore}-vacuum`;

/** What objects remember from one update to the next. */
export const annotations = {
  mlflowVersion: 'mlflow-stack/mlflow-version',
  schemaRevision: 'mlflow-stack/schema-revision',
  /** Name of the last migration Job that succeeded. */
  migration: 'mlflow-stack/migration',
  /** Database that was copied before the last change of the schema. */
  snapshot: 'mlflow-stack/snapshot',
  /** Replicas of a server that was stopped for a migration. */
  stoppedReplicas: 'mlflow-stack/stopped-replicas',
  /** On a CronJob that was suspended for a migration, and not before. */
  suspended: 'mlflow-stack/suspended-for-migration',
  /** On pods: changes with the Secrets and ConfigMaps that the settings name, so that pods are made anew. */
  externalRevision: 'mlflow-stack/external-revision',
  /** On a claim, what happens to it when the stack no longer has it. */
  dataProtection: 'mlflow-stack/data-protection',
} as const;

/** An object with a name of its own choosing, and where the API server keeps its kind. */
export interface PlannedObject {
  readonly kind: string;
  /** Path of the kind within a namespace: `/api/v1/namespaces/<namespace>/<resource>` and the like. */
  readonly group: string;
  readonly resource: string;
  readonly name: string;
}

const networking = 'apis/networking.k8s.io/v1';
const stores = [names.artifactStore, names.backendStore];
const cronJobs = [names.gc, names.traceArchival, vacuumCronJob];
const workloads = [names.server, ...stores, names.migration, ...cronJobs];

/** Every object that the stack may name itself. Other Secrets, ConfigMaps and Jobs get names that nobody else has. */
export const plannedObjects: readonly PlannedObject[] = [
  ...[...stores, names.sqlite].map((name) => object('PersistentVolumeClaim', 'api/v1', name)),
  ...[names.server, ...stores].map((name) => object('Service', 'api/v1', name)),
  ...[names.keys, databaseTlsSecret].map((name) => object('Secret', 'api/v1', name)),
  ...workloads.map((name) => object('ServiceAccount', 'api/v1', name)),
  object('Deployment', 'apis/apps/v1', names.server),
  ...stores.map((name) => object('StatefulSet', 'apis/apps/v1', name)),
  ...cronJobs.map((name) => object('CronJob', 'apis/batch/v1', name)),
  object('PodDisruptionBudget', 'apis/policy/v1', names.server),
  object('HorizontalPodAutoscaler', 'apis/autoscaling/v2', names.server),
  object('VerticalPodAutoscaler', 'apis/autoscaling.k8s.io/v1', names.server),
  object('ServiceMonitor', 'apis/monitoring.coreos.com/v1', names.server),
  { kind: 'Ingress', group: networking, resource: 'ingresses', name: names.ingress },
  ...workloads.map((name) => ({
    kind: 'NetworkPolicy',
    group: networking,
    resource: 'networkpolicies',
    name,
  })),
];

function object(kind: string, group: string, name: string): PlannedObject {
  return { kind, group, resource: `${kind.toLowerCase()}s`, name };
}
