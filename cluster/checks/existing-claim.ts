import type { Settings } from '../../config.ts';
import { type KubernetesObject, objectPath } from '../client.ts';
import { type ClusterView, unreadable } from '../view.ts';

interface Claim extends KubernetesObject {
  readonly spec?: { readonly accessModes?: readonly string[] };
}

/** The claim that the settings bring along. */
export async function existingClaimMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const { existingClaim: name, accessMode } = settings.artifactStore;
  if (name === undefined) return [];
  const namespace = settings.namespace.name;
  const path = objectPath('api/v1', namespace, 'persistentvolumeclaims', name);
  const claim = await view.read<Claim>(path, `PersistentVolumeClaim ${name}`);
  if (claim === unreadable) return [];
  const what = `PersistentVolumeClaim "${name}", which mlflow-stack:artifactStore.existingClaim names,`;
  if (claim === undefined) return [`${what} does not exist in namespace "${namespace}"; create it`];
  if (claim.metadata.deletionTimestamp !== undefined) return [`${what} is being deleted; name another one`];
  const modes = claim.spec?.accessModes ?? [];
  return accessMode === 'ReadWriteMany' && !modes.includes(accessMode)
    ? [
        `${what} is ${modes.join(', ')}, but mlflow-stack:artifactStore.accessMode is ${accessMode}; ` +
          'name a claim that several nodes can share, or leave the access mode out',
      ]
    : [];
}
