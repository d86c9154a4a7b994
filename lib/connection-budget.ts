// How many connections the stack can open at once, so that a stack that its database cannot bear is refused before it fails
// under load: a server that waits for a connection in vain answers 400, which clients do not repeat.

import { authDatabase } from './auth.ts';

/** What the number of connections follows from. */
export interface ConnectionDemand {
  readonly backendStore: { readonly kind: string; readonly maxConnections: number };
  readonly artifactStore: { readonly kind: string; readonly accessMode: string };
  readonly server: {
    readonly replicas: number;
    readonly workers: number;
    readonly jobs: boolean;
    readonly poolSize?: number | undefined;
    readonly maxOverflow?: number | undefined;
  };
  readonly autoscaling: { readonly enabled: boolean; readonly kind: string; readonly max: number };
  readonly auth: Parameters<typeof authDatabase>[0];
  readonly workspaces: { readonly enabled: boolean };
}

export interface ConnectionPlan {
  /** Connections that a process keeps per store. */
  readonly poolSize: number;
  /** Connections beyond that under load. */
  readonly maxOverflow: number;
  /** Connections that the whole stack opens at most, during a rolling update with every pool full. */
  readonly most: number;
  /** What the database accepts, without those that PostgreSQL reserves for its superuser. */
  readonly available: number;
  /** How `most` comes about, for people. */
  readonly arithmetic: string;
}

/** SQLAlchemy's own defaults, beyond which MLflow gains nothing: a process answers up to 40 requests at once. */
const largest = { poolSize: 5, maxOverflow: 10 };
/** Connections beside those of servers: garbage collection, migration. */
const jobs = 5;
/** https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SUPERUSER-RESERVED-CONNECTIONS */
const reserved = 3;

/** Pools as large as useful and as small as the database needs them; what was set by hand stays. */
export function connectionPlan(demand: ConnectionDemand): ConnectionPlan {
  const { backendStore, server } = demand;
  const pods = podsAtOnce(demand);
  const stores = storesPerProcess(demand);
  const parent = authDatabase(demand.auth) === undefined ? 3 : 4;
  const available = backendStore.maxConnections - reserved;

  const fitting = Math.floor(((available - jobs) / pods - parent) / (server.workers * stores));
  const perStore = Math.max(2, Math.min(fitting, largest.poolSize + largest.maxOverflow));
  // MLflow takes 0 for unset, so neither may be 0.
  const kept = server.maxOverflow === undefined ? Math.floor(perStore / 2) : perStore - server.maxOverflow;
  const poolSize = server.poolSize ?? Math.max(1, Math.min(largest.poolSize, kept));
  const maxOverflow = server.maxOverflow ?? Math.max(1, perStore - poolSize);

  const most = pods * (server.workers * stores * (poolSize + maxOverflow) + parent) + jobs;
  const arithmetic =
    `${pods} pods x (${server.workers} workers x ${stores} stores x (${poolSize} + ${maxOverflow}) + ${parent}) ` +
    `+ ${jobs} for jobs = ${most}`;
  return { poolSize, maxOverflow, most, available, arithmetic };
}

/** Pods that are there at the same time while an update rolls. */
function podsAtOnce(demand: ConnectionDemand): number {
  const { autoscaling, server } = demand;
  const most = autoscaling.enabled && autoscaling.kind === 'horizontal' ? autoscaling.max : server.replicas;
  return most + (canRoll(demand) ? 1 : 0);
}

/** MLflow opens a pool per process and kind of store. */
function storesPerProcess({ auth, workspaces, server }: ConnectionDemand): number {
  const trackingAndRegistry = 2;
  return (
    trackingAndRegistry +
    (authDatabase(auth) === undefined ? 0 : 1) +
    (workspaces.enabled ? 1 : 0) +
    (server.jobs ? 1 : 0)
  );
}

/** Whether old and new pods can run side by side: nothing that they need belongs to one of them alone. */
export function canRoll({
  artifactStore,
  backendStore,
}: Pick<ConnectionDemand, 'artifactStore' | 'backendStore'>): boolean {
  return (
    backendStore.kind !== 'sqlite' &&
    (artifactStore.kind !== 'pvc' || artifactStore.accessMode === 'ReadWriteMany')
  );
}

/** The plan as an output of the stack. */
export function connectionSummary(demand: ConnectionDemand): { most: number; available: number } | undefined {
  const { most, available } = connectionPlan(demand);
  return demand.backendStore.kind === 'sqlite' ? undefined : { most, available };
}
