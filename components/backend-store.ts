// BackendStore: the database that holds experiments, runs, metrics and the model registry.
import * as pulumi from '@pulumi/pulumi';
import type { Cloud } from '../clouds/cloud.ts';
import {
  type Dialect,
  type SslMode,
  databaseVariables,
  defaultPorts,
  libpqDefaults,
  libpqUri,
} from '../lib/database.ts';
import { names } from '../lib/names.ts';
import type { Resources } from '../lib/pod.ts';
import { type StorageArgs, dataClaim } from './claim.ts';
import type {
  BackendConnection,
  GeneratedSecrets,
  MadeBackend,
  Mounts,
  SecretKey,
  Variables,
} from './connections.ts';
import { postgres } from './postgres.ts';

export interface BackendStoreArgs extends StorageArgs {
  /**
   * `postgres`: PostgreSQL in the cluster. `cloudSql`, `rds`: PostgreSQL managed by the cloud. `sqlite`: a file on a claim.
   * `external`: a database that is there already.
   */
  readonly kind: 'postgres' | 'cloudSql' | 'rds' | 'sqlite' | 'external';
  /** Makes the database of kinds `cloudSql` and `rds`. */
  readonly cloud?: Pick<Cloud, 'database'> | undefined;
  /** Password of the managed database that an earlier stack left in the cluster. */
  readonly keptPassword?: string | undefined;
  /** Image that keeps to the contract of the official one: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, PGDATA. */
  readonly image: string;
  readonly imagePullSecrets: readonly string[];
  /** Password of the database user. Default: 32 random characters. */
  readonly password?: pulumi.Input<string> | undefined;
  /** Existing Secret with the password. */
  readonly passwordFrom?: SecretKey | undefined;
  /** Changes with what is in `passwordFrom`, among others: the database is told the password at its start. */
  readonly externalRevision: pulumi.Input<string>;
  /** A new number makes a new password. */
  readonly rotation: number;
  /** Certificate that the database had before, by file name; a new one is made when it is none or runs out. */
  readonly certificate: Readonly<Record<string, string>>;
  readonly resources: Resources;
  /** Connections that the database accepts in all. A change restarts it. */
  readonly maxConnections: number;
  /** Whether `VACUUM ANALYZE` runs on `vacuumSchedule`. */
  readonly vacuum: boolean;
  /** Five cron fields. */
  readonly vacuumSchedule: string;
  /** Seconds that an update waits for the database to become ready. */
  readonly timeoutSeconds: number;

  // External databases.
  readonly dialect: Dialect;
  readonly uriFrom?: SecretKey | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database: string;
  readonly connectionFrom?:
    | {
        readonly secretName: string;
        readonly userKey: string;
        readonly passwordKey: string;
        readonly hostKey: string;
      }
    | undefined;
  readonly sslMode: SslMode;
  /** A replica that answers reads. What it does not say is as for the database itself. */
  readonly readReplica?:
    | {
        readonly host?: string | undefined;
        readonly port?: number | undefined;
        readonly uriFrom?: SecretKey | undefined;
      }
    | undefined;

  /** Storage that SQLite shares with the artifacts. Default: a claim of its own. */
  readonly sharedMounts?: Mounts | undefined;
}

/** A database of its own in the cluster, a file, or what it takes to use an existing one. */
export class BackendStore extends pulumi.ComponentResource {
  /** What a pod needs to reach the database. Known only once the database is ready. */
  public readonly connection: BackendConnection;
  /** What was made secret for it. */
  public readonly generated: GeneratedSecrets;

  constructor(name: string, args: BackendStoreArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:BackendStore', name, recordedArgs(args), opts);
    const { generated = {}, ...connection }: MadeBackend = connections[args.kind](name, args, this);
    this.connection = connection;
    this.generated = generated;
    this.registerOutputs({ host: this.connection.host });
  }
}

const connections = { postgres, cloudSql: ofCloud, rds: ofCloud, sqlite, external } as const;

function ofCloud(name: string, args: BackendStoreArgs, parent: pulumi.Resource): MadeBackend {
  const connection = args.cloud?.database?.(name, args, { parent });
  if (connection === undefined)
    throw new pulumi.RunError(
      `BackendStore: kind ${args.kind}: of another cloud; allowed: kinds of this cloud`,
    );
  return connection;
}

/** Args as the state keeps them: encrypted where they are secret, and without what was only found or is yet to come. */
function recordedArgs({
  certificate: _,
  cloud: __,
  keptPassword: ___,
  externalRevision: ____,
  password,
  ...args
}: BackendStoreArgs): pulumi.Inputs {
  return password === undefined ? args : { ...args, password: pulumi.secret(password) };
}

function sqlite(name: string, args: BackendStoreArgs, parent: pulumi.Resource): BackendConnection {
  const uri = `sqlite:///${mountPath}/mlflow.db`;
  return {
    host: `${mountPath}/mlflow.db`,
    settings: { MLFLOW_BACKEND_STORE_URI: uri },
    secrets: {},
    ...(args.sharedMounts ?? ownMounts(name, args, parent)),
  };
}

const mountPath = '/mlflow';

function ownMounts(name: string, args: BackendStoreArgs, parent: pulumi.Resource): Mounts {
  const claim = dataClaim(
    `${name}-sqlite`,
    { ...args, name: names.sqlite, component: 'sqlite', accessMode: 'ReadWriteOnce' },
    parent,
  );
  return {
    volumes: [{ name: 'sqlite', persistentVolumeClaim: { claimName: claim.metadata.name } }],
    volumeMounts: [{ name: 'sqlite', mountPath }],
  };
}

function external(_name: string, args: BackendStoreArgs): BackendConnection {
  const common = {
    volumes: [],
    volumeMounts: [],
    readReplica: args.readReplica && replicaVariables(args.readReplica),
  } as const;
  const { uriFrom, connectionFrom } = args;
  if (uriFrom !== undefined) {
    return {
      ...common,
      host: pulumi.interpolate`secret ${uriFrom.secretName}/${uriFrom.key}`,
      // Taken where the address itself does not say it.
      settings: args.dialect === 'postgresql' ? libpqDefaults(args.sslMode) : {},
      secrets: { MLFLOW_BACKEND_STORE_URI: uriFrom },
    };
  }
  if (connectionFrom === undefined) {
    throw new pulumi.RunError(
      'BackendStore: uriFrom, connectionFrom: both missing; an external database needs one of them',
    );
  }
  const { secretName } = connectionFrom;
  const key = (name: string): SecretKey => ({ secretName, key: name });
  const port = args.port ?? defaultPorts[args.dialect];
  const host = args.host ?? `secret ${secretName}/${connectionFrom.hostKey}`;
  return {
    ...common,
    host,
    ...databaseVariables({
      ...args,
      port,
      host: args.host ?? key(connectionFrom.hostKey),
      user: key(connectionFrom.userKey),
      password: key(connectionFrom.passwordKey),
    }),
  };
}

function replicaVariables({
  host = '',
  port,
  uriFrom,
}: NonNullable<BackendStoreArgs['readReplica']>): Variables {
  const name = 'MLFLOW_READ_REPLICA_BACKEND_STORE_URI';
  const address = port === undefined ? host : `${host}:${port}`;
  return uriFrom === undefined
    ? { settings: { [name]: `${libpqUri}${address}` }, secrets: {} }
    : { settings: {}, secrets: { [name]: uriFrom } };
}
