import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Credentials, asHost } from './mlflow.ts';

export interface LoadReport {
  /** Writes that the server confirmed. */
  readonly acknowledged: number;
  /** What clients saw after all their own retries. */
  readonly errors: string[];
  /** Confirmed writes that are not there, and writes that are there more than once. */
  readonly lost: string[];
  readonly doubled: string[];
}

interface Target {
  readonly url: string;
  readonly credentials: Credentials;
  readonly experiment: string;
}

/** Lets a few clients work for as long as an action takes, and some seconds before and after it. */
export async function startLoad(target: Target, action: () => Promise<unknown>): Promise<LoadReport> {
  const script = readFileSync(join(import.meta.dirname, 'load.py'), 'utf8');
  const child = execa('python3.11', ['-c', script, target.experiment], {
    env: {
      ...asHost,
      PYTHONDONTWRITEBYTECODE: '1',
      MLFLOW_TRACKING_URI: target.url,
      MLFLOW_TRACKING_USERNAME: target.credentials.username,
      MLFLOW_TRACKING_PASSWORD: target.credentials.password,
      MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD: 'false',
      MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD: 'false',
      MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: 'false',
      MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: 'true',
    },
    stdin: 'pipe',
    timeout: 300_000,
  });
  // The first line says that all clients are at work.
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    void child.then(undefined, reject);
  });
  try {
    await action();
  } finally {
    child.stdin.end('stop\n');
  }
  const { stdout } = await child;
  return JSON.parse(stdout.split('\n').at(-1) ?? '') as LoadReport;
}
