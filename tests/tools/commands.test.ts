import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { isPortFree } from '../../tools/lib/forward.ts';
import { parseOptions } from '../../tools/lib/options.ts';
import { acquireLock, identify, isRunning, stopProcess } from '../../tools/lib/process.ts';
import { contextSettings, stackName } from '../../tools/lib/target.ts';

const OPTIONS = { context: { value: 'NAME', help: 'a context' }, purge: { help: 'a switch' } } as const;

describe('parseOptions', () => {
  it('reads values and switches', () => {
    expect(parseOptions(OPTIONS, ['--context', 'kind-kind', '--purge'])).to.deep.equal({
      context: 'kind-kind',
      purge: true,
    });
    expect(parseOptions(OPTIONS, ['--context=a/b'])).to.deep.equal({ context: 'a/b' });
    expect(parseOptions(OPTIONS, [])).to.deep.equal({});
  });

  for (const [args, message] of [
    [['--contxt', 'kind'], '--contxt is not known; did you mean --context?'],
    [['purge'], 'purge is not known; did you mean --purge?'],
    [['-c'], '-c is not known; did you mean --context?'],
    [['--context'], '--context needs a value: --context NAME'],
    [['--context', '--purge'], '--context needs a value: --context NAME'],
    [['--context='], '--context needs a value: --context NAME'],
    [['--purge=yes'], '--purge takes no value'],
  ] as const) {
    it(`refuses ${args.join(' ')}`, () => {
      expect(() => parseOptions(OPTIONS, [...args])).to.throw(message);
    });
  }
});

describe('a context that the user names', () => {
  it('becomes a stack name', () => {
    expect(['kind-kind', 'arn:aws:eks:eu-west-1:1:cluster/ml', 'local'].map(stackName)).to.deep.equal([
      'kind-kind',
      'arn-aws-eks-eu-west-1-1-cluster-ml',
      'local-context',
    ]);
  });

  it('gets the settings of stack local, for its own cluster', () => {
    const local = readFileSync('Pulumi.local.yaml', 'utf8');
    const before = parse(local) as { config: Record<string, unknown> };
    const after = parse(contextSettings(local, 'kind-kind')) as typeof before;
    expect(after.config).to.deep.equal({
      ...before.config,
      'mlflow-stack:kubernetes': { context: 'kind-kind' },
      'mlflow-stack:ingress': { enabled: false },
    });
  });
});

describe('acquireLock', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'lock-test-'))));
  afterEach(() => rmSync(dir, { recursive: true }));

  it('names the owner as long as it runs', () => {
    const file = join(dir, 'state/lock');
    const release = acquireLock(file);
    expect(acquireLock(file)).to.deep.equal(identify(process.pid));
    (release as () => void)();
    (acquireLock(file) as () => void)();
  });

  it('takes over from an owner that was killed, even when its number is in use again', () => {
    const file = join(dir, 'lock');
    writeFileSync(file, JSON.stringify({ pid: process.pid, started: '1' }));
    expect(acquireLock(file)).to.be.a('function');
  });
});

describe('stopProcess', () => {
  it('ends the process that was meant, and no other with its number', async () => {
    const child = spawn('sleep', ['60']);
    const identity = identify(child.pid ?? 0);
    if (identity === undefined) throw new Error('no process');
    await stopProcess({ ...identity, started: '1' });
    expect(isRunning(identity)).to.equal(true);
    await Promise.all([stopProcess(identity), once(child, 'exit')]);
    expect(isRunning(identity)).to.equal(false);
  });
});

describe('isPortFree', () => {
  it('tells whether a port can be listened on', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    expect(await isPortFree(port)).to.equal(false);
    server.close();
    await once(server, 'close');
    expect(await isPortFree(port)).to.equal(true);
  });
});
