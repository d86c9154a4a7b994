// Keys of the server without which what is encrypted in a backup could not be read.
import { type ClusterClient, objectPath } from '../../cluster/client.ts';
import type { Settings } from '../../config.ts';
import { python } from '../../lib/backup.ts';
import { names } from '../../lib/names.ts';
import { passphraseVariable, said } from './backups.ts';
import type { MaintenancePod } from './maintenance-pod.ts';

/** Where each is kept: in the stack's own Secret, unless a setting names another. */
const kept = {
  MLFLOW_CRYPTO_KEK_PASSPHRASE: { key: 'kek-passphrase', setting: 'kekPassphraseFrom' },
  MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: { key: 'webhook-key', setting: 'webhookKeyFrom' },
} as const;

export type Keys = Partial<Record<keyof typeof kept, string>>;

/** What a backup tells of them. */
export interface KeysOfBackup {
  /** Those of which the server has others. */
  readonly differ: readonly string[];
  /** Whether the backup has its own. */
  readonly locked: boolean;
}

/** Keys that the server has to get, since it has others than what is in the backup was encrypted with. */
export async function missingKeys(
  { secrets }: Settings,
  pod: MaintenancePod,
  { differ, locked }: KeysOfBackup,
  { passphrase, signal }: { readonly passphrase: string | undefined; readonly signal: AbortSignal },
): Promise<Keys> {
  if (differ.length === 0) return {};
  const wanted = (Object.keys(kept) as (keyof typeof kept)[]).filter((name) => differ.includes(name));
  const foreign = wanted.flatMap((name) => {
    const { setting } = kept[name];
    const from = secrets[setting];
    return from === undefined
      ? []
      : [`Secret ${from.secretName}, key ${from.key} (mlflow-stack:secrets.${setting})`];
  });
  if (foreign.length > 0) {
    throw new Error(
      `${foreign.join(' and ')} is another than when the backup was made, so what is encrypted in it could not be read; ` +
        'put the old value back and update first. Nothing was changed.',
    );
  }
  if (!locked) {
    throw new Error(
      'The server has other keys than what is in this backup was encrypted with, and the backup was made without them; ' +
        'name Secrets that hold them by mlflow-stack:secrets.kekPassphraseFrom and webhookKeyFrom. Nothing was changed.',
    );
  }
  if (passphrase === undefined) {
    throw new Error(
      'The server has other keys than what is in this backup was encrypted with; they are in the backup, locked: give its ' +
        `passphrase by --passphrase-file FILE, or the variable ${passphraseVariable}. Nothing was changed.`,
    );
  }
  const { stdout } = await said(
    pod.exec('mlflow', python('restore', 'unlock'), { input: passphrase, cancelSignal: signal }),
  );
  const keys = JSON.parse(stdout) as Keys;
  return Object.fromEntries(wanted.map((name) => [name, keys[name]]));
}

/**
 * Puts keys in place after the databases that need them. Whatever ends this program before the databases are there leaves those
 * of before with the keys that they need; from then on a restore that is run again ends what was begun.
 *
 * @throws Error of the exchange, or one that says what to do when only the keys are missing.
 */
export async function exchangeWithKeys(
  client: ClusterClient,
  namespace: string,
  keys: Keys,
  exchange: () => Promise<unknown>,
): Promise<void> {
  const data = Object.fromEntries(
    (Object.entries(keys) as [keyof typeof kept, string][]).map(([name, value]) => [
      kept[name].key,
      Buffer.from(value).toString('base64'),
    ]),
  );
  if (Object.keys(data).length === 0) {
    await exchange();
    return;
  }
  const path = objectPath('api/v1', namespace, 'secrets', names.keys);
  const put = async (changes: object) => {
    if ((await client.patch(path, changes)) === undefined) throw new Error(`Secret ${names.keys} is gone`);
  };
  // Changes nothing: shows that it will be possible.
  await put({});
  await exchange();
  await put({ data }).catch((error: unknown) => {
    throw new Error(
      `The databases are restored, but their keys could not be put into Secret ${names.keys}: ${(error as Error).message}; ` +
        'restore the same backup again, with --replace.',
      { cause: error },
    );
  });
}
