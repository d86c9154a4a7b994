import { createHash } from 'node:crypto';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { meter } from '../lib/meter.ts';
import { cacheDir } from '../lib/paths.ts';
import { acquireLock } from '../lib/process.ts';
import type { StepContext } from '../lib/step.ts';

/** A tar file in the cache, one layer of one or more images. */
export interface Layer {
  readonly file: string;
  readonly digest: string;
  readonly size: number;
}

/** What a layer is made of and how. Assembled once per content of its inputs. */
export interface LayerRecipe {
  readonly name: string;
  /** For whoever waits. */
  readonly title: string;
  /** Typical duration on two cores with nothing cached, in seconds. */
  readonly estimate?: number;
  /** Everything that decides the content, such as scripts, pins and the marks of binaries. */
  readonly inputs: readonly string[];
  /** Fills the (empty) work folder and returns the folder that becomes the root of the layer. */
  fill(work: string, context: StepContext): Promise<string>;
}

const layersDir = join(cacheDir, 'images');

export function sha256(...texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\0')).digest('hex');
}

/** Changes whenever the file does; reading hundreds of megabytes at every start would take too long. */
export function fileMark(file: string): string {
  const { size, mtimeMs } = statSync(file);
  return `${file} ${size} ${mtimeMs}`;
}

/** Assembles the layer unless it is there. The record comes last, so a killed assembly is simply done again. */
export async function assembleLayer(recipe: LayerRecipe, context: StepContext): Promise<Layer> {
  const path = layerPath(recipe);
  await makeOnce(`${path}.json`, context, async (work) => {
    const root = await recipe.fill(work, context);
    context.report('writing the archive');
    const { digest, size } = await archive(root, `${work}/layer.tar`, context);
    const layer: Layer = { file: `${path}.tar`, digest, size };
    renameSync(`${work}/layer.tar`, layer.file);
    writeFileSync(`${work}/record`, JSON.stringify(layer));
    return `${work}/record`;
  });
  return JSON.parse(readFileSync(`${path}.json`, 'utf8')) as Layer;
}

/**
 * Makes a file or folder of the cache unless it exists: `make` fills an empty work folder and returns what becomes the target.
 * A second process that wants the same waits for the first; what a killed one left is removed.
 */
export async function makeOnce(
  target: string,
  context: StepContext,
  make: (work: string) => Promise<string>,
): Promise<void> {
  if (existsSync(target)) return;
  let release = acquireLock(`${target}.lock`);
  for (; typeof release === 'object'; release = acquireLock(`${target}.lock`)) {
    context.report(`waiting for process ${release.pid}, which is making the same`);
    await setTimeout(500, undefined, { signal: context.signal });
  }
  const work = `${target}.work`;
  try {
    if (existsSync(target)) return;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work);
    renameSync(await make(work), target);
  } finally {
    rmSync(work, { recursive: true, force: true });
    release();
  }
}

/**
 * Runs a script that assembles a root folder. Its mounts and processes live in namespaces of their own, and those end with this process,
 * however it ends: nothing has to be undone.
 */
export async function runIsolated(
  script: string,
  args: readonly string[],
  context: StepContext,
): Promise<void> {
  const isolation = [
    '--pdeathsig',
    'KILL',
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
  ];
  await execa('setpriv', [...isolation, 'sh', script, ...args], {
    cancelSignal: context.signal,
    stdin: 'ignore',
    stdout: context.log,
    stderr: context.log,
  });
}

function layerPath(recipe: LayerRecipe): string {
  return join(layersDir, `${recipe.name}-${sha256(...recipe.inputs).slice(0, 16)}`);
}

/** Streams the folder into a tar file that is the same for the same content, and hashes it on the way. */
async function archive(
  root: string,
  file: string,
  context: StepContext,
): Promise<{ digest: string; size: number }> {
  const measured = meter();
  const options = ['--sort=name', '--mtime=@0', '--numeric-owner', '--format=gnu'];
  const tar = execa('tar', [...options, '-C', root, '-cf', '-', '.'], {
    cancelSignal: context.signal,
    stdin: 'ignore',
    stderr: context.log,
    buffer: false,
    encoding: 'buffer',
  });
  await Promise.all([tar, pipeline(tar.stdout, measured.stream, createWriteStream(file))]);
  return { digest: `sha256:${measured.digest()}`, size: measured.bytes() };
}
