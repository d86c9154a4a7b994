// Where stores are that are none of the stack's own pods, as far as settings tell.
import { type ProxyKind, proxyKind } from '../clouds/gcp/plan.ts';
import type { Settings } from '../settings/index.ts';
import { defaultPorts } from './database.ts';

/** What only the cluster knows: ports in URIs of databases that Secrets hold, by the setting that names the Secret. */
export interface NetworkFacts {
  readonly databasePorts: Readonly<Record<string, number>>;
}

interface OutsideDatabase {
  /** Undefined where only a Secret tells. */
  readonly host: string | undefined;
  readonly port: number;
  /** Whether only the server uses it, for reading. */
  readonly isReplica: boolean;
  /** What stands before it. */
  readonly proxy?: ProxyKind | undefined;
}

/** Of the side of the instance on which the Cloud SQL Auth Proxy knocks. */
const cloudSqlProxyPort = 3307;

/** Databases that are none of the stack's own pods. */
export function outsideDatabases(settings: Settings, { databasePorts }: NetworkFacts): OutsideDatabase[] {
  const { backendStore, registryStore } = settings;
  const { kind, dialect, host, uriFrom, readReplica } = backendStore;
  const inSecret = (setting: string) => databasePorts[setting] ?? defaultPorts[dialect];
  const port = uriFrom ? inSecret('backendStore.uriFrom') : (backendStore.port ?? defaultPorts[dialect]);
  const replicaPort = readReplica?.uriFrom
    ? inSecret('backendStore.readReplica.uriFrom')
    : (readReplica?.port ?? port);
  const registryPort = inSecret('registryStore.uriFrom');
  const proxy = proxyKind(settings);
  const managedPort = proxy === 'none' ? defaultPorts.postgresql : cloudSqlProxyPort;
  return [
    ...(kind === 'external' ? [{ host, port, isReplica: false }] : []),
    ...(kind === 'cloudSql' || kind === 'rds'
      ? [{ host: undefined, port: managedPort, isReplica: false, proxy }]
      : []),
    ...(registryStore?.uriFrom ? [{ host: undefined, port: registryPort, isReplica: false }] : []),
    ...(readReplica ? [{ host: readReplica.host, port: replicaPort, isReplica: true }] : []),
  ];
}

interface OutsideStore {
  readonly host: string | undefined;
  readonly port: number;
  /** Whether pods log in as what their cloud knows them for. */
  readonly usesIdentity: boolean;
}

const defaultStorePorts: Readonly<Record<string, number>> = { ftp: 21, hdfs: 8020, http: 80, sftp: 22 };
const cloudSchemes = ['abfss', 'gs', 's3', 'wasbs'];
const storeAddress = /^(?<scheme>[^:]+):\/\/([^/]*@)?(?<host>\[.+?\]|[^/:]*)(:(?<port>\d+))?(\/|$)/;

/** The object store, where it is not the stack's own. */
export function outsideStores({ artifactStore, identity }: Settings): OutsideStore[] {
  const { kind, uri, endpointUrl, credentialsFrom } = artifactStore;
  if (kind === 'gcs' || kind === 's3')
    return [{ host: undefined, port: 443, usesIdentity: identity.kind !== 'keys' }];
  const { scheme, host, port } =
    storeAddress.exec((kind === 'external' ? uri : endpointUrl) ?? '')?.groups ?? {};
  if (scheme === undefined) return [];
  const isCloud = cloudSchemes.includes(scheme);
  return [
    {
      // What follows s3:// and the like is a bucket.
      host: isCloud ? undefined : host?.replace(/^\[|\]$/g, ''),
      port: port === undefined ? (defaultStorePorts[scheme] ?? 443) : Number(port),
      usesIdentity: isCloud && credentialsFrom === undefined,
    },
  ];
}
