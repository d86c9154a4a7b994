// A real MLflow client.
import { execa } from 'execa';
import { mlflowPackagesDir } from '../../../tools/images/index.ts';

/** Runs Python with MLflow's client against a tracking server; gives back what it prints as JSON. */
export async function mlflow<T>(trackingUri: string, code: string): Promise<T> {
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
      },
    },
  );
  return JSON.parse(stdout.split('\n').at(-1) ?? '') as T;
}
