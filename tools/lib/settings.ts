// Reads the settings of a stack outside Pulumi.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { parse } from 'yaml';
import { type Settings, parseSettings } from '../../config.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { projectDir } from './paths.ts';

/** What a stack file says, with the project or the provider in the keys. */
export type Config = Readonly<Record<string, unknown>>;

/** Encrypted values are of no interest here, so something stands in for them. */
export const readSettings = (file: string): Settings => settingsOf(readConfig(file));

/** @throws RunError with every mistake in one message. */
export function settingsOf(config: Config): Settings {
  const prefix = `${packageJson.name}:`;
  const own = Object.entries(config).filter(([key]) => key.startsWith(prefix));
  return parseSettings(Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])));
}

/** The configuration in a stack file, with something in place of encrypted values. */
export function readConfig(file: string): Config {
  if (!existsSync(file))
    throw new Error(`There is no ${relative(projectDir, file)}; name a stack with --stack.`);
  const { config = {} } = parse(readFileSync(file, 'utf8'), reviver) as { config?: Config };
  return config;
}

export const encrypted = 'value-of-an-encrypted-setting';

function reviver(_key: unknown, value: unknown): unknown {
  const isEncrypted = typeof value === 'object' && value !== null && 'secure' in value;
  return isEncrypted ? encrypted : value;
}
