// Names of the stack's objects in the cluster, in one place: what is created, and what must not be there already.

export const names = {
  artifactStore: 'mlflow-artifacts',
  backendStore: 'mlflow-postgres',
  sqlite: 'mlflow-sqlite',
  runtime: 'mlflow-runtime',
  keys: 'mlflow-keys',
  keptSecrets: 'mlflow-secrets',
  /** Also the SecretStore, and the ServiceAccount that reads for it. */
  externalSecrets: 'mlflow-external-secrets',
  auth: 'mlflow-auth',
  server: 'mlflow',
  migration: 'mlflow-migration',
  ingress: 'mlflow-ingress',
  networkPolicies: 'mlflow-network',
  httpRoute: 'mlflow-http-route',
  gc: 'mlflow-gc',
  traceArchival: 'mlflow-trace-archival',
  maintenance: 'mlflow-maintenance',
  backup: 'mlflow-backup',
  backups: 'mlflow-backups',
  clientEnv: 'mlflow-client',
  identities: 'mlflow-identities',
  entry: 'mlflow-entry',
  records: 'mlflow-records',
  /** Also the ConfigMap that says what the stores of a cloud were made with. */
  storeRecord: 'mlflow-stores',
  extras: 'mlflow-cloud',
} as const;

/** ServiceAccounts of the pods that may have rights in the cloud, by component. */
export const serviceAccounts = {
  'tracking-server': names.server,
  migration: names.migration,
  gc: names.gc,
  'trace-archival': names.traceArchival,
  backup: names.backup,
} as const;

/** By which name clients inside the cluster know the server. */
export const serviceHost = (namespace: string, service: string = names.server): string =>
  `${service}.${namespace}.svc`;
/** Label `app.kubernetes.io/component` of the server and what belongs to it. */
export const serverComponent = 'tracking-server';
/** Label of the pods that commands of operators start for a while. */
export const maintenanceComponent = 'maintenance';
/** Secret with the password of a managed database, kept for as long as the database is. */
export const databaseSecret = 'mlflow-database';
/** Key of the Secret of `identity.kind` keys, on Google Cloud: the file of a service account. */
export const accountFileKey = 'key.json';
/** Cloud SQL Auth Proxy for all pods: ServiceAccount, Deployment, Service. */
export const cloudSqlProxyName = 'mlflow-cloudsql-proxy';
/** Secret with the certificate of the database in the cluster. */
export const databaseTlsSecret = `${names.backendStore}-tls`;
/** CronJob that vacuums the database in the cluster. */
export const vacuumCronJob = `${names.backendStore}-vacuum`;

/** Objects beside an Ingress. */
export const ingressNames = (ingress: string) => ({
  /** Ingress for plain HTTP, where one cannot serve both. */
  plain: `${ingress}-http`,
  /** Certificate that Google makes. */
  managed: `${ingress}-managed`,
  /** Secret that cert-manager makes. */
  issued: `${ingress}-certificate`,
  /** Secret with the certificate that the program makes. */
  selfSigned: `${ingress}-self-signed`,
  redirect: `${ingress}-redirect`,
  allowList: `${ingress}-allow-list`,
  /** Secret with an htpasswd file, and what refers to it. */
  passwords: `${ingress}-passwords`,
  transport: `${ingress}-transport`,
  backend: `${ingress}-backend`,
  frontend: `${ingress}-frontend`,
});

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
const besideIngress = ingressNames(names.ingress);
const proxies = [cloudSqlProxyName];
export const cronJobs = [names.gc, names.traceArchival, names.backup, vacuumCronJob];
const workloads = [names.server, ...stores, names.migration, names.maintenance, ...cronJobs, ...proxies];

/** Every object that the stack may name itself. Other Secrets, ConfigMaps and Jobs get names that nobody else has. */
export const plannedObjects: readonly PlannedObject[] = [
  ...[...stores, names.sqlite, names.backups].map((name) => object('PersistentVolumeClaim', 'api/v1', name)),
  ...[names.server, ...stores, ...proxies].map((name) => object('Service', 'api/v1', name)),
  ...[
    names.keys,
    names.backup,
    databaseSecret,
    databaseTlsSecret,
    besideIngress.selfSigned,
    besideIngress.passwords,
  ].map((name) => object('Secret', 'api/v1', name)),
  ...[names.server, ...stores, names.migration, ...cronJobs, ...proxies, names.externalSecrets].map((name) =>
    object('ServiceAccount', 'api/v1', name),
  ),
  object('SecretStore', 'apis/external-secrets.io/v1', names.externalSecrets),
  object('ConfigMap', 'api/v1', names.storeRecord),
  ...[names.server, ...proxies].map((name) => object('Deployment', 'apis/apps/v1', name)),
  ...stores.map((name) => object('StatefulSet', 'apis/apps/v1', name)),
  ...cronJobs.map((name) => object('CronJob', 'apis/batch/v1', name)),
  object('PodDisruptionBudget', 'apis/policy/v1', names.server),
  object('HorizontalPodAutoscaler', 'apis/autoscaling/v2', names.server),
  object('VerticalPodAutoscaler', 'apis/autoscaling.k8s.io/v1', names.server),
  ...['ServiceMonitor', 'PrometheusRule'].map((kind) =>
    object(kind, 'apis/monitoring.coreos.com/v1', names.server),
  ),
  ...workloads.map((name) => ({
    kind: 'NetworkPolicy',
    group: networking,
    resource: 'networkpolicies',
    name,
  })),
  ...[names.ingress, besideIngress.plain].map((name) => ({
    kind: 'Ingress',
    group: networking,
    resource: 'ingresses',
    name,
  })),
  ...[besideIngress.redirect, besideIngress.allowList, besideIngress.passwords].map((name) =>
    object('Middleware', 'apis/traefik.io/v1alpha1', name),
  ),
  object('ServersTransport', 'apis/traefik.io/v1alpha1', besideIngress.transport),
  object('HTTPRoute', 'apis/gateway.networking.k8s.io/v1', names.httpRoute),
  object('ManagedCertificate', 'apis/networking.gke.io/v1', besideIngress.managed),
  object('BackendConfig', 'apis/cloud.google.com/v1', besideIngress.backend),
  object('FrontendConfig', 'apis/networking.gke.io/v1beta1', besideIngress.frontend),
];

function object(kind: string, group: string, name: string): PlannedObject {
  return { kind, group, resource: `${kind.toLowerCase()}s`, name };
}
