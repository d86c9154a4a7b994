// Reads what a stack file says. The only file that reads Pulumi's configuration; the keys themselves are in settings/.
import * as pulumi from '@pulumi/pulumi';
import * as v from 'valibot';
import { describeMistakes } from './lib/mistakes.ts';
import { warnings } from './lib/warnings.ts';
import { type Settings, settingsSchema } from './settings/index.ts';
import { conflicts } from './settings/rules/index.ts';
import { resolve } from './settings/sizes.ts';

export type { Settings } from './settings/index.ts';

/**
 * Reads the settings of the current stack.
 *
 * @throws RunError with every mistake in one message: key, value, what is allowed, the nearest known key.
 */
export function loadSettings(): Settings {
  const settings = parseSettings(stackConfig());
  for (const text of warnings(settings)) void pulumi.log.warn(text);
  return settings;
}

/** Checks raw configuration values and fills in the defaults. */
export function parseSettings(raw: Record<string, unknown>): Settings {
  const result = v.safeParse(settingsSchema, raw);
  if (!result.success) throw refusal(describeMistakes(settingsSchema, result.issues));
  const settings = resolve(result.output);
  const mistakes = conflicts(settings);
  if (mistakes.length > 0) throw refusal(mistakes);
  return deepFreeze(settings);
}

function refusal(mistakes: string[]): Error {
  const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
  return new pulumi.RunError(
    [`${count} in the configuration of this stack:`, ...mistakes.map((mistake) => `  ${mistake}`)].join('\n'),
  );
}

/** This project's part of the stack's configuration, structured values parsed. */
function stackConfig(): Record<string, unknown> {
  const prefix = `${pulumi.getProject()}:`;
  const own = Object.entries(pulumi.runtime.allConfig()).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), parseValue(value)]));
}

/** Scalars reach the program as text, structured values as JSON. */
function parseValue(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
