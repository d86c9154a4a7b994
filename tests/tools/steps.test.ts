import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { execa } from 'execa';
import type { Step } from '../../tools/lib/step.ts';
import { StepError, duration, runSteps, type Group } from '../../tools/lib/steps.ts';

describe('runSteps', () => {
  let logDir: string;
  let printed: string;
  let interruption: AbortController;

  beforeEach(() => {
    logDir = mkdtempSync(join(tmpdir(), 'steps-test-'));
    printed = '';
    interruption = new AbortController();
  });
  afterEach(() => rmSync(logDir, { recursive: true }));

  async function run(steps: (Step | Group)[]): Promise<unknown> {
    const output = new PassThrough().on('data', (chunk: Buffer) => (printed += chunk.toString()));
    return runSteps(steps, { logDir, signal: interruption.signal, output: output as never }).catch(
      (error: unknown) => error,
    );
  }

  const quick = (title: string): Step => ({
    title,
    run: ({ log }) => Promise.resolve(void log.write(`${title} was here\n`)),
  });
  const untilAborted = (title: string, seen: string[]): Step => ({
    title,
    run: ({ signal }) => sleep(5000, undefined, { signal }).finally(() => seen.push(title)),
  });

  it('runs steps in order, with one numbered log file each', async () => {
    await run([quick('Get Go'), { title: 'Group', steps: [quick('Build it (all)'), quick('Test')] }]);
    expect(readdirSync(logDir)).to.deep.equal(['01-get-go.log', '02-build-it-all.log', '03-test.log']);
    expect(readFileSync(join(logDir, '02-build-it-all.log'), 'utf8')).to.equal('Build it (all) was here\n');
    expect(printed.split('\n').map((line) => line.slice(0, -6))).to.deep.equal([
      'done   Get Go',
      'done   Build it (all)',
      'done   Test',
      '',
    ]);
  });

  it('lets child processes write to the log', async () => {
    await run([
      { title: 'Child', run: async ({ log }) => void (await execa('echo', ['hello'], { stdout: log })) },
    ]);
    expect(readFileSync(join(logDir, '01-child.log'), 'utf8')).to.equal('hello\n');
  });

  it('runs a concurrent group at once and announces long steps with their estimate', async () => {
    const start = performance.now();
    const long = (title: string): Step => ({ title, estimate: 360, run: () => sleep(1200) });
    await run([{ title: 'Both', concurrent: true, steps: [long('A'), long('B')] }]);
    expect(performance.now() - start).to.be.below(2200);
    expect(printed).to.contain('start  A (about 6 min)\n').and.to.contain('start  B (about 6 min)\n');
  });

  it('names the step, the reason, the last lines and the log when a step fails, and stops the others', async () => {
    const seen: string[] = [];
    const failing: Step = {
      title: 'Build pulumi',
      async run({ log }) {
        log.write('undefined: foo\n');
        await sleep(20);
        throw new Error('go build ended with exit code 1');
      },
    };
    const error = await run([
      { title: 'All', concurrent: true, steps: [untilAborted('Other', seen), failing] },
      quick('Later'),
    ]);
    expect(error).to.be.instanceOf(StepError);
    const { message } = error as StepError;
    expect(message)
      .to.match(/^Build pulumi failed: go build ended with exit code 1\n/)
      .and.to.contain('  undefined: foo\n');
    expect(message)
      .to.match(/The whole log: \S+\/02-build-pulumi\.log$/)
      .and.not.to.contain('    at ');
    expect(seen).to.deep.equal(['Other']);
    expect(readFileSync(join(logDir, '02-build-pulumi.log'), 'utf8')).to.contain('    at ');
    expect(printed).to.contain('FAILED Build pulumi').and.not.to.contain('Later');
  });

  it('ends running steps and starts no other when interrupted', async () => {
    const seen: string[] = [];
    setTimeout(() => interruption.abort(new Error('interrupted')), 50);
    const error = await run([untilAborted('Long', seen), quick('Later')]);
    expect((error as Error).message).to.equal('interrupted');
    expect(seen).to.deep.equal(['Long']);
    expect(printed).not.to.contain('Later');
  });
});

describe('duration', () => {
  it('is short and readable', () => {
    expect([0.42, 9.96, 42.4, 59.7, 365].map(duration)).to.deep.equal([
      '0.4 s',
      '10 s',
      '42 s',
      '1 min 0 s',
      '6 min 5 s',
    ]);
  });
});
