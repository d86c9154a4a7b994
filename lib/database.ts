// Addresses of databases as variables of a container. Where libpq's own variables can carry them, nothing has to be
// escaped, and no address holds a password.
import type { Input } from '@pulumi/pulumi';
import type { SecretKey, Variables } from '../components/connections.ts';

/** Driver without address: libpq takes the rest from its variables. */
export const libpqUri = 'postgresql+psycopg2://';

/** `sslmode` of libpq: https://www.postgresql.org/docs/current/libpq-ssl.html */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export type Dialect = 'postgresql' | 'mysql' | 'mssql';

export const defaultPorts: Readonly<Record<Dialect, number>> = { postgresql: 5432, mysql: 3306, mssql: 1433 };

/** Port in the URI of a database, its dialect's own where it names none; undefined where it is no such URI. */
export function uriPort(uri: string): number | undefined {
  if (!URL.canParse(uri)) return undefined;
  const { protocol, port, searchParams } = new URL(uri);
  const [scheme = ''] = protocol.split(/[+:]/);
  const [, defaultPort] = Object.entries(defaultPorts).find(([dialect]) => dialect.startsWith(scheme)) ?? [];
  return defaultPort && (Number(port || searchParams.get('port')) || defaultPort);
}

export interface DatabaseAddress {
  readonly dialect: Dialect;
  readonly host: Input<string> | SecretKey;
  readonly port: number;
  readonly database: Input<string>;
  readonly user: Input<string> | SecretKey;
  /** Default: whoever connects is known without one. */
  readonly password?: SecretKey | undefined;
  /** PostgreSQL only. */
  readonly sslMode: SslMode;
}

const libpqNames = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER', 'PGPASSWORD'] as const;
const ourNames = [
  'DATABASE_HOST',
  'DATABASE_PORT',
  'DATABASE_NAME',
  'DATABASE_USER',
  'DATABASE_PASSWORD',
] as const;

const isSecretKey = (value: Input<string> | SecretKey): value is SecretKey =>
  typeof value === 'object' && 'secretName' in value;

/** https://www.postgresql.org/docs/current/libpq-envars.html; other databases get what our scripts compose an address from. */
export function databaseVariables(address: DatabaseAddress): Variables {
  const isPostgres = address.dialect === 'postgresql';
  const [host, port, database, user, password] = isPostgres ? libpqNames : ourNames;
  const settings: Record<string, Input<string>> = {
    [port]: String(address.port),
    [database]: address.database,
    ...(isPostgres
      ? { MLFLOW_BACKEND_STORE_URI: libpqUri, ...libpqDefaults(address.sslMode) }
      : { DATABASE_DIALECT: address.dialect }),
  };
  const secrets: Record<string, SecretKey> = address.password ? { [password]: address.password } : {};
  for (const [name, value] of [
    [host, address.host],
    [user, address.user],
  ] as const) {
    if (isSecretKey(value)) secrets[name] = value;
    else settings[name] = value;
  }
  return { settings, secrets };
}

/** What libpq does unless an address says otherwise. */
export const libpqDefaults = (sslMode: SslMode): Record<string, string> => ({
  PGSSLMODE: sslMode,
  // Dropped packets end in an error instead of in silence.
  PGCONNECT_TIMEOUT: '10',
});
