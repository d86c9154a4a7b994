// The plug-in of AWS that the engine uses: a double of it, or with REAL_PLUGIN=1 the one on PATH.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { installDouble, pluginFile, removeDouble } from '../double/install.ts';
import { instance } from '../stack.ts';

export const usesRealPlugin = process.env.REAL_PLUGIN === '1';

/** Gives back how to take it away. */
export async function installAwsPlugin(environment: Readonly<Record<string, string>>): Promise<() => void> {
  if (!usesRealPlugin) {
    const state = mkdtempSync(join(tmpdir(), 'mlflow-stack-double-'));
    installDouble(instance, 'aws', { ...environment, DOUBLE_STATE: state });
    return () => {
      removeDouble(instance, 'aws');
      rmSync(state, { recursive: true });
    };
  }
  const { stdout } = await execa('which', ['pulumi-resource-aws'], { reject: false });
  if (stdout === '') throw new Error('pulumi-resource-aws is not on PATH, and REAL_PLUGIN is 1');
  const file = pluginFile(instance, 'aws');
  removeDouble(instance, 'aws');
  mkdirSync(dirname(file), { recursive: true });
  symlinkSync(stdout, file);
  return () => removeDouble(instance, 'aws');
}
