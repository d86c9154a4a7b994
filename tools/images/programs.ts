// Layers of static programs.
import { chmodSync, copyFileSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { toolDir } from '../toolchain/store.ts';
import { install } from '../toolchain/install.ts';
import type { Tool } from '../toolchain/tools.ts';
import { fileMark, type LayerRecipe } from './layer.ts';

/** A program of this machine, in /bin. */
export function program(path: string): LayerRecipe {
  const name = basename(path);
  return {
    name,
    title: `${name} layer`,
    inputs: [fileMark(path)],
    fill(work) {
      const bin = join(work, 'root/bin');
      mkdirSync(bin, { recursive: true });
      copyFileSync(path, join(bin, name));
      chmodSync(join(bin, name), 0o755);
      return Promise.resolve(join(work, 'root'));
    },
  };
}

/** Busybox with the commands that the provisioner's helper pods run. */
export function busybox(path: string): LayerRecipe {
  const commands = ['chmod', 'mkdir', 'rm', 'sh', 'sleep'];
  return {
    name: 'busybox',
    title: 'Busybox layer',
    inputs: [fileMark(path), ...commands],
    async fill(work, context) {
      const root = await program(path).fill(work, context);
      for (const command of commands) symlinkSync(basename(path), join(root, 'bin', command));
      return root;
    },
  };
}

/** A program that only images need, in /usr/bin: the place of a program on top of Debian, whose /bin is a link. */
export function fetchedProgram(tool: Tool, title: string, estimate: number): LayerRecipe {
  return {
    name: tool.name,
    title: `${title} layer`,
    estimate,
    inputs: [basename(toolDir(tool))],
    async fill(work, context) {
      await install(tool, context, { store: work });
      const bin = join(work, 'root/usr/bin');
      mkdirSync(bin, { recursive: true });
      for (const { name } of tool.programs) renameSync(join(toolDir(tool, work), name), join(bin, name));
      return join(work, 'root');
    },
  };
}
