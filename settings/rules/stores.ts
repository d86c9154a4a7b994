// Where artifacts and rows are kept.
import type { Settings } from '../index.ts';
import { type Rule, sentences } from './rule.ts';

export function stores({ artifactStore, backendStore, registryStore, server }: Settings): string[] {
  const { kind, mode, uri, endpointUrl, credentialsFrom, existingClaim } = artifactStore;
  const { readReplica } = backendStore;
  return sentences([
    [
      mode === 'direct' && (kind === 'pvc' || (kind === 's3Compatible' && endpointUrl === undefined)),
      `artifactStore.mode is direct, but clients cannot reach ${kind === 'pvc' ? 'a claim' : 'a store inside the cluster'} by themselves; use mode proxy, or a bucket`,
    ],
    [kind === 'external' && uri === undefined, 'artifactStore.uri is missing; kind external needs one'],
    [
      kind !== 'external' && uri !== undefined,
      `artifactStore.uri is for kind external, but kind is ${kind}; remove it or change the kind`,
    ],
    [
      uri?.startsWith('mlflow-artifacts:') === true || uri?.startsWith('file:') === true,
      `artifactStore.uri is ${uri ?? ''}, which is lost with its pod; name a store outside the pod, or use kind pvc`,
    ],
    [
      kind !== 's3Compatible' && endpointUrl !== undefined,
      `artifactStore.endpointUrl is for kind s3Compatible, but kind is ${kind}; remove it or change the kind`,
    ],
    [
      kind === 's3Compatible' && endpointUrl !== undefined && credentialsFrom === undefined,
      'artifactStore.credentialsFrom is missing; name the Secret with the keys of the S3 server',
    ],
    [
      credentialsFrom !== undefined &&
        (kind === 'pvc' || (kind === 's3Compatible' && endpointUrl === undefined)),
      'artifactStore.credentialsFrom is for a store outside the cluster; remove it, or set endpointUrl',
    ],
    [
      kind !== 'pvc' && existingClaim !== undefined,
      `artifactStore.existingClaim is for kind pvc, but kind is ${kind}; remove it or change the kind`,
    ],
    [
      registryStore !== undefined &&
        (registryStore.database === undefined) === (registryStore.uriFrom === undefined),
      'registryStore needs either database or uriFrom, and not both',
    ],
    [
      registryStore?.database !== undefined &&
        (backendStore.kind === 'sqlite' ||
          backendStore.uriFrom !== undefined ||
          backendStore.dialect !== 'postgresql'),
      'registryStore.database needs a PostgreSQL that is named by host; use registryStore.uriFrom',
    ],
    [
      registryStore?.database !== undefined && registryStore.database === databaseName(backendStore),
      `registryStore.database is ${registryStore?.database ?? ''}, the database of the backend store; leave registryStore out to share it`,
    ],
    ...ofClouds(
      'artifactStore',
      artifactStore,
      ['bucketName', 'existingBucket', 'transition', 'kmsKeyArn'],
      ['gcs', 's3'],
    ),
    ...ofClouds('backendStore', backendStore, ['existingInstance'], ['cloudSql', 'rds']),
    [
      artifactStore.bucketName !== undefined && artifactStore.existingBucket !== undefined,
      'artifactStore.bucketName names a bucket to make and artifactStore.existingBucket one that is there; remove one of them',
    ],
    ...externalDatabase(backendStore, server),
    [
      readReplica !== undefined && backendStore.kind !== 'external',
      `backendStore.readReplica is for kind external, but kind is ${backendStore.kind}; remove it or change the kind`,
    ],
    [
      readReplica !== undefined && (readReplica.host === undefined) === (readReplica.uriFrom === undefined),
      'backendStore.readReplica needs either host or uriFrom, and not both',
    ],
    [
      readReplica?.host !== undefined &&
        (backendStore.uriFrom !== undefined || backendStore.dialect !== 'postgresql'),
      'backendStore.readReplica.host needs a PostgreSQL that is named by host; use backendStore.readReplica.uriFrom',
    ],
  ]);
}

/** Settings that only stores of a cloud have. */
function ofClouds<T extends { readonly kind: string }>(
  section: string,
  store: T,
  keys: readonly (keyof T & string)[],
  kinds: readonly string[],
): Rule[] {
  return keys.map((key) => [
    store[key] !== undefined && !kinds.includes(store.kind),
    `${section}.${key} is for kinds ${kinds.join(' and ')}, but kind is ${store.kind}; remove it or change the kind`,
  ]);
}

function databaseName({ kind, database }: Settings['backendStore']): string {
  return kind === 'external' ? database : 'mlflow';
}

function externalDatabase(backendStore: Settings['backendStore'], { caBundle }: Settings['server']): Rule[] {
  const { kind, uriFrom, host, port, connectionFrom, sslMode } = backendStore;
  if (kind !== 'external') {
    const given = Object.entries({ uriFrom, host, port, connectionFrom }).filter(
      ([, value]) => value !== undefined,
    );
    return given.map(([key]) => [
      true,
      `backendStore.${key} is for kind external, but kind is ${kind}; remove it or change the kind`,
    ]);
  }
  return [
    [
      uriFrom === undefined && connectionFrom === undefined,
      'backendStore.uriFrom or backendStore.connectionFrom is missing; kind external needs a Secret that tells how to log in',
    ],
    [
      uriFrom !== undefined && (connectionFrom !== undefined || host !== undefined || port !== undefined),
      'backendStore.uriFrom holds the whole address; remove host, port and connectionFrom, or use those instead of it',
    ],
    [
      uriFrom === undefined && sslMode.startsWith('verify-') && caBundle === undefined,
      `backendStore.sslMode is ${sslMode}, but server.caBundle is missing, which holds the authority to verify against; name it`,
    ],
    [
      backendStore.password !== undefined || backendStore.passwordFrom !== undefined,
      'backendStore.password and passwordFrom are for kind postgres; an external database takes connectionFrom or uriFrom',
    ],
  ];
}
