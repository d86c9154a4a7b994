// What a client does with an MLflow server, one thing after the other; nothing of it stays.
import { randomBytes } from 'node:crypto';
import { type Target, Trouble, ask, askJson } from './client.ts';

export interface StepResult {
  readonly step: string;
  readonly ok: boolean;
  /** What there is to know of it. */
  readonly note?: string;
  readonly seconds: number;
  /** Where it failed: what is wrong, and what to do. */
  readonly error?: string;
  readonly remedy?: string;
}

const api = '/api/2.0/mlflow';
const content = randomBytes(64 * 1024);

/** Takes the steps until one fails, then cleans up. Each is reported as soon as it is done. */
export async function testConnection(
  target: Target,
  report: (result: StepResult) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const call = <T>(path: string, body?: object) =>
    askJson<T>(target, `${api}${path}`, body === undefined ? {} : { method: 'POST', body }, signal);
  let isFine = true;

  async function step<T>(
    name: string,
    action: () => Promise<{ value?: T; note?: string }>,
  ): Promise<T | undefined> {
    if (!isFine) return undefined;
    return attempt(name, action);
  }
  async function attempt<T>(
    name: string,
    action: () => Promise<{ value?: T; note?: string }>,
  ): Promise<T | undefined> {
    const start = performance.now();
    const done = () => ({ step: name, seconds: Math.round(performance.now() - start) / 1000 });
    try {
      const { value, note } = await action();
      report({ ...done(), ok: true, ...(note !== undefined && { note }) });
      return value;
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      isFine = false;
      report({ ...done(), ok: false, error: error.message, remedy: error.remedy });
      return undefined;
    }
  }

  await step('health', async () => {
    const { body } = await ask(target, '/health', {}, signal);
    if (body.toString().trim() !== 'OK')
      throw new Trouble('the answer is not of MLflow', 'Is this the tracking URI, and not another service?');
    return {};
  });
  await step('log-in', async () => {
    await call('/experiments/search', { max_results: 1 });
    return {
      note:
        target.token !== undefined
          ? 'by token'
          : target.username
            ? `as ${target.username}`
            : 'nobody is asked',
    };
  });
  await step('version', async () => ({
    note: (await ask(target, '/version', {}, signal)).body.toString().trim(),
  }));

  const name = `connection-test-${randomBytes(6).toString('hex')}`;
  const experiment = await step('create an experiment', async () => {
    const { experiment_id: value } = await call<{ experiment_id: string }>('/experiments/create', { name });
    return { value };
  });
  const run = await step('log a run', async () => {
    const created = await call<{ run: Run }>('/runs/create', {
      experiment_id: experiment,
      start_time: Date.now(),
    });
    const { run_id } = created.run.info;
    await call('/runs/log-batch', {
      run_id,
      params: [{ key: 'parameter', value: 'naïve' }],
      metrics: [{ key: 'metric', value: 0.5, timestamp: Date.now(), step: 1 }],
    });
    return { value: created.run };
  });
  await step('read the run', async () => {
    const { run: read } = await call<{ run: Run }>(`/runs/get?run_id=${run?.info.run_id}`);
    const { params, metrics } = read.data;
    if (params?.[0]?.value !== 'naïve' || metrics?.[0]?.value !== 0.5)
      throw new Trouble(
        'what was logged is not there',
        'Is a read replica behind (backendStore.readReplica)?',
      );
    return {};
  });

  // The server moves artifacts where their place is mlflow-artifacts:/<path>; elsewhere clients do, with rights of their own.
  const uri = run?.info.artifact_uri ?? '';
  const folder = /^mlflow-artifacts:\/+(?:[^/]+@[^/]*\/)?(.*)$/.exec(uri)?.[1];
  const artifacts = '/api/2.0/mlflow-artifacts/artifacts';
  const own = `not through the server: clients reach ${uri} themselves`;
  await step('write an artifact', async () => {
    if (folder === undefined) return { note: own };
    await ask(target, `${artifacts}/${folder}/test.bin`, { method: 'PUT', body: content }, signal);
    return {};
  });
  await step('read the artifact', async () => {
    if (folder === undefined) return { note: own };
    const { body } = await ask(target, `${artifacts}/${folder}/test.bin`, {}, signal);
    if (!body.equals(content))
      throw new Trouble('it is not what was written', 'Does something on the way change what it carries?');
    return {};
  });

  if (experiment !== undefined)
    await attempt('clean up', async () => {
      if (folder !== undefined)
        await ask(target, `${artifacts}/${folder}/test.bin`, { method: 'DELETE' }, signal).catch(
          (error: unknown) => {
            // There is nothing to delete where writing failed.
            if (isFine) throw error;
          },
        );
      await call('/experiments/delete', { experiment_id: experiment });
      return { note: 'garbage collection removes the rest' };
    });
  return isFine;
}

interface Run {
  readonly info: { readonly run_id: string; readonly artifact_uri: string };
  readonly data: {
    readonly params?: readonly { readonly value: string }[];
    readonly metrics?: readonly { readonly value: number }[];
  };
}
