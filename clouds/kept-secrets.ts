// What is the same in the secret manager of each cloud.
import * as pulumi from '@pulumi/pulumi';
import type { GeneratedSecrets } from '../components/connections.ts';
import { cloudName } from '../lib/labels.ts';
import { type KeptSecret, lastingSecrets } from '../lib/kept-secrets.ts';
import type { Settings } from '../settings/index.ts';
import type { KeptNames, KeptValues } from './cloud.ts';
import { reasonOf } from './reason.ts';

/** Neither its letters nor its length are too much for any cloud. */
export const keptSecretName = (what: KeptSecret): string => `${cloudName(200)}-${what}`;

/** Keeps each of the values by itself, and tells their names. */
export const keepEach = (
  values: GeneratedSecrets,
  keep: (what: KeptSecret, value: pulumi.Output<string>) => pulumi.Output<string>,
): KeptNames =>
  Object.fromEntries(Object.entries(values).map(([what, value]) => [what, keep(what as KeptSecret, value)]));

/** Asks for the values that data depends on, of those that an earlier stack left. */
export async function readKept(
  manager: string,
  { secrets }: Settings,
  read: (name: string) => Promise<string>,
): Promise<KeptValues> {
  const mistakes: string[] = [];
  const values = lastingSecrets(secrets.existing).map(async (what) => {
    const name = keptSecretName(what);
    try {
      return [[what, await read(name)] as const];
    } catch (error) {
      mistakes.push(
        `${manager} gives no value of ${name} (${reasonOf(error)}); correct mlflow-stack:secrets.existing, or ask for the right to read it`,
      );
      return [];
    }
  });
  const found = Object.fromEntries((await Promise.all(values)).flat());
  if (mistakes.length > 0) throw new pulumi.RunError(mistakes.join('\n'));
  return found;
}
