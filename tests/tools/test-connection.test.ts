import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { type StepResult, testConnection } from '../../tools/connection-test/steps.ts';

type Reply = { status: number; body: string | Buffer; headers?: Record<string, string> };

/** Answers as MLflow does, but for requests that a fault speaks for. */
class PretendedMlflow {
  /** By the beginning of method and path. */
  faults: Record<string, Reply> = {};
  artifactUri = 'mlflow-artifacts:/1/run/artifacts';
  readonly files = new Map<string, Buffer>();
  readonly experiments = new Set<string>();
  readonly #server: Server = createServer((request, response) => {
    void this.#answer(request).then(({ status, body, headers }) =>
      response.writeHead(status, headers).end(body),
    );
  });

  async start(): Promise<string> {
    await new Promise<void>((settle) => this.#server.listen(0, '127.0.0.1', settle));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }
  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage): Promise<Reply> {
    const body = Buffer.concat(await request.toArray());
    const what = `${request.method} ${request.url}`;
    const fault = Object.entries(this.faults).find(([start]) => what.startsWith(start));
    if (fault) return fault[1];
    const json = (value: object): Reply => ({ status: 200, body: JSON.stringify(value) });
    const [, path = ''] = what.split('?')[0]?.split('/api/2.0/mlflow') ?? [];
    const run = {
      info: { run_id: 'run', artifact_uri: this.artifactUri },
      data: { params: [{ value: 'naïve' }], metrics: [{ value: 0.5 }] },
    };
    const file = path.replace('-artifacts/artifacts/', '');
    if (what.startsWith('PUT')) this.files.set(file, body);
    if (what.startsWith('GET /health')) return { status: 200, body: 'OK' };
    if (what.startsWith('GET /version')) return { status: 200, body: '3.17.2' };
    if (what.startsWith('DELETE')) return json({ deleted: this.files.delete(file) });
    if (path.startsWith('-artifacts')) return { status: 200, body: this.files.get(file) ?? '' };
    if (path === '/experiments/create') return json({ experiment_id: this.#add('1') });
    if (path === '/experiments/delete') return json({ deleted: this.experiments.delete('1') });
    return json({ run });
  }

  #add(experiment: string): string {
    this.experiments.add(experiment);
    return experiment;
  }
}

describe('npm run test-connection', () => {
  let mlflow: PretendedMlflow;
  let url: string;
  beforeEach(async () => {
    mlflow = new PretendedMlflow();
    url = await mlflow.start();
  });
  afterEach(() => mlflow.stop());

  async function test(target = { url }): Promise<StepResult[]> {
    const results: StepResult[] = [];
    const isFine = await testConnection(target, (result) => results.push(result), AbortSignal.timeout(5000));
    expect(isFine).to.equal(results.every(({ ok }) => ok));
    return results;
  }
  const failed = (results: StepResult[]) => results.filter(({ ok }) => !ok);

  it('takes every step, and leaves nothing', async () => {
    expect((await test()).map(({ step, ok }) => [step, ok])).to.deep.equal(
      [
        ...['health', 'log-in', 'version', 'create an experiment', 'log a run', 'read the run'],
        ...['write an artifact', 'read the artifact', 'clean up'],
      ].map((step) => [step, true]),
    );
    expect([mlflow.files.size, mlflow.experiments.size]).to.deep.equal([0, 0]);
  });

  it('does not speak for a store that clients reach themselves', async () => {
    mlflow.artifactUri = 's3://bucket/1/run/artifacts';
    const write = (await test()).find(({ step }) => step === 'write an artifact');
    expect(write?.note).to.equal(
      'not through the server: clients reach s3://bucket/1/run/artifacts themselves',
    );
  });

  for (const [start, reply, step, error, remedy] of [
    ['GET /health', { status: 200, body: '<html>' }, 'health', 'not of MLflow', 'tracking URI'],
    ['GET /health', { status: 404, body: '' }, 'health', 'HTTP 404', 'server.staticPrefix'],
    ['GET /health', { status: 503, body: '<html>' }, 'health', 'HTTP 503', 'npm run status'],
    [
      'GET /health',
      { status: 302, body: '', headers: { location: 'https://id.example.com' } },
      ...(['health', 'HTTP 302', 'It leads to https://id.example.com'] as const),
    ],
    [
      'POST /api/2.0/mlflow/experiments/search',
      { status: 403, body: 'Invalid Host header - possible DNS rebinding attack detected' },
      ...(['log-in', 'Invalid Host header', 'server.extraAllowedHosts'] as const),
    ],
    [
      'POST /api/2.0/mlflow/experiments/search',
      { status: 401, body: 'You are not authenticated.' },
      ...(['log-in', 'You are not authenticated', 'MLFLOW_TRACKING_USERNAME'] as const),
    ],
    [
      'POST /api/2.0/mlflow/experiments/create',
      { status: 403, body: '{"message": "Permission denied"}' },
      ...(['create an experiment', 'Permission denied', 'docs/auth.md'] as const),
    ],
    [
      'PUT /api/2.0/mlflow-artifacts',
      { status: 413, body: '' },
      ...(['write an artifact', 'HTTP 413', 'docs/entry.md'] as const),
    ],
    [
      'GET /api/2.0/mlflow-artifacts',
      { status: 200, body: 'else' },
      ...(['read the artifact', 'not what was written', 'on the way'] as const),
    ],
    [
      'PUT /api/2.0/mlflow-artifacts',
      { status: 500, body: '{"error_code": "INTERNAL_ERROR", "message": "AccessDenied"}' },
      ...(['write an artifact', 'HTTP 500: AccessDenied', 'npm run logs'] as const),
    ],
  ] as const) {
    it(`says what to do when "${step}" fails with ${error}`, async () => {
      mlflow.faults = { [start]: reply };
      const [first, ...others] = failed(await test());
      expect(others).to.deep.equal([]);
      expect(first).to.include({ step });
      expect(first?.error).to.include(error);
      expect(first?.remedy).to.include(remedy);
      expect([mlflow.files.size, mlflow.experiments.size], 'left behind').to.deep.equal([0, 0]);
    });
  }

  it('says what to do when nobody listens, or the name is not known', async () => {
    mlflow.stop();
    expect(failed(await test())[0]?.error).to.match(/^nothing listens at 127\.0\.0\.1:\d+$/);
    const [unknown] = failed(await test({ url: 'http://mlflow.invalid' }));
    expect(unknown?.error).to.equal('mlflow.invalid is not known');
  });

  const command = (args: string[], env: Record<string, string> = {}) =>
    execa(process.execPath, [join(import.meta.dirname, '../../tools/test-connection.ts'), ...args], {
      env: { MLFLOW_TRACKING_URI: undefined, ...env },
      reject: false,
    });

  it('ends with 0, or 1, for programs and for people', async function () {
    this.timeout('30s');
    const { exitCode, stdout } = await command(['--tracking-uri', `${url}/`, '--json']);
    expect([exitCode, (JSON.parse(stdout) as StepResult[]).length]).to.deep.equal([0, 9]);
    mlflow.faults = { 'POST /api/2.0/mlflow/runs/create': { status: 500, body: '' } };
    const bad = await command([], { MLFLOW_TRACKING_URI: url });
    expect(bad.exitCode).to.equal(1);
    expect(bad.stdout).to.match(/✗ log a run: HTTP 500\n {4}The log of the server.*\n✓ clean up/);
    const none = await command([]);
    expect([none.exitCode, none.stderr]).to.deep.equal([
      1,
      'Say which server: --tracking-uri URL, or --stack NAME for that of a stack. See --help.',
    ]);
  });
});
