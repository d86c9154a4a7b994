import {
  chmodSync,
  copyFileSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { cacheDir } from '../lib/paths.ts';
import type { Step, StepContext } from '../lib/step.ts';
import { defaultImages, imageReference } from '../../lib/image.ts';
import { toolPath } from '../toolchain/index.ts';
import { assembleLayer, fileMark, type LayerRecipe, makeOnce, runIsolated, sha256 } from './layer.ts';
import type { Image } from './oci.ts';

export { sha256 } from './layer.ts';
export { importImages } from './oci.ts';

/** The names that manifests use. Those of the official images stand for the same software, assembled from packages. */
export const mlflowImage = imageReference(defaultImages.mlflow);
export const postgresImage = defaultImages.postgres;
export const pauseImage = 'localhost/mlflow-stack/pause:1';
export const addonsImage = 'localhost/mlflow-stack/addons:1';
export const traefikImage = 'localhost/mlflow-stack/traefik:1';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const here = (name: string) => join(import.meta.dirname, name);
const textOf = (name: string) => readFileSync(here(name), 'utf8');

/** The root of the image's MLflow layer. Debian's Python looks for modules below /usr/local/lib, so nothing needs to be set. */
const packagesRoot = join(
  cacheDir,
  `mlflow-packages-${sha256(textOf('requirements.txt'), '2').slice(0, 16)}`,
);
const MODULES = 'usr/local/lib/python3.11/dist-packages';

/** MLflow and all it needs. On PYTHONPATH of the host's Python 3.11 it is a complete client. */
export const mlflowPackagesDir = join(packagesRoot, MODULES);

/** Scripts made by pip carry the path of the Python that installed them, so the image brings its own. */
const MLFLOW_LAUNCHER = `#!/usr/bin/python3
import sys
from mlflow.cli import cli
sys.exit(cli())
`;

/** A tenth of the whole, which nobody runs in a container: test suites and headers. */
const NOT_NEEDED = ['{matplotlib,pandas,pyarrow,scipy,sklearn}/**/tests', 'pyarrow/include'];

export const mlflowPackagesStep: Step = {
  title: 'MLflow from PyPI',
  estimate: 75,
  run: (context) =>
    makeOnce(packagesRoot, context, async (work) => {
      const options = {
        cancelSignal: context.signal,
        stdin: 'ignore',
        stdout: context.log,
        stderr: context.log,
      } as const;
      const modules = join(work, 'root', MODULES);
      const pip = [
        'install',
        '--no-compile',
        '--no-deps',
        '--disable-pip-version-check',
        '--no-warn-script-location',
      ];
      await execa(
        'python3.11',
        ['-m', 'pip', ...pip, '--target', modules, '--requirement', here('requirements.txt')],
        options,
      );
      for (const folder of globSync(NOT_NEEDED, { cwd: modules }))
        rmSync(join(modules, folder), { recursive: true, force: true });
      context.report('compiling');
      // Valid whatever the files' times are, because archives have fixed ones. Exit code 1 tells of templates that are no valid Python.
      const compile = ['-m', 'compileall', '-q', '-j', '0', '--invalidation-mode', 'unchecked-hash', modules];
      await execa('python3.11', compile, { ...options, reject: false });
      const bin = join(work, 'root/usr/local/bin');
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(bin, 'mlflow'), MLFLOW_LAUNCHER, { mode: 0o755 });
      symlinkSync('/usr/bin/python3', join(bin, 'python'));
      await execa('chmod', ['-R', 'u+rwX,go=rX', join(work, 'root')]);
      return join(work, 'root');
    }),
};

const base: LayerRecipe = {
  name: 'base',
  inputs: [textOf('base.sh')],
  async fill(work, context) {
    await runIsolated(here('base.sh'), [work, await debianMirror(context)], context);
    return join(work, 'root');
  },
};

const mlflow: LayerRecipe = {
  name: 'mlflow',
  inputs: [packagesRoot],
  async fill(_, context) {
    await mlflowPackagesStep.run(context);
    return packagesRoot;
  },
};

const postgres: LayerRecipe = {
  name: 'postgres',
  inputs: [...base.inputs, textOf('postgres.sh'), textOf('docker-entrypoint.sh')],
  async fill(work, context) {
    const { file } = await assembleLayer(base, context);
    await runIsolated(here('postgres.sh'), [work, file, here('docker-entrypoint.sh')], context);
    return join(work, 'root');
  },
};

/** Assembles everything that needs Debian or PyPI, so it can run beside the building of the cluster's programs. */
export function imageSteps(): Step[] {
  const assemble = (title: string, recipe: LayerRecipe, estimate: number): Step => ({
    title,
    estimate,
    run: async (context) => void (await assembleLayer(recipe, context)),
  });
  return [
    mlflowPackagesStep,
    assemble('Debian layer', base, 60),
    assemble('PostgreSQL layer', postgres, 40),
    assemble('MLflow layer', mlflow, 15),
  ];
}

/** All images that a cluster needs; assembles what is missing. */
export async function clusterImages(context: StepContext): Promise<Image[]> {
  const layer = (recipe: LayerRecipe) => assembleLayer(recipe, context);
  const program = (name: string) => layer(programLayer(toolPath(name)));
  const [debian, busybox] = [await layer(base), await layer(busyboxLayer('/usr/bin/busybox'))];
  return [
    {
      name: pauseImage,
      layers: [busybox],
      config: {
        Entrypoint: ['/bin/sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 86400 & wait; done'],
      },
    },
    // The provisioner's helper pods are root by this image's default, since they may not ask for it.
    {
      name: addonsImage,
      layers: [busybox, await program('coredns'), await program('local-path-provisioner')],
      config: { Env: ['PATH=/bin'] },
    },
    {
      name: traefikImage,
      layers: [await program('traefik')],
      config: { Entrypoint: ['/bin/traefik'], User: '65532:65532' },
    },
    {
      name: postgresImage,
      layers: [debian, await layer(postgres)],
      config: {
        Env: [
          `PATH=${PATH}:/usr/lib/postgresql/15/bin`,
          'LANG=C.UTF-8',
          'PG_MAJOR=15',
          'PGDATA=/var/lib/postgresql/data',
        ],
        Entrypoint: ['docker-entrypoint.sh'],
        Cmd: ['postgres'],
        StopSignal: 'SIGINT',
      },
    },
    {
      name: mlflowImage,
      layers: [debian, await layer(mlflow)],
      config: { Env: [`PATH=${PATH}`, 'LANG=C.UTF-8', 'PYTHONUNBUFFERED=1'], Cmd: ['python3'] },
    },
  ];
}

/** A layer of one static program in /bin. */
function programLayer(program: string): LayerRecipe {
  return {
    name: basename(program),
    inputs: [fileMark(program)],
    fill(work) {
      const target = join(work, 'root/bin', basename(program));
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(program, target);
      chmodSync(target, 0o755);
      return Promise.resolve(join(work, 'root'));
    },
  };
}

/** Busybox with the commands that the provisioner's helper pods run. */
function busyboxLayer(busybox: string): LayerRecipe {
  const commands = ['chmod', 'mkdir', 'rm', 'sh', 'sleep'];
  return {
    name: 'busybox',
    inputs: [fileMark(busybox), ...commands],
    async fill(work, context) {
      const root = await programLayer(busybox).fill(work, context);
      for (const command of commands) symlinkSync(basename(busybox), join(root, 'bin', command));
      return root;
    },
  };
}

/** The package mirror of this machine, which is more likely to be reachable than any that could be written here. */
async function debianMirror(context: StepContext): Promise<string> {
  const format = ['--format', '$(REPO_URI)', 'Origin: Debian', 'Codename: bookworm', 'Created-By: Packages'];
  const { stdout } = await execa('apt-get', ['indextargets', ...format], { cancelSignal: context.signal });
  const mirror = stdout.split('\n').find((line) => line !== '');
  if (mirror === undefined)
    throw new Error(
      'apt knows no Debian 12 (bookworm) archive: add one to /etc/apt/sources.list.d, then `apt-get update`.',
    );
  return mirror;
}
