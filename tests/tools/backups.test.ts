// What the commands for backups do on this machine, with a pod that others play.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import { execa } from 'execa';
import { pack as tar } from 'tar-stream';
import { copyArtifacts } from '../../tools/lib/artifact-copies.ts';
import {
  ContactLost,
  backupUri,
  findPassphrase,
  needsPassphrase,
  passphraseVariable,
  persistently,
  said,
  takeBackup,
  withBackupPod,
} from '../../tools/lib/backups.ts';
import { type MaintenancePod, podManifest } from '../../tools/lib/maintenance-pod.ts';
import type { RunningStack } from '../../tools/lib/stack.ts';
import { settingsWith } from '../support/settings.ts';

const { signal } = new AbortController();

function stackWith(settings: object, secret = ''): RunningStack {
  return {
    name: 'team',
    settings: settingsWith(settings),
    outputs: {},
    secretOutput: () => Promise.resolve(secret),
    service: { namespace: 'mlflow', name: 'mlflow', port: 5000 },
    kubectl: (() =>
      Promise.resolve({ exitCode: 0, stdout: secret, stderr: '' })) as unknown as RunningStack['kubectl'],
  };
}

type Exec = MaintenancePod['exec'];
/** A pod whose commands are programs of this machine, chosen by the script's command. */
function podWith(
  programs: Record<string, readonly [string, ...string[]]>,
  asked: unknown[] = [],
): MaintenancePod {
  const exec = ((_container: string, command: readonly string[], options: object) => {
    asked.push((options as { input?: unknown }).input);
    const [, [file, ...args] = ['true']] =
      Object.entries(programs).find(([word]) => command.includes(word)) ?? [];
    return execa(file, args, options);
  }) as unknown as Exec;
  return { name: 'pod', exec };
}

async function failure(action: Promise<unknown>): Promise<string> {
  return await action.then(
    () => 'no error',
    (error: unknown) => (error as Error).message,
  );
}

describe('backups by command', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'backups-test-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const backup = { enabled: true, passphrase: 'sixteen letters!' };

  it('find the passphrase in a file, a variable or the Secret of those by schedule, in this order', async () => {
    const data = { passphrase: Buffer.from('of the Secret').toString('base64') };
    const stack = stackWith({ backup }, JSON.stringify({ data }));
    const file = join(folder, 'words');
    writeFileSync(file, 'of the file\n');
    process.env[passphraseVariable] = 'of the variable';
    try {
      expect(await findPassphrase(stack, file)).to.equal('of the file');
      expect(await findPassphrase(stack, undefined)).to.equal('of the variable');
    } finally {
      Reflect.deleteProperty(process.env, passphraseVariable);
    }
    expect(await findPassphrase(stack, undefined)).to.equal('of the Secret');
    expect(await findPassphrase(stackWith({}), undefined)).to.equal(undefined);
    expect(await failure(findPassphrase(stack, join(folder, 'none')))).to.include('There is no file');
    writeFileSync(file, '\n');
    expect(await failure(findPassphrase(stack, file))).to.include('is empty');
  });

  it('need none where the keys are kept by the user', () => {
    const from = { secretName: 'own', key: 'key' };
    expect(needsPassphrase(stackWith({}))).to.equal(true);
    expect(needsPassphrase(stackWith({ secrets: { kekPassphraseFrom: from } }))).to.equal(true);
    const both = { secrets: { kekPassphraseFrom: from, webhookKeyFrom: from } };
    expect(needsPassphrase(stackWith(both))).to.equal(false);
  });

  it('leave other databases to their own tools, and name those', async () => {
    const backendStore = { kind: 'external', dialect: 'mysql', uriFrom: { secretName: 'db', key: 'uri' } };
    const stack = stackWith({ backendStore });
    expect(await failure(withBackupPod(stack, signal, async () => undefined))).to.include('mysqldump');
  });

  it('say which setting makes those by schedule', () =>
    expect(() => backupUri(stackWith({}))).to.throw('mlflow-stack:backup.enabled'));

  it('keep a file only when all of it arrived', async () => {
    const sum = '9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0';
    const arriving = (checksum: string) =>
      podWith({ pack: ['sh', '-c', `printf aaa; echo ${checksum} >&2`] });
    const options = { passphrase: 'words', signal };
    const { file, bytes } = await takeBackup(stackWith({}), arriving(sum), folder, options);
    expect(file).to.match(/team-\d{8}T\d{6}Z\.tar$/);
    expect([readFileSync(file, 'utf8'), bytes]).to.deep.equal(['aaa', 3]);
    rmSync(file);
    const cut = await failure(takeBackup(stackWith({}), arriving('abc'), folder, options));
    expect(cut).to.include('did not arrive complete');
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  describe('run what must not be left half done', () => {
    /** Runs these scripts in turn; how many it took, and why it failed. */
    const course = async (...scripts: string[]) => {
      let runs = 0;
      const error: unknown = await persistently(
        () => execa('sh', ['-c', scripts[Math.min(runs++, scripts.length - 1)] ?? '']),
        1,
      ).catch((reason: unknown) => reason);
      return { runs, error };
    };
    const ended = 'echo "the disk is full" >&2; echo "command terminated with exit code 1" >&2; exit 1';
    const lost = 'echo "error: unable to upgrade connection" >&2; exit 1';

    it('again when kubectl ends before it does', async () => {
      expect(await course('true')).to.deep.equal({ runs: 1, error: undefined });
      expect(await course(lost, 'kill -9 $$', 'true')).to.deep.equal({ runs: 3, error: undefined });
    });

    it('but not when it has failed by itself', async () => {
      const { runs, error } = await course(lost, ended);
      expect(runs).to.equal(2);
      expect((error as Error).message).to.equal('the disk is full');
      expect(error).not.to.be.instanceOf(ContactLost);
    });

    it('and say so when nobody can tell how it went', async () => {
      const { error } = await course(lost);
      expect(error).to.be.instanceOf(ContactLost);
    });
  });

  it('tell what the pod said when it fails, and no more', async () => {
    const script =
      'echo "x: SomeWarning: y" >&2; echo "the disk is full" >&2; echo "command terminated with exit code 1" >&2; exit 1';
    expect(await failure(said(execa('sh', ['-c', script])))).to.equal('the disk is full');
  });
});

describe('a copy of artifacts in a folder', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'copies-test-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** What copy_artifacts.py sends. */
  async function stream(files: Record<string, string>): Promise<readonly [string, string]> {
    const archive = tar();
    for (const [name, content] of Object.entries(files)) {
      archive.entry(
        { name, pax: { 'MLFLOW.mark': `mark of ${name}` } } as object as { name: string },
        content,
      );
    }
    archive.finalize();
    const file = join(tmpdir(), `stream-${process.pid}.tar`);
    writeFileSync(file, await buffer(archive));
    return ['cat', file];
  }
  const options = (back: boolean) => ({ store: '/mlflow/artifacts', copy: folder, back, signal });

  it('takes files with their folders, and asks for no more than what it has not', async () => {
    const asked: unknown[] = [];
    const pod = podWith({ send: await stream({ '1/a.txt': 'one', 'b.txt': 'two' }) }, asked);
    expect(await copyArtifacts(pod, options(false))).to.deep.equal({ files: 2, bytes: 6 });
    expect(readFileSync(join(folder, '1/a.txt'), 'utf8')).to.equal('one');
    writeFileSync(join(folder, 'b.txt'), 'spoilt');
    await copyArtifacts(pod, options(false));
    expect(asked.map((text) => JSON.parse(String(text)) as unknown)).to.deep.equal([
      {},
      { '1/a.txt': 'mark of 1/a.txt' },
    ]);
  });

  it('lets nothing out of the folder', async () => {
    const inner = join(folder, 'inner');
    mkdirSync(inner);
    const pod = podWith({ send: await stream({ '../escaped.txt': 'x' }) });
    expect(await failure(copyArtifacts(pod, { ...options(false), copy: inner }))).to.include(
      'no path within',
    );
    expect(readdirSync(folder)).to.deep.equal(['inner']);
  });

  it('says which file has no room on a full disk, and keeps what is whole', async () => {
    symlinkSync('/dev/full', join(folder, 'b.txt.unfinished'));
    const pod = podWith({ send: await stream({ 'a.txt': 'one', 'b.txt': 'two' }) });
    expect(await failure(copyArtifacts(pod, options(false)))).to.equal(
      `${join(folder, 'b.txt')} could not be written: no space is left on its disk`,
    );
    expect(readdirSync(folder).filter((name) => !name.startsWith('.'))).to.deep.equal(['a.txt']);
  });

  it('brings back what the store has not, or has otherwise', async () => {
    await copyArtifacts(
      podWith({ send: await stream({ 'a.txt': 'one', 'b.txt': 'two', 'c.txt': 'three' }) }),
      options(false),
    );
    const there = { 'a.txt': [3, 'mark of a.txt'], 'b.txt': [3, 'another mark'] };
    const back = podWith({
      list: ['echo', JSON.stringify(there)],
      take: ['sh', '-c', `cat >/dev/null; echo '["b.txt", "new b"]'; echo '["c.txt", "new c"]'`],
    });
    expect(await copyArtifacts(back, options(true))).to.deep.equal({ files: 2, bytes: 8 });
    const now = { 'a.txt': [3, 'mark of a.txt'], 'b.txt': [3, 'new b'], 'c.txt': [5, 'new c'] };
    const again = podWith({ list: ['echo', JSON.stringify(now)] });
    expect(await copyArtifacts(again, options(true))).to.deep.equal({ files: 0, bytes: 0 });
  });
});

describe('the pod of the commands', () => {
  it('can have more room and storage than the server', () => {
    const template = {
      metadata: { labels: {} },
      spec: {
        containers: [{ name: 'mlflow', volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }] }],
        volumes: [{ name: 'tmp', emptyDir: { sizeLimit: '1Gi' } }],
      },
    };
    const backups = { name: 'backups', persistentVolumeClaim: { claimName: 'mlflow-backups' } };
    const mount = { name: 'backups', mountPath: '/backups' };
    const mounts = { volumes: [backups], volumeMounts: [mount] };
    const { spec } = podManifest(
      'pod',
      { spec: { selector: { matchLabels: {} }, template } },
      { clientImage: 'postgres:15', tmpSize: '9Gi', mounts },
    );
    expect(spec.volumes).to.deep.equal([{ name: 'tmp', emptyDir: { sizeLimit: '9Gi' } }, backups]);
    for (const container of spec.containers) {
      expect(container.volumeMounts).to.deep.equal([{ name: 'tmp', mountPath: '/tmp' }, mount]);
    }
  });
});
