// Layers of Debian packages, with or without Debian below them.
import { join } from 'node:path';
import { execa } from 'execa';
import type { StepContext } from '../lib/step.ts';
import { assembleLayer, type LayerRecipe, runIsolated } from './layer.ts';
import { here, textOf } from './recipe.ts';

/** The ground of all images that need more than one program. */
export const debian: LayerRecipe = {
  name: 'base',
  title: 'Debian layer',
  estimate: 60,
  inputs: [textOf('base.sh')],
  async fill(work, context) {
    await runIsolated(here('base.sh'), [work, await debianMirror(context)], context);
    return join(work, 'root');
  },
};

/** What the scripts in a folder of that name install. */
export function packages(name: string, title: string, estimate: number): LayerRecipe {
  const scripts = ['packages.sh', `${name}/install.sh`, `${name}/docker-entrypoint.sh`];
  return {
    name,
    title: `${title} layer`,
    estimate,
    inputs: [...debian.inputs, ...scripts.map(textOf)],
    async fill(work, context) {
      const { file } = await assembleLayer(debian, context);
      await runIsolated(here('packages.sh'), [work, file, here(name)], context);
      return join(work, 'root');
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
