// What the External Secrets Operator would read from, and what it would take over.
import type { Settings } from '../../config.ts';
import { type KubernetesObject, objectPath } from '../client.ts';
import { type ClusterView, readOrNothing } from '../view.ts';
import { foreignObject } from './foreign.ts';

const group = 'apis/external-secrets.io/v1';

/** The store that is to be there already. */
export async function secretStoreMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const { kind, name } = settings.externalSecrets.store ?? {};
  // Without the operator there is more to say than that: see apis.ts.
  if (kind === undefined || name === undefined) return [];
  if ((await readOrNothing(view, `/${group}`, `${kind}s`)) === undefined) return [];
  const namespace = settings.namespace.name;
  const [path, where] =
    kind === 'SecretStore'
      ? [objectPath(group, namespace, 'secretstores', name), ` in namespace "${namespace}"`]
      : [`/${group}/clustersecretstores/${name}`, ''];
  return (await view.read(path, `${kind} ${name}`)) === undefined
    ? [
        `${kind} "${name}", which mlflow-stack:externalSecrets.store.name names, does not exist${where}; create it`,
      ]
    : [];
}

interface Owned extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & {
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
  };
}

/** Secrets and ExternalSecrets of somebody else: the operator would write over the first. */
export async function takenSecrets(view: ClusterView, settings: Settings): Promise<string[]> {
  const namespace = settings.namespace.name;
  const checks = settings.externalSecrets.secrets.map(async ({ name }, index) => {
    const remedy = `remove it, or choose another mlflow-stack:externalSecrets.secrets[${index}].name`;
    const [secret, foreign] = await Promise.all([
      readOrNothing<Owned>(view, objectPath('api/v1', namespace, 'secrets', name), `Secret ${name}`),
      foreignObject(view, {
        kind: 'ExternalSecret',
        group,
        resource: 'externalsecrets',
        namespace,
        name,
        remedy,
      }),
    ]);
    const isMade = secret?.metadata.ownerReferences?.some(
      (owner) => owner.kind === 'ExternalSecret' && owner.name === name,
    );
    return [
      ...(secret === undefined || isMade === true
        ? []
        : [
            `Secret "${name}" exists in namespace "${namespace}" and no ExternalSecret has made it; ${remedy}`,
          ]),
      ...foreign,
    ];
  });
  return (await Promise.all(checks)).flat();
}
