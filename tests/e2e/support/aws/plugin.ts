// The plug-in of AWS that the engine uses: a double of it, or with REAL_PLUGIN=1 the one on PATH.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installDouble, installRealPlugin, removePlugin, usesRealPlugin } from '../double/install.ts';
import { instance } from '../stack.ts';

/** Gives back how to take it away. */
export async function installAwsPlugin(environment: Readonly<Record<string, string>>): Promise<() => void> {
  if (usesRealPlugin) {
    await installRealPlugin(instance, 'aws');
    return () => removePlugin(instance, 'aws');
  }
  const state = mkdtempSync(join(tmpdir(), 'mlflow-stack-double-'));
  installDouble(instance, 'aws', { ...environment, DOUBLE_STATE: state });
  return () => {
    removePlugin(instance, 'aws');
    rmSync(state, { recursive: true });
  };
}
