/** Port of MLflow behind a proxy in its own pod. */
export const loopbackPort = 5001;

/** What answers without a log-in, below the static prefix. A probe's Host header passes at the first alone. */
export const probePaths = { health: '/health', 'server-info': '/api/3.0/mlflow/server-info' } as const;
