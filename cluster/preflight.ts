// Looks at the cluster before anything is registered: what would fail half-way, or would silently take over what belongs
// to somebody else, is refused here, all of it in one message.
import * as pulumi from '@pulumi/pulumi';
import type { ClusterAccess } from '../clouds/cloud.ts';
import type { Settings } from '../config.ts';
import { isOwn } from '../lib/labels.ts';
import { plannedObjects } from '../lib/names.ts';
import { KubeconfigError, connectionOf } from './kubeconfig.ts';
import { type ClusterReader, ForbiddenError, type KubernetesObject, clusterReader } from './reader.ts';

/** The oldest Kubernetes that has what the stack uses. */
const oldestMinor = 29;

/** @throws RunError with every mistake in one message, when the cluster is not what the settings say or need. */
export async function checkCluster(access: ClusterAccess, settings: Settings): Promise<void> {
  const mistakes = await findMistakes(access, settings);
  if (mistakes.length > 0) {
    throw new pulumi.RunError(
      [
        `The cluster of context "${access.context}" is not ready for this stack:`,
        ...mistakes.map((text) => `  ${text}`),
      ].join('\n'),
    );
  }
}

async function findMistakes(access: ClusterAccess, settings: Settings): Promise<string[]> {
  try {
    const connection = await connectionOf(access);
    const reader = clusterReader(connection);
    try {
      return await inspect(reader, connection.server.href, settings);
    } finally {
      reader.close();
    }
  } catch (error) {
    if (error instanceof KubeconfigError) return [error.message];
    return [
      `the cluster could not be read (${firstLine(error)}); try again, or look at the API server's log`,
    ];
  }
}

async function inspect(reader: ClusterReader, server: string, settings: Settings): Promise<string[]> {
  const version = await serverVersion(reader, server);
  if (typeof version === 'string') return [version];
  const checks = await Promise.all([
    classMistakes(reader, storageClass, storageClassNames(settings)),
    classMistakes(reader, ingressClass, ingressClassNames(settings)),
    namespaceMistakes(reader, settings.namespace),
  ]);
  const old =
    version.major === 1 && version.minor < oldestMinor
      ? [`the cluster runs Kubernetes 1.${version.minor}; upgrade it to 1.${oldestMinor} or newer`]
      : [];
  return [...old, ...checks.flat()];
}

async function serverVersion(
  reader: ClusterReader,
  server: string,
): Promise<{ major: number; minor: number } | string> {
  try {
    const version = await reader.get<{ major: string; minor: string }>('/version');
    if (version?.minor === undefined)
      return `${server} answers, but is no Kubernetes API server; mend the kubeconfig`;
    return { major: parseInt(version.major), minor: parseInt(version.minor) };
  } catch (error) {
    return error instanceof ForbiddenError
      ? `the cluster at ${server} refuses the log-in of the kubeconfig; log in again`
      : `the cluster at ${server} does not answer (${firstLine(error)}); start it, or name another context in mlflow-stack:kubernetes.context`;
  }
}

/** The classes that are asked for, each once; undefined stands for the default class. */
function storageClassNames({ artifactStore, backendStore, server }: Settings): (string | undefined)[] {
  const { tmpStorageClassName } = server;
  const tmp = tmpStorageClassName === undefined ? [] : [tmpStorageClassName];
  return [...new Set([artifactStore.storageClassName, backendStore.storageClassName, ...tmp])];
}

function ingressClassNames({ ingress }: Settings): (string | undefined)[] {
  return ingress.enabled ? [ingress.className] : [];
}

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

async function classMistakes(
  reader: ClusterReader,
  kind: ClassKind,
  names: (string | undefined)[],
): Promise<string[]> {
  if (names.length === 0) return [];
  const list = await readable(reader.get<{ items: KubernetesObject[] }>(kind.path), `the ${kind.kind}es`);
  if (list === unreadable) return [];
  const items = list?.items ?? [];
  const known = items.map(({ metadata }) => metadata.name);
  const choice = known.length > 0 ? `it has ${known.join(', ')}` : 'it has none';
  const hasDefault = items.some(({ metadata }) => metadata.annotations?.[kind.defaultAnnotation] === 'true');
  return names
    .filter((name) => (name === undefined ? !hasDefault : !known.includes(name)))
    .map((name) => (name === undefined ? `default ${kind.kind}` : `${kind.kind} "${name}"`))
    .map((what) => `the cluster has no ${what} (${choice}); name one in mlflow-stack:${kind.key}`);
}

async function namespaceMistakes(
  reader: ClusterReader,
  { name, create }: Settings['namespace'],
): Promise<string[]> {
  const namespace = await readable(
    reader.get<KubernetesObject>(`/api/v1/namespaces/${name}`),
    `namespace ${name}`,
  );
  if (namespace === unreadable) return [];
  if (namespace === undefined) {
    return create
      ? []
      : [`namespace "${name}" does not exist; create it, or set mlflow-stack:namespace.create to true`];
  }
  if (namespace.metadata.deletionTimestamp !== undefined) {
    return [`namespace "${name}" is being deleted; wait until it is gone`];
  }
  if (create && !isOwn(namespace.metadata.labels)) {
    return [
      `namespace "${name}" exists and is not this stack's own; choose another mlflow-stack:namespace.name, ` +
        'or set mlflow-stack:namespace.create to false to use it as it is',
    ];
  }
  return await foreignObjects(reader, name);
}

async function foreignObjects(reader: ClusterReader, namespace: string): Promise<string[]> {
  const checks = plannedObjects.map(async ({ kind, group, resource, name }) => {
    const path = `/${group}/namespaces/${namespace}/${resource}/${name}`;
    const found = await readable(reader.get<KubernetesObject>(path), `${kind} ${name}`);
    return found === undefined || found === unreadable || isOwn(found.metadata.labels)
      ? []
      : [
          `${kind} "${name}" exists in namespace "${namespace}" and is not this stack's own; ` +
            'remove it, or choose another mlflow-stack:namespace.name',
        ];
  });
  return (await Promise.all(checks)).flat();
}

/** TLS errors go on for lines. */
const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

const unreadable = Symbol('not readable with the rights of the kubeconfig');

/** A right to read that the user lacks skips a check, which is said aloud: the update itself may still succeed. */
async function readable<T>(reading: Promise<T>, what: string): Promise<T | typeof unreadable> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error;
    await pulumi.log.warn(`Not checked, since your log-in may not read it: ${what}.`);
    return unreadable;
  }
}
