// Settings as tests write them: as little as a stack file must say, and what is told of mistakes.
import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { type Settings, parseSettings } from '../../config.ts';

/** The least that a stack file must say. */
export const least = { cloud: 'local', kubernetes: { context: 'kind' } };

/** Settings with their defaults. */
export const settingsWith = (settings: object = {}): Settings => parseSettings({ ...least, ...settings });

/** The whole message that settings are refused with. */
export function refusal(settings: Record<string, unknown>): string {
  try {
    parseSettings(settings);
  } catch (error) {
    expect(pulumi.RunError.isInstance(error), 'a message without a stack trace').to.equal(true);
    return (error as Error).message;
  }
  throw new Error('the settings were accepted');
}

/** The mistakes in settings, a sentence each. */
export function mistakes(settings: object): string[] {
  const [title, ...sentences] = refusal({ ...least, ...settings }).split('\n');
  const count = sentences.length === 1 ? '1 mistake' : `${sentences.length} mistakes`;
  expect(title).to.equal(`${count} in the configuration of this stack:`);
  return sentences.map((sentence) => sentence.trim());
}
