// Options of `mlflow server`. Those that decide what other parts of the stack rely on have a setting of their own.

/** Option by option, without leading hyphens, what to use instead. */
const owned: Record<string, string> = {
  'allowed-hosts': 'ingress.hosts',
  'app-name': 'auth.kind',
  'artifacts-destination': 'artifactStore',
  'artifacts-only': 'artifactStore.mode',
  'backend-store-uri': 'backendStore',
  'cors-allowed-origins': 'ingress.hosts',
  'default-artifact-root': 'artifactStore.mode',
  dev: 'server.logLevel',
  'disable-security-middleware': 'ingress.hosts',
  'disable-workspaces': 'workspaces.enabled',
  'enable-workspaces': 'workspaces.enabled',
  'expose-prometheus': 'metrics.enabled',
  'gunicorn-opts': 'server.valueOptions.uvicorn_opts',
  host: 'server.service',
  'no-serve-artifacts': 'artifactStore.mode',
  port: 'server.service.port',
  'read-replica-backend-store-uri': 'backendStore.readReplica',
  'registry-store-uri': 'registryStore',
  'serve-artifacts': 'artifactStore.mode',
  'static-prefix': 'server.staticPrefix',
  'trace-archival-config': 'traceArchival',
  'waitress-opts': 'server.valueOptions.uvicorn_opts',
  workers: 'server.workers',
  'workspace-store-uri': 'workspaces',
};

/** Variables without an option of the same name. */
const ownedVariables: Record<string, string> = {
  AUTH_CONFIG: 'auth',
  AUTH_DATABASE: 'auth',
  MLFLOW_AUTH_ADMIN_PASSWORD: 'auth.adminPassword',
  MLFLOW_AUTH_ADMIN_USERNAME: 'auth.adminUsername',
  MLFLOW_AUTH_CONFIG_PATH: 'auth',
  MLFLOW_CRYPTO_KEK_PASSPHRASE: 'secrets.kekPassphraseFrom',
  MLFLOW_CRYPTO_KEK_VERSION: 'secrets.kekVersion',
  MLFLOW_FLASK_SERVER_SECRET_KEY: 'secrets.flaskKeyFrom',
  MLFLOW_LOGGING_LEVEL: 'server.logLevel',
  MLFLOW_S3_ENDPOINT_URL: 'artifactStore.endpointUrl',
  MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'server.jobs',
  MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW: 'server.maxOverflow',
  MLFLOW_SQLALCHEMYSTORE_POOL_SIZE: 'server.poolSize',
  MLFLOW_UVICORN_OPTS: 'server.valueOptions.uvicorn_opts',
  MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: 'secrets.webhookKeyFrom',
  MLFLOW_WORKSPACE: 'the same variable of the client',
  PGDATABASE: 'backendStore.database',
  PGHOST: 'backendStore.host',
  PGPASSWORD: 'backendStore.password',
  PGPORT: 'backendStore.port',
  PGSSLMODE: 'backendStore.sslMode',
  PGUSER: 'backendStore.connectionFrom',
  UVICORN_SSL_CERTFILE: 'server.tls',
  UVICORN_SSL_KEYFILE: 'server.tls',
};

/** The name of an option as MLflow's command line has it: underscores and a leading `--` are forgiven. */
const optionName = (name: string): string => name.replace(/^-+/, '').replaceAll('_', '-').toLowerCase();

/** What to use instead of an option that the program owns; undefined for all others. */
export function ownedOption(name: string): string | undefined {
  return setting(owned, optionName(name));
}

/** The same for a variable, its own or that of an option. */
export function ownedVariable(name: string): string | undefined {
  const [, option = ''] = /^MLFLOW_(?:SERVER_)?(.+)/.exec(name) ?? [];
  return setting(ownedVariables, name) ?? setting(owned, optionName(option));
}

function setting(table: Record<string, string>, name: string): string | undefined {
  const instead = Object.hasOwn(table, name) ? table[name] : undefined;
  return instead === undefined || instead.includes(' ') ? instead : `mlflow-stack:${instead}`;
}

/** Arguments for options that users give. */
export function optionArgs(
  valueOptions: Readonly<Record<string, string>>,
  flagOptions: readonly string[],
): string[] {
  const values = Object.entries(valueOptions).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...values.flatMap(([name, value]) => [`--${optionName(name)}`, value]),
    ...[...flagOptions].sort().map((name) => `--${optionName(name)}`),
  ];
}
