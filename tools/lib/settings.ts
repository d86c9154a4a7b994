// Reads the settings of a stack outside Pulumi.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { parse } from 'yaml';
import { type Settings, parseSettings } from '../../config.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { projectDir } from './paths.ts';

/** Encrypted values are of no interest here, so something stands in for them. */
export function readSettings(file: string): Settings {
  if (!existsSync(file))
    throw new Error(`There is no ${relative(projectDir, file)}; name a stack with --stack.`);
  const { config = {} } = parse(readFileSync(file, 'utf8'), reviver) as { config?: Record<string, unknown> };
  const prefix = `${packageJson.name}:`;
  const own = Object.entries(config).filter(([key]) => key.startsWith(prefix));
  return parseSettings(Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value])));
}

function reviver(_key: unknown, value: unknown): unknown {
  const isEncrypted = typeof value === 'object' && value !== null && 'secure' in value;
  return isEncrypted ? 'value-of-an-encrypted-setting' : value;
}
