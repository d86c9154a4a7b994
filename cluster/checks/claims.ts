// Claims hold the data. Kubernetes changes almost nothing of a claim in place, so Pulumi would delete it and make a new one:
// whatever comes to that is refused, with the way to do it safely.
import type { Settings } from '../../config.ts';
import { instanceName, isOwn } from '../../lib/labels.ts';
import { annotations, names } from '../../lib/names.ts';
import { parseQuantity } from '../../lib/quantity.ts';
import { type KubernetesObject, type ObjectList, objectPath } from '../client.ts';
import { type ClusterView, readOrNothing } from '../view.ts';

const claimNames: string[] = [names.artifactStore, names.backendStore, names.sqlite];
const guide = 'docs/upgrade.md#moving-data';

interface Claim extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & {
    readonly managedFields?: readonly {
      readonly manager?: string;
      readonly fieldsV1?: { readonly 'f:spec'?: object };
    }[];
  };
  readonly spec: {
    readonly accessModes?: readonly string[];
    readonly storageClassName?: string;
    readonly resources?: { readonly requests?: { readonly storage?: string } };
  };
}

/** A claim that a stack with these settings has. */
interface OwnClaim {
  readonly name: string;
  /** What is on it: claims of one name may be laid out for different programs. */
  readonly component: 'artifact-store' | 's3' | 'postgres' | 'sqlite';
  readonly section: 'artifactStore' | 'backendStore';
  readonly accessMode: string;
  readonly storageClassName: string | undefined;
  readonly size: string;
}

export function ownClaims({ artifactStore, backendStore }: Settings): OwnClaim[] {
  const claim = (
    section: OwnClaim['section'],
    { storageClassName, size }: { storageClassName?: string | undefined; size: string },
  ) => ({ section, storageClassName, size, accessMode: 'ReadWriteOnce' });
  const artifacts = { ...claim('artifactStore', artifactStore), name: names.artifactStore };
  const database = claim('backendStore', backendStore);
  const { kind, existingClaim, endpointUrl, accessMode } = artifactStore;
  const found: OwnClaim[] = [];
  if (kind === 'pvc' && existingClaim === undefined)
    found.push({ ...artifacts, component: 'artifact-store', accessMode });
  if (kind === 's3Compatible' && endpointUrl === undefined) found.push({ ...artifacts, component: 's3' });
  if (backendStore.kind === 'postgres')
    found.push({ ...database, name: names.backendStore, component: 'postgres' });
  // Otherwise the file is beside the artifacts.
  if (backendStore.kind === 'sqlite' && kind !== 'pvc')
    found.push({ ...database, name: names.sqlite, component: 'sqlite' });
  return found;
}

export async function claimMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const wanted = ownClaims(settings);
  const checks = claimNames.map(async (name) => {
    const path = objectPath('api/v1', settings.namespace.name, 'persistentvolumeclaims', name);
    const claim = await readOrNothing<Claim>(view, path, `PersistentVolumeClaim ${name}`);
    if (claim === undefined || !isOwn(claim.metadata.labels)) return [];
    const next = wanted.find((each) => each.name === name);
    if (next === undefined) return removal(claim);
    const component = claim.metadata.labels?.['app.kubernetes.io/component'];
    if (name === names.artifactStore && component !== next.component) return [repurposed(claim, settings)];
    return [
      ...changedClass(claim, next),
      ...changedModes(claim, next),
      ...(await changedSize(view, claim, next)),
    ];
  });
  return (await Promise.all(checks)).flat();
}

const called = (claim: Claim) => `PersistentVolumeClaim "${claim.metadata.name}"`;

/** What counts is what the state says, which the last update wrote: a new value of dataProtection comes too late. */
const wouldBeDeleted = ({ metadata }: KubernetesObject) =>
  (metadata.annotations?.[annotations.dataProtection] ?? 'delete') === 'delete';

const retainFirst =
  'set mlflow-stack:dataProtection to retain and update once, so that the claim stays; then change it';

function removal(claim: Claim): string[] {
  return wouldBeDeleted(claim)
    ? [
        `${called(claim)} holds data, is no part of these settings any more and would be deleted; put the kind of the ` +
          `store back, ${retainFirst}`,
      ]
    : [];
}

interface PlacedClaim extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & { readonly namespace: string };
}

/** Claims in a namespace that the settings have left. */
export async function claimsLeftBehind(view: ClusterView, { namespace }: Settings): Promise<string[]> {
  const selector = encodeURIComponent(`app.kubernetes.io/instance=${instanceName()}`);
  const list = await readOrNothing<ObjectList<PlacedClaim>>(
    view,
    `/api/v1/persistentvolumeclaims?labelSelector=${selector}`,
    'claims of this stack in other namespaces',
  );
  return (list?.items ?? [])
    .filter(({ metadata }) => metadata.namespace !== namespace.name && isOwn(metadata.labels))
    .filter((claim) => claimNames.includes(claim.metadata.name) && wouldBeDeleted(claim))
    .map(
      ({ metadata }) =>
        `PersistentVolumeClaim "${metadata.name}" of this stack is in namespace "${metadata.namespace}" and would be ` +
        `deleted, because mlflow-stack:namespace.name is ${namespace.name}; put ${metadata.namespace} back, ${retainFirst}`,
    );
}

function repurposed(claim: Claim, { artifactStore }: Settings): string {
  const [kind, before] =
    artifactStore.kind === 'pvc' ? ['pvc', 's3Compatible'] : ['s3Compatible without endpointUrl', 'pvc'];
  return (
    `${called(claim)} holds artifacts of artifactStore.kind ${before}, which kind ${kind} cannot read; ` +
    `set mlflow-stack:artifactStore.kind back to ${before}, or move the artifacts: ${guide}`
  );
}

function changedClass(claim: Claim, { section, storageClassName }: OwnClaim): string[] {
  const current = claim.spec.storageClassName ?? '';
  const key = `mlflow-stack:${section}.storageClassName`;
  // Taken out of the settings, it is a change, too; a default that the cluster filled in is not.
  if (storageClassName === undefined ? !wasNamed(claim) : storageClassName === current) return [];
  const wish = storageClassName === undefined ? 'is not set any more' : `is ${storageClassName}`;
  return [
    `${called(claim)} has the StorageClass "${current}", but ${key} ${wish}, which would replace it and its data; ` +
      `set it to ${current}, or move the data: ${guide}`,
  ];
}

/** Whether Pulumi itself set the claim's class. */
const wasNamed = ({ metadata }: Claim) =>
  (metadata.managedFields ?? []).some(
    ({ manager, fieldsV1 }) =>
      manager?.startsWith('pulumi') === true && 'f:storageClassName' in (fieldsV1?.['f:spec'] ?? {}),
  );

function changedModes(claim: Claim, { section, accessMode }: OwnClaim): string[] {
  const modes = claim.spec.accessModes ?? [];
  return modes.join() === accessMode
    ? []
    : [
        `${called(claim)} is ${modes.join(', ')}, but mlflow-stack:${section}.accessMode is ${accessMode}, which would ` +
          `replace it and its data; set it to ${modes.join(', ')}, or move the data: ${guide}`,
      ];
}

async function changedSize(view: ClusterView, claim: Claim, { section, size }: OwnClaim): Promise<string[]> {
  const current = claim.spec.resources?.requests?.storage ?? '0';
  const growth = (parseQuantity(size) ?? 0) - (parseQuantity(current) ?? 0);
  const key = `mlflow-stack:${section}.size is ${size}`;
  if (growth < 0) {
    return [
      `${called(claim)} has ${current}, but ${key}, and a claim cannot shrink; set it to ${current}, or move the data: ${guide}`,
    ];
  }
  return growth === 0 || (await canGrow(view, claim.spec.storageClassName))
    ? []
    : [
        `${called(claim)} has ${current}, but ${key}, and its StorageClass "${claim.spec.storageClassName ?? ''}" lets ` +
          `no claim grow; set allowVolumeExpansion in the class, or set the size back to ${current}`,
      ];
}

async function canGrow(view: ClusterView, className: string | undefined): Promise<boolean> {
  const path = '/apis/storage.k8s.io/v1/storageclasses';
  const list = await readOrNothing<ObjectList<KubernetesObject & { allowVolumeExpansion?: boolean }>>(
    view,
    path,
    'the StorageClasses',
  );
  const found = list?.items.find(({ metadata }) => metadata.name === className);
  return list === undefined || found?.allowVolumeExpansion === true;
}
