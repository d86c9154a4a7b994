import type { ClusterFacts } from '../cluster/facts.ts';
import type { Settings } from '../settings/index.ts';
import { authDatabase } from './auth.ts';
import { secretMark } from './hash.ts';
import { instanceName } from './labels.ts';

/** What a migration depends on beside the image: which databases there are, and which users have to be in them. */
export function migrationInputs(
  settings: Settings,
  { externalRevision }: Pick<ClusterFacts, 'externalRevision'>,
): object {
  const { backendStore, registryStore, auth, workspaces, metrics, secrets, clientEnv } = settings;
  const { kind, dialect, uriFrom, host, port, database, connectionFrom, existingInstance } = backendStore;
  const { adminUsername, adminPassword, adminPasswordFrom } = auth;
  return {
    backend: { kind, dialect, uriFrom, host, port, database, connectionFrom, existingInstance },
    // The first step of the migration makes it possible.
    ...(backendStore.auth === 'iam' && { logIn: backendStore.auth }),
    registryStore,
    workspaces: workspaces.enabled,
    users:
      auth.kind !== 'basic'
        ? [authDatabase(auth)]
        : [
            { adminUsername, adminPasswordFrom, rotation: secrets.rotation.admin },
            // The password in an existing Secret may have changed.
            adminPasswordFrom && externalRevision,
            adminPassword === undefined ? 'generated' : secretMark(adminPassword, instanceName()),
            metrics.enabled,
            ...clientEnv.namespaces,
          ],
  };
}
