// Puts the test double of a cloud's plug-in where the engine of an instance looks for the real one.
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import packageJson from '../../../../package.json' with { type: 'json' };
import { pulumiDir } from '../../../../tools/lib/engine.ts';

export type DoubledCloud = 'gcp' | 'aws';

/** The version of a cloud's SDK, which is that of its plug-in. */
export const pluginVersion = (cloud: DoubledCloud): string => packageJson.dependencies[`@pulumi/${cloud}`];

const pluginDir = (instance: string, cloud: DoubledCloud) =>
  join(pulumiDir(instance), 'plugins', `resource-${cloud}-v${pluginVersion(cloud)}`);

export const pluginFile = (instance: string, cloud: DoubledCloud): string =>
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
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(
    file,
    `#!/bin/sh\n# A test double, not the plug-in of ${cloud}.\n${variables.join('')}exec ${quote(process.execPath)} ${quote(main)} ${cloud}\n`,
  );
  chmodSync(file, 0o755);
}

export function removeDouble(instance: string, cloud: DoubledCloud): void {
  rmSync(pluginDir(instance, cloud), { recursive: true, force: true });
}

const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;
