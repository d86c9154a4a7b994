// A real MLflow client.
import { execa } from 'execa';
import { mlflowPackagesDir } from '../../../tools/images/index.ts';

/** A user of MLflow's own. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** The header by which a user logs in. */
export const authorization = ({ username, password }: Credentials) => ({
  authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
});

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

/** The same against an address of a pod or Service, which the server does not accept as a Host. */
export function mlflowAt<T>(address: string, code: string, credentials?: Credentials): Promise<T> {
  return mlflow<T>(`http://${address}:5000`, `import as_host\n${code}`, credentials, asHost);
}

/** For Python that imports `as_host`. */
export const asHost = { PYTHONPATH: `${mlflowPackagesDir}:${import.meta.dirname}`, AS_HOST: 'localhost' };

/** A user beside the administrator, and what makes one. */
export const somebody: Credentials = { username: 'alice', password: 'a password of alice' };
export const makeUser = ({ username, password }: Credentials) => `
from mlflow.server import get_app_client
get_app_client("basic-auth", tracking_uri=mlflow.get_tracking_uri()).create_user("${username}", "${password}")
print("null")`;

/** Reads the parameter and the file of a run that the tests of stacks have logged. */
export const readRun = (run: string) => `
found = MlflowClient().get_run("${run}")
print(json.dumps([found.data.params["größe"], mlflow.artifacts.load_text("runs:/${run}/notes.txt")]))`;
