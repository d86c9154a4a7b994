// Backups that could not be made, could be read by everybody, or could not be read again.
import { hasFolder } from '../../lib/backup.ts';
import type { Settings } from '../index.ts';
import { sentences } from './rule.ts';

export function backups({ artifactStore, backendStore, backup, registryStore, secrets }: Settings): string[] {
  const { enabled, destination, passphrase, passphraseFrom } = backup;
  if (!enabled) return [];
  const inStore = destination === 'artifactStore';
  const hasOwnKeys = secrets.kekPassphraseFrom !== undefined && secrets.webhookKeyFrom !== undefined;
  return sentences([
    [
      backendStore.kind === 'external' && backendStore.dialect !== 'postgresql',
      `backup.enabled is true, but backendStore.dialect is ${backendStore.dialect}, which only its own tools can dump; leave backups to its server`,
    ],
    [
      backendStore.kind === 'sqlite' && registryStore?.uriFrom !== undefined,
      'backup.enabled is true, but backendStore.kind is sqlite and registryStore.uriFrom another database; keep both in PostgreSQL, or leave registryStore out',
    ],
    [
      inStore && artifactStore.mode === 'direct',
      'backup.destination is artifactStore, but with artifactStore.mode direct clients have rights in the bucket and could read the backups; choose claim',
    ],
    [
      inStore && artifactStore.uri !== undefined && !hasFolder(artifactStore.uri),
      'backup.destination is artifactStore, but artifactStore.uri is a whole bucket, which the server gives out; name a folder in it, or choose claim',
    ],
    [
      passphrase !== undefined && passphraseFrom !== undefined,
      'backup.passphrase and passphraseFrom are two sources of one secret; remove one of them',
    ],
    [
      passphrase === undefined && passphraseFrom === undefined && !hasOwnKeys,
      'backup.passphrase is missing, which locks the keys in a backup without which encrypted values are lost; set it by `pulumi config set --secret --path mlflow-stack:backup.passphrase`, or keep keys of your own, by secrets.kekPassphraseFrom and secrets.webhookKeyFrom',
    ],
  ]);
}
