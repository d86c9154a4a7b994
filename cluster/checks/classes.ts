import type { Settings } from '../../config.ts';
import type { KubernetesObject, ObjectList } from '../client.ts';
import { controllerBehind, controllerOf } from '../../lib/ingress-controllers.ts';
import { type ClusterView, readOrNothing, unreadable } from '../view.ts';
import { ownClaims } from './claims.ts';

/** StorageClasses and IngressClasses that the settings name, or need a default of. */
export async function classMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const checks = await Promise.all([
    missingClasses(view, storageClass, storageClassNames(settings)),
    missingClasses(view, ingressClass, ingressClassNames(settings)),
    unexpectedController(view, settings),
  ]);
  return checks.flat();
}

/** The classes that are asked for, each once; undefined stands for the default class. */
function storageClassNames(settings: Settings): (string | undefined)[] {
  const { tmpStorageClassName } = settings.server;
  return [
    ...new Set([
      ...ownClaims(settings).map(({ storageClassName }) => storageClassName),
      ...(tmpStorageClassName === undefined ? [] : [tmpStorageClassName]),
    ]),
  ];
}

/** GKE answers to an annotation instead: https://cloud.google.com/kubernetes-engine/docs/concepts/ingress */
function ingressClassNames({ ingress }: Settings): (string | undefined)[] {
  return ingress.enabled && controllerOf(ingress) !== 'gce' ? [ingress.className] : [];
}

type IngressClass = KubernetesObject & { readonly spec?: { readonly controller?: string } };

/** A class whose name does not tell its controller would get the annotations of another one, or none. */
async function unexpectedController(view: ClusterView, settings: Settings): Promise<string[]> {
  const { ingress } = settings;
  const [name] = ingressClassNames(settings);
  if (ingressClassNames(settings).length === 0 || ingress.controller !== undefined) return [];
  const list = await readOrNothing<ObjectList<IngressClass>>(
    view,
    ingressClass.path,
    `the ${ingressClass.kind}es`,
  );
  const found = list?.items.find(({ metadata }) =>
    name === undefined ? isDefault(ingressClass, metadata) : metadata.name === name,
  );
  const implementation = found?.spec?.controller;
  if (found === undefined || implementation === undefined) return [];
  const controller = controllerBehind(implementation);
  return controller === controllerOf(ingress)
    ? []
    : [
        `IngressClass "${found.metadata.name}" belongs to the controller ${implementation}, which ` +
          `mlflow-stack:ingress.className does not tell; set mlflow-stack:ingress.controller to ${controller}`,
      ];
}

const isDefault = ({ defaultAnnotation }: ClassKind, { annotations }: KubernetesObject['metadata']) =>
  annotations?.[defaultAnnotation] === 'true';

interface ClassKind {
  readonly kind: string;
  readonly path: string;
  readonly defaultAnnotation: string;
  readonly key: string;
}

const storageClass: ClassKind = {
  kind: 'StorageClass',
  path: '/apis/storage.k8s.io/v1/storageclasses',
  defaultAnnotation: 'storageclass.kubernetes.io/is-default-class',
  key: 'artifactStore.storageClassName, backendStore.storageClassName or server.tmpStorageClassName',
};
const ingressClass: ClassKind = {
  kind: 'IngressClass',
  path: '/apis/networking.k8s.io/v1/ingressclasses',
  defaultAnnotation: 'ingressclass.kubernetes.io/is-default-class',
  key: 'ingress.className',
};

async function missingClasses(
  view: ClusterView,
  kind: ClassKind,
  names: (string | undefined)[],
): Promise<string[]> {
  if (names.length === 0) return [];
  const list = await view.read<ObjectList<KubernetesObject>>(kind.path, `the ${kind.kind}es`);
  if (list === unreadable) return [];
  const items = list?.items ?? [];
  const known = items.map(({ metadata }) => metadata.name);
  const choice = known.length > 0 ? `it has ${known.join(', ')}` : 'it has none';
  const hasDefault = items.some(({ metadata }) => isDefault(kind, metadata));
  return names
    .filter((name) => (name === undefined ? !hasDefault : !known.includes(name)))
    .map((name) => (name === undefined ? `default ${kind.kind}` : `${kind.kind} "${name}"`))
    .map((what) => `the cluster has no ${what} (${choice}); name one in mlflow-stack:${kind.key}`);
}
