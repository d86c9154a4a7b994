// Names of the stack's objects in the cluster, in one place: what is created, and what must not be there already.

export const names = {
  artifactStore: 'mlflow-artifacts',
  backendStore: 'mlflow-postgres',
  server: 'mlflow',
  migration: 'mlflow-migration',
  ingress: 'mlflow-ingress',
  gc: 'mlflow-gc',
} as const;

/** An object with a name of its own choosing, and where the API server keeps its kind. */
export interface PlannedObject {
  readonly kind: string;
  /** Path of the kind within a namespace: `/api/v1/namespaces/<namespace>/<resource>` and the like. */
  readonly group: string;
  readonly resource: string;
  readonly name: string;
}

/** Every object that the stack names itself. Secrets and Jobs get names that nobody else has. */
export const plannedObjects: readonly PlannedObject[] = [
  ...[names.artifactStore, names.backendStore].map((name) => object('PersistentVolumeClaim', 'api/v1', name)),
  ...[names.server, names.backendStore].map((name) => object('Service', 'api/v1', name)),
  ...[names.server, names.backendStore, names.migration, names.gc].map((name) =>
    object('ServiceAccount', 'api/v1', name),
  ),
  object('Deployment', 'apis/apps/v1', names.server),
  object('StatefulSet', 'apis/apps/v1', names.backendStore),
  object('CronJob', 'apis/batch/v1', names.gc),
  { kind: 'Ingress', group: 'apis/networking.k8s.io/v1', resource: 'ingresses', name: names.ingress },
];

function object(kind: string, group: string, name: string): PlannedObject {
  return { kind, group, resource: `${kind.toLowerCase()}s`, name };
}
