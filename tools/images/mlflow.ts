// MLflow from PyPI: what the image holds, and what clients on this machine use.
import { globSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { defaultImages, imageReference } from '../../lib/image.ts';
import { cacheDir } from '../lib/paths.ts';
import type { Step, StepContext } from '../lib/step.ts';
import { debian } from './debian.ts';
import { type LayerRecipe, makeOnce, sha256 } from './layer.ts';
import { here, type ImageRecipe, PATH, textOf } from './recipe.ts';

/** The root of the image's MLflow layer. Debian's Python looks for modules below /usr/local/lib, so nothing needs to be set. */
const packagesRoot = join(
  cacheDir,
  `mlflow-packages-${sha256(textOf('requirements.txt'), '2').slice(0, 16)}`,
);
const MODULES = 'usr/local/lib/python3.11/dist-packages';

/** MLflow and all it needs. On PYTHONPATH of the host's Python 3.11 it is a complete client. */
export const mlflowPackagesDir = join(packagesRoot, MODULES);

/** Scripts made by pip carry the path of the Python that installed them, so the image brings its own. */
const LAUNCHER = `#!/usr/bin/python3
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
      const root = join(work, 'root');
      await pipInstall(['--requirement', here('requirements.txt')], join(root, MODULES), context);
      const bin = join(root, 'usr/local/bin');
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(bin, 'mlflow'), LAUNCHER, { mode: 0o755 });
      symlinkSync('/usr/bin/python3', join(bin, 'python'));
      return await readable(root);
    }),
};

const packages: LayerRecipe = {
  name: 'mlflow',
  title: 'MLflow layer',
  estimate: 15,
  inputs: [packagesRoot],
  async fill(_, context) {
    await mlflowPackagesStep.run(context);
    return packagesRoot;
  },
};

export const mlflow: ImageRecipe = {
  name: imageReference(defaultImages.mlflow),
  layers: [debian, packages],
  config: { Env: [`PATH=${PATH}`, 'LANG=C.UTF-8', 'PYTHONUNBUFFERED=1'], Cmd: ['python3'] },
};

/** Another version on the same dependencies. It has a folder of its own, so that no file of the other shines through. */
export function mlflowOf(version: string): ImageRecipe {
  const modules = 'opt/mlflow';
  const requirements = ['mlflow', 'mlflow-skinny', 'mlflow-tracing'].map((name) => `${name}==${version}`);
  const layer: LayerRecipe = {
    name: `mlflow-${version}`,
    title: `MLflow ${version} layer`,
    estimate: 20,
    inputs: [...requirements, modules, '1'],
    async fill(work, context) {
      await pipInstall(requirements, join(work, 'root', modules), context);
      return await readable(join(work, 'root'));
    },
  };
  const { repository } = defaultImages.mlflow;
  const { config, layers } = mlflow;
  return {
    name: imageReference({ repository, tag: `v${version}-full` }),
    layers: [...layers, layer],
    config: { ...config, Env: [...(config.Env ?? []), `PYTHONPATH=/${modules}`] },
  };
}

/** An image of one's own: the same MLflow, with packages that it does not hold. */
export function mlflowWith(name: string, requirements: readonly string[]): ImageRecipe {
  const layer: LayerRecipe = {
    name: `mlflow-${name}`,
    title: `MLflow ${name} layer`,
    estimate: 10,
    inputs: [...requirements, '1'],
    async fill(work, context) {
      await pipInstall(requirements, join(work, 'root', MODULES), context);
      return await readable(join(work, 'root'));
    },
  };
  const { tag } = defaultImages.mlflow;
  return {
    ...mlflow,
    name: imageReference({ repository: 'registry.example/mlflow', tag: `${tag}-${name}` }),
    layers: [...mlflow.layers, layer],
  };
}

/** Packages beside MLflow's for this machine's Python: what to put on its PYTHONPATH, and how to have it there. */
export function packagesBesideMlflow(
  name: string,
  requirements: readonly string[],
): { readonly pythonPath: string; install(context: StepContext): Promise<void> } {
  const root = join(cacheDir, `${name}-packages-${sha256(...requirements, '1').slice(0, 16)}`);
  return {
    pythonPath: [join(root, MODULES), mlflowPackagesDir].join(delimiter),
    install: (context) =>
      makeOnce(root, context, async (work) => {
        await pipInstall(requirements, join(work, 'root', MODULES), context);
        return join(work, 'root');
      }),
  };
}

/** Exactly these packages, compiled, since a container cannot write beside its modules. */
async function pipInstall(
  requirements: readonly string[],
  modules: string,
  context: StepContext,
): Promise<void> {
  const options = {
    cancelSignal: context.signal,
    stdin: 'ignore',
    stdout: context.log,
    stderr: context.log,
  } as const;
  const pip = [
    'install',
    '--no-compile',
    '--no-deps',
    '--disable-pip-version-check',
    '--no-warn-script-location',
  ];
  await execa('python3.11', ['-m', 'pip', ...pip, '--target', modules, ...requirements], options);
  for (const folder of globSync(NOT_NEEDED, { cwd: modules }))
    rmSync(join(modules, folder), { recursive: true, force: true });
  context.report('compiling');
  // Valid whatever the files' times are, because archives have fixed ones. Exit code 1 tells of templates that are no valid Python.
  const compile = ['-m', 'compileall', '-q', '-j', '0', '--invalidation-mode', 'unchecked-hash', modules];
  await execa('python3.11', compile, { ...options, reject: false });
}

/** For every user of the image, whatever this process's umask is. */
async function readable(root: string): Promise<string> {
  await execa('chmod', ['-R', 'u+rwX,go=rX', root]);
  return root;
}
