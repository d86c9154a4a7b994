// Puts the test double of a cloud's plug-in where the engine of an instance looks for the real one, or on request the real one
// of this machine.
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import packageJson from '../../../../package.json' with { type: 'json' };
import { pulumiDir } from '../../../../tools/lib/engine.ts';

export type DoubledCloud = 'gcp' | 'aws';

/** The version of a cloud's SDK, which is that of its plug-in. */
export const pluginVersion = (cloud: DoubledCloud): string => packageJson.dependencies[`@pulumi/${cloud}`];

const pluginDir = (instance: string, cloud: DoubledCloud) =>
  join(pulumiDir(instance), 'plugins', `resource-${cloud}-v${pluginVersion(cloud)}`);

const pluginFile = (instance: string, cloud: DoubledCloud): string =>
  join(pluginDir(instance, cloud), `pulumi-resource-${cloud}`);

/** @param environment Its settings; DOUBLE_STATE is the folder of the pretended cloud. */
export function installDouble(
  instance: string,
  cloud: DoubledCloud,
  environment: Readonly<Record<string, string>>,
): void {
  const file = pluginFile(instance, cloud);
  const variables = Object.entries(environment).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  const main = join(import.meta.dirname, 'main.ts');
  // Else a link to the real one would be written through.
  removePlugin(instance, cloud);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `#!/bin/sh\n# A test double, not the plug-in of ${cloud}.\n${variables.join('')}exec ${quote(process.execPath)} ${quote(main)} ${cloud}\n`,
  );
  chmodSync(file, 0o755);
}

/** Whether tests run with the real plug-ins. */
export const usesRealPlugin = process.env.REAL_PLUGIN === '1';

/** The one on PATH. */
export async function installRealPlugin(instance: string, cloud: DoubledCloud): Promise<void> {
  const name = `pulumi-resource-${cloud}`;
  const { stdout } = await execa('which', [name], { reject: false });
  if (stdout === '') throw new Error(`${name} is not on PATH, and REAL_PLUGIN is 1`);
  removePlugin(instance, cloud);
  const file = pluginFile(instance, cloud);
  mkdirSync(dirname(file), { recursive: true });
  symlinkSync(stdout, file);
}

export function removePlugin(instance: string, cloud: DoubledCloud): void {
  rmSync(pluginDir(instance, cloud), { recursive: true, force: true });
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
