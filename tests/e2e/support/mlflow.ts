// A real MLflow client.
import { execa } from 'execa';
import { mlflowPackagesDir } from '../../../tools/images/index.ts';

/** A user of MLflow's own. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Runs Python with MLflow's client against a tracking server; gives back what it prints as JSON. */
export async function mlflow<T>(
  trackingUri: string,
  code: string,
  credentials?: Credentials,
  environment: Record<string, string> = {},
): Promise<T> {
  const { stdout } = await execa(
    'python3.11',
    ['-c', `import json, mlflow\nfrom mlflow import MlflowClient\n${code}`],
    {
      env: {
        PYTHONPATH: mlflowPackagesDir,
        PYTHONDONTWRITEBYTECODE: '1',
        MLFLOW_TRACKING_URI: trackingUri,
        MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: 'true',
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false',
        // An S3 server inside the cluster is out of reach of presigned addresses.
        MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD: 'false',
        MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD: 'false',
        ...(credentials && {
          MLFLOW_TRACKING_USERNAME: credentials.username,
          MLFLOW_TRACKING_PASSWORD: credentials.password,
        }),
        ...environment,
      },
    },
  );
  return JSON.parse(stdout.split('\n').at(-1) ?? '') as T;
}

/** The same against one pod, whose address the server does not accept as a Host. */
export function mlflowAt<T>(podAddress: string, code: string, credentials?: Credentials): Promise<T> {
  const asLocalhost = `
import requests
send = requests.Session.send
def as_localhost(session, request, **options):
    request.headers["Host"] = "localhost"
    return send(session, request, **options)
requests.Session.send = as_localhost
`;
  return mlflow<T>(`http://${podAddress}:5000`, asLocalhost + code, credentials);
}
