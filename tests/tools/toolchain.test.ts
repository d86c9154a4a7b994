import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { execa } from 'execa';
import packageJson from '../../package.json' with { type: 'json' };
import type { StepContext } from '../../tools/lib/step.ts';
import { explainGoFailure } from '../../tools/toolchain/build.ts';
import { findChecksum } from '../../tools/toolchain/download.ts';
import { clusterToolSteps, engineSteps, toolPath } from '../../tools/toolchain/index.ts';
import { install, versionsIn } from '../../tools/toolchain/install.ts';
import { fillAtomically, toolDir } from '../../tools/toolchain/store.ts';
import {
  clusterTools,
  engineTools,
  gatewayApi,
  type GoBuild,
  type ModuleWay,
  type Tool,
  traefikCrds,
  type Way,
} from '../../tools/toolchain/tools.ts';

describe('toolchain', () => {
  let dir: string;
  let logged: string;
  let context: StepContext;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'toolchain-'));
    logged = '';
    const log = new Writable({
      write(chunk, _encoding, done) {
        logged += String(chunk);
        done();
      },
    });
    context = { log, signal: new AbortController().signal, report: () => undefined };
  });

  afterEach(() => rmSync(dir, { recursive: true }));

  describe('versions', () => {
    for (const [output, versions] of [
      ['v3.259.0\n', ['3.259.0']],
      ['Kubernetes v1.36.3', ['1.36.3']],
      ['CoreDNS-1.14.7\nlinux/amd64, go1.26.8, \n', ['1.14.7']],
      ['Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0', ['1.32.4-dispatcher', '5.5.0']],
      ['v1.36.3+k3s1', ['1.36.3+k3s1']],
      ['etcd Version: 13.7.1.', ['13.7.1']],
    ] as const) {
      it(`reads ${versions.join(' and ')} in ${JSON.stringify(output)}`, () => {
        expect(versionsIn(output)).to.deep.equal(versions);
      });
    }

    it('of the engine are those of the SDKs', () => {
      const version = (name: string) => engineTools.find((tool) => tool.name === name)?.version;
      expect(version('pulumi')).to.equal(packageJson.dependencies['@pulumi/pulumi']);
      expect(version('pulumi-resource-kubernetes')).to.equal(packageJson.dependencies['@pulumi/kubernetes']);
      expect(version('pulumi-resource-random')).to.equal(packageJson.dependencies['@pulumi/random']);
    });
  });

  describe('checksum files', () => {
    const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];
    it('are read line by line, by file name', () => {
      expect(findChecksum(`${a}  other.tar.gz\n${b} *./tool.tar.gz\n`, 'tool.tar.gz')).to.equal(b);
      expect(findChecksum(`${a}  tool.tar.gz.sig\n`, 'tool.tar.gz')).to.equal(undefined);
    });
    it('may hold the sum alone', () => {
      expect(findChecksum(a, 'kubectl')).to.equal(a);
      expect(findChecksum('<html>Not found</html>', 'kubectl')).to.equal(undefined);
    });
  });

  describe('cache key', () => {
    const build: GoBuild = { module: 'm', package: '.', output: 'tool' };
    const tool: Tool = {
      name: 'tool',
      version: '1.2.3',
      programs: [{ name: 'tool', args: [] }],
      ways: [{ kind: 'go', builds: [build] }],
    };
    const key = (of: Tool = tool) => toolDir(of, 'store', dir);

    beforeEach(() => {
      mkdirSync(join(dir, 'm/shim'), { recursive: true });
      for (const file of ['go.mod', 'go.sum', 'main.go', 'shim/shim.go'])
        writeFileSync(join(dir, 'm', file), file);
    });

    for (const file of ['go.mod', 'go.sum', 'main.go', 'shim/shim.go']) {
      it(`changes with ${file}`, () => {
        const before = key();
        writeFileSync(join(dir, 'm', file), 'changed');
        expect(key()).not.to.equal(before);
      });
    }
    it('changes with version and flags', () => {
      const flagged: Tool = { ...tool, ways: [{ kind: 'go', builds: [{ ...build, tags: 'x' }] }] };
      expect(new Set([key(), key({ ...tool, version: '1.2.4' }), key(flagged)]).size).to.equal(3);
    });
    it('of files in a module changes with its pins', () => {
      const way: Way = { kind: 'module', module: 'm', package: 'example.com/m', folder: 'crds' };
      const files: Tool = { ...tool, programs: [], ways: [way] };
      const before = key(files);
      writeFileSync(join(dir, 'm/go.sum'), 'changed');
      expect(key(files)).not.to.equal(before);
    });
    it('does not change with what decides nothing', () => {
      const other: Tool = { ...tool, ways: [{ kind: 'go', builds: [{ ...build, package: './shim' }] }] };
      const before = key(other);
      writeFileSync(join(dir, 'm/main.go'), 'of another program in the module');
      expect(key(other)).to.equal(before);
      writeFileSync(join(dir, 'm/notes.txt'), '');
      expect(key({ ...tool, estimate: 5 })).to.equal(key());
    });
  });

  describe('store', () => {
    it('shows nothing half-made', async () => {
      const target = join(dir, 'tool-1');
      await fillAtomically(target, (staging) => {
        mkdirSync(staging);
        throw new Error('stopped');
      }).catch(() => undefined);
      expect(readdirSync(dir)).to.deep.equal([]);
    });

    it('removes what a killed run left, and leaves a running one alone', async () => {
      const ended = execa('true');
      const { pid } = ended;
      await ended;
      mkdirSync(join(dir, `a.tmp-${pid}`));
      mkdirSync(join(dir, `b.tmp-${process.ppid}`));
      await fillAtomically(join(dir, 'tool-1'), (staging) => mkdir(staging));
      expect(readdirSync(dir).sort()).to.deep.equal([`b.tmp-${process.ppid}`, 'tool-1']);
    });
  });

  describe('ways', () => {
    const files = new Map<string, string>();
    let server: Server;
    let requests: string[];
    let origins: Record<'pulumi' | 'kubernetes' | 'github', string>;

    beforeEach(async () => {
      requests = [];
      files.clear();
      server = createServer(({ url = '' }, response) => {
        requests.push(url);
        const body = files.get(url);
        response.writeHead(body === undefined ? 404 : 200).end(body);
      });
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      origins = { pulumi: origin, kubernetes: origin, github: origin };
    });
    afterEach((done) => void server.close(done));

    const script = (version: string) => `#!/bin/sh\necho tool v${version}\n`;
    const release = (folder: string): Way => ({
      kind: 'release',
      origin: 'github',
      files: [{ path: `/${folder}/tool`, checksums: `/${folder}/SUMS`, members: { tool: 'tool' } }],
    });
    const tool = (...ways: Way[]): Tool => ({
      name: 'tool',
      version: '1.2.3',
      programs: [{ name: 'tool', args: ['--version'] }],
      ways,
    });
    const publish = (folder: string, body: string, sumOf = body) => {
      files.set(`/${folder}/tool`, body);
      files.set(`/${folder}/SUMS`, `${createHash('sha256').update(sumOf).digest('hex')}  tool\n`);
    };
    const installIt = (what: Tool) => install(what, context, { store: dir, origins });
    const failure = (what: Tool) =>
      installIt(what).then(
        () => expect.fail('installed'),
        (error: unknown) => (error as Error).message,
      );

    it('downloads a release, and asks nobody the second time', async () => {
      publish('good', script('1.2.3'));
      await installIt(tool(release('good')));
      const path = join(toolDir(tool(release('good')), dir), 'tool');
      expect((await execa(path)).stdout).to.equal('tool v1.2.3');
      expect(readdirSync(dirname(path))).to.deep.equal(['tool']);
      const before = requests.length;
      await installIt(tool(release('good')));
      expect(requests.length).to.equal(before);
    });

    it('refuses a download with another checksum and takes the next way', async () => {
      publish('bad', script('1.2.3'), 'something else');
      publish('good', script('1.2.3'));
      await installIt(tool(release('bad'), release('good')));
      expect(logged).to.match(/\/bad\/tool doesn't match its published checksum/);
    });

    it('never runs what has no checksum', async () => {
      publish('bare', script('1.2.3'));
      files.delete('/bare/SUMS');
      expect(await failure(tool(release('bare')))).to.match(
        /^tool 1\.2\.3 can't be had: .*\/bare\/SUMS answers 404$/,
      );
      expect(requests).to.deep.equal(['/bare/SUMS']);
    });

    it('refuses a program of another version', async () => {
      publish('old', script('1.2.3-rc.1'));
      expect(await failure(tool(release('old')))).to.equal(
        "tool 1.2.3 can't be had: tool is not version 1.2.3 or does not run here",
      );
      expect(readdirSync(dir)).to.deep.equal([]);
    });

    it('asks a host that cannot be reached only once', async () => {
      await new Promise((done) => server.close(done));
      expect(await failure(tool(release('a'), release('b')))).to.match(/127\.0\.0\.1:\d+ can't be reached/);
      expect(logged.match(/^GET /gm)).to.have.length(1);
      server.listen(0);
    });

    describe('installed', () => {
      const node: Tool = {
        name: 'node',
        version: process.versions.node,
        programs: [{ name: 'node', args: ['--version'] }],
        ways: [{ kind: 'installed', among: 'path' }],
      };
      const path = process.env.PATH;
      beforeEach(() => void (process.env.PATH = `${dir}/bin:${dirname(process.execPath)}`));
      afterEach(() => void (process.env.PATH = path));

      it('takes a program of the right version from PATH, but no script', async () => {
        mkdirSync(join(dir, 'bin'));
        writeFileSync(join(dir, 'bin/node'), `#!/bin/sh\necho ${process.version}\n`, { mode: 0o755 });
        await install(node, context, { store: join(dir, 'store') });
        expect((await execa(join(toolDir(node, join(dir, 'store')), 'node'), ['-p', '1'])).stdout).to.equal(
          '1',
        );
      });

      it('takes no other version', async () => {
        const message = await failure({ ...node, version: '1.0.0' });
        expect(message).to.match(/^node 1\.0\.0 can't be had/);
        expect(logged).to.include(process.version);
      });
    });
  });

  describe('failures of Go', () => {
    const failing = (text: string) =>
      execa('sh', ['-c', 'echo "$0" >&2; exit 1', text], { all: true }).catch((error: unknown) => error);

    for (const [text, meaning] of [
      [
        'go: x@v1: Get "https://proxy/x": dial tcp: lookup proxy: no such host',
        /module proxy .*check the network/,
      ],
      [
        'go: go.mod requires go >= 1.26.3 (running go 1.25.1; GOTOOLCHAIN=local)',
        /install Go 1\.26\.3 or newer/,
      ],
      ['compile: signal: killed', /memory/],
      ['write /tmp/x: no space left on device', /disk is full/],
      ['main.go:3:1: syntax error', /^go build failed$/],
    ] as const) {
      it(`says what "${text}" means`, async () => {
        expect(explainGoFailure(await failing(text))).to.match(meaning);
      });
    }
    it('says that there is no Go', async () => {
      const error: unknown = await execa('no-such-go').catch((error: unknown) => error);
      expect(explainGoFailure(error)).to.match(/^Go is missing/);
    });
  });

  it('knows where every program will be', () => {
    for (const { programs } of [...engineTools, ...clusterTools]) {
      for (const { name } of programs) expect(toolPath(name)).to.match(new RegExp(`/bin/[^/]+/${name}$`));
    }
    expect(() => toolPath('no-such-tool')).to.throw('No tool is called no-such-tool');
    expect([...engineSteps(), ...clusterToolSteps()]).to.have.length(
      engineTools.length + clusterTools.length,
    );
  });

  for (const tool of [gatewayApi, traefikCrds]) {
    it(`pins ${tool.name} at the version that it names`, () => {
      const [way] = tool.ways as [ModuleWay];
      const goMod = readFileSync(`tools/toolchain/modules/${way.module}/go.mod`, 'utf8');
      expect(goMod).to.include(`\nrequire ${way.package} v${tool.version}\n`);
    });
  }

  it('takes the definitions of Traefik from its release or an earlier patch of it', () => {
    const traefik = clusterTools.find(({ name }) => name === 'traefik');
    const parts = (version = '') => version.split('.').map(Number);
    const [major, minor, patch] = parts(traefik?.version);
    const [crdMajor, crdMinor, crdPatch] = parts(traefikCrds.version);
    expect([crdMajor, crdMinor]).to.deep.equal([major, minor]);
    expect(crdPatch).to.be.at.most(patch ?? 0);
  });

  it('needs no newer Go than its messages say', async () => {
    const { stdout } = await execa('sh', ['-c', 'cat tools/toolchain/modules/*/go.mod']);
    const directives = [...stdout.matchAll(/^go (.+)$/gm)].map((match) => match[1]);
    expect(directives).to.have.length.above(4);
    expect(directives.filter((version) => version !== '1.26' && version !== '1.26.3')).to.deep.equal([]);
  });
});
