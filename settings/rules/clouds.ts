// What belongs to the cloud that the stack is in.
import { cloudNames, cloudPlans } from '../../clouds/plans.ts';
import { plannedObjects } from '../../lib/names.ts';
import type { Settings } from '../index.ts';
import { sentences } from './rule.ts';

const ownAccounts = plannedObjects.filter(({ kind }) => kind === 'ServiceAccount').map(({ name }) => name);

export function clouds(settings: Settings): string[] {
  const { cloud, kubernetes, artifactStore, backendStore, clientIdentity, namespace } = settings;
  const others = cloudNames.filter((name) => name !== cloud);
  const kinds = { artifactStore: artifactStore.kind, backendStore: backendStore.kind };
  return [
    ...sentences([
      [
        kubernetes.context === undefined && kubernetes.clusterStack === undefined,
        'kubernetes.context is missing; allowed: the name of a context in your kubeconfig',
      ],
      [
        kubernetes.kubeconfig !== undefined && kubernetes.clusterStack !== undefined,
        'kubernetes.kubeconfig and kubernetes.clusterStack both say where the cluster is; remove one of them',
      ],
      [
        cloud !== 'local' && settings[cloud] === undefined,
        `${cloud} is missing; cloud ${cloud} needs this section`,
      ],
      ...Object.entries({
        'identity.imageRepository': settings.identity.imageRepository !== undefined,
        'clientIdentity.enabled': settings.clientIdentity.enabled,
        'audit.enabled': settings.audit.enabled,
      }).map(
        ([key, isSet]) =>
          [cloud === 'local' && isSet, `${key} is for a cloud, but cloud is local; remove it`] as const,
      ),
      [
        clientIdentity.enabled &&
          (clientIdentity.namespace ?? namespace.name) === namespace.name &&
          ownAccounts.includes(clientIdentity.serviceAccount),
        `clientIdentity.serviceAccount is ${clientIdentity.serviceAccount}, which the stack's own pods have; choose another, such as mlflow-client`,
      ],
      ...others.flatMap((other) => [
        [
          other !== 'local' && settings[other] !== undefined,
          `${other} is for cloud ${other}, but cloud is ${cloud}; remove it or change the cloud`,
        ] as const,
        ...Object.entries(kinds).map(
          ([section, kind]) =>
            [
              cloudPlans[other].ownKinds.includes(kind),
              `${section}.kind is ${kind}, which cloud ${other} has, but cloud is ${cloud}; choose another kind`,
            ] as const,
        ),
      ]),
    ]),
    // They rely on the section of the cloud.
    ...(cloud !== 'local' && settings[cloud] === undefined ? [] : cloudPlans[cloud].mistakes(settings)),
  ];
}
