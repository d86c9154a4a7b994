// Which Secrets and ConfigMaps the settings name that somebody else has to make, or the External Secrets Operator. A pod that
// refers to one that is missing does not start, and only its events say why; so all of them are looked for before anything is
// registered.
import type { Settings } from '../config.ts';
import { tlsHosts } from './entry.ts';
import { madeSecret } from './external-secrets.ts';
import { accountFileKey, plannedObjects, serviceHost } from './names.ts';

export interface SecretReference {
  /** Where the settings name it, such as `backendStore.uriFrom`. */
  readonly setting: string;
  readonly kind: 'Secret' | 'ConfigMap';
  readonly name: string;
  /** Keys that must be in it; none where the whole object is used. */
  readonly keys: readonly string[];
  /** What each of these keys must look like, where that is known. */
  readonly format?: SecretFormat;
  /** What keys must hold, where settings say it, too. */
  readonly values?: Readonly<Record<string, string>>;
  /** Hosts that the certificate in it must be for, where it is a Secret of type kubernetes.io/tls. */
  readonly hosts?: readonly string[];
  /** Whether new values make no difference to pods that run: they read it only while they start, or never. */
  readonly onlyAtStart?: boolean;
  /** Whether the stack itself has the External Secrets Operator make it, so that it need not be there before. */
  readonly isMade?: boolean;
}

export type SecretFormat =
  | 'adminPassword'
  | 'certificates'
  | 'databasePassword'
  /** Of the dialect of the backend store. */
  | 'databaseUri'
  /** Of any dialect. */
  | 'otherDatabaseUri'
  | 'fernetKey'
  | 'json';

/** Every reference, in the order of the settings. */
export function secretReferences(settings: Settings): SecretReference[] {
  const { artifactStore, backendStore, registryStore, server, pods, auth, secrets, ingress, namespace } =
    settings;
  const { backup } = settings;
  const { caBundle } = server;
  const { credentialsFrom } = auth.plugin;
  const { connectionFrom, readReplica } = backendStore;
  return [
    ...credentials(artifactStore.credentialsFrom),
    ...bucketKeys(settings),
    ...accountFile(settings),
    ...key('backendStore.passwordFrom', backendStore.passwordFrom, 'databasePassword'),
    ...key('backendStore.uriFrom', backendStore.uriFrom, 'databaseUri'),
    ...secret('backendStore.connectionFrom', connectionFrom?.secretName, [
      connectionFrom?.userKey,
      connectionFrom?.passwordKey,
      backendStore.host === undefined ? connectionFrom?.hostKey : undefined,
    ]),
    ...key('backendStore.readReplica.uriFrom', readReplica?.uriFrom, 'databaseUri'),
    ...key('registryStore.uriFrom', registryStore?.uriFrom, 'otherDatabaseUri'),
    ...manifestReferences('server.envFrom', server.envFrom),
    ...secret('server.caBundle', caBundle?.secretName, [caBundle?.key], 'certificates'),
    ...configMap('server.caBundle', caBundle?.configMapName, [caBundle?.key], 'certificates'),
    ...secret('server.tls.secretName', server.tls.enabled ? server.tls.secretName : undefined, [
      'tls.crt',
      'tls.key',
      'ca.crt',
    ]).map((reference) => ({ ...reference, hosts: [serviceHost(namespace.name)] })),
    ...manifestReferences('server.pod', server.pod),
    ...manifestReferences('pods', { ...pods, imagePullSecrets: undefined }),
    ...pods.imagePullSecrets
      .flatMap((name) => secret('pods.imagePullSecrets', name, []))
      .map((reference) => ({ ...reference, onlyAtStart: true })),
    ...key('auth.adminPasswordFrom', auth.adminPasswordFrom, 'adminPassword'),
    ...key('auth.oauth2Proxy.clientSecretFrom', auth.oauth2Proxy.clientSecretFrom),
    ...key('auth.edge.iap.clientSecretFrom', auth.edge.iap?.clientSecretFrom),
    ...key('auth.edge.oidc.clientSecretFrom', auth.edge.oidc?.clientSecretFrom),
    ...manifestReferences('auth.plugin.envFrom', auth.plugin.envFrom),
    ...secret('auth.plugin.credentialsFrom', credentialsFrom?.secretName, credentialsFrom?.keys ?? []),
    ...key('secrets.flaskKeyFrom', secrets.flaskKeyFrom),
    ...key('secrets.kekPassphraseFrom', secrets.kekPassphraseFrom),
    ...key('secrets.webhookKeyFrom', secrets.webhookKeyFrom, 'fernetKey'),
    ...key('backup.passphraseFrom', backup.enabled ? backup.passphraseFrom : undefined).map((reference) => ({
      ...reference,
      onlyAtStart: true,
    })),
    ...(ingress.enabled ? ingress.tls : []).flatMap((entry, index) =>
      secret(`ingress.tls[${index}].secretName`, entry.secretName, ['tls.crt', 'tls.key']).map(
        (reference) => ({
          ...reference,
          hosts: tlsHosts(entry, ingress),
          onlyAtStart: true,
        }),
      ),
    ),
  ]
    .filter(({ kind, name }) => !plannedObjects.some((own) => own.kind === kind && own.name === name))
    .map((reference) =>
      reference.kind === 'Secret' && madeSecret(settings, reference.name) !== undefined
        ? { ...reference, isMade: true }
        : reference,
    );
}

/** The file of a service account. */
const accountFile = ({ cloud, artifactStore, identity }: Settings): SecretReference[] =>
  cloud === 'gcp' && artifactStore.kind === 'gcs' && identity.kind === 'keys'
    ? secret('identity.secretName', identity.secretName, [accountFileKey], 'json')
    : [];

/** Exactly four keys, of which two say again what settings say. */
function bucketKeys({ artifactStore, aws, identity }: Settings): SecretReference[] {
  if (artifactStore.kind !== 's3' || identity.kind !== 'keys') return [];
  const { existingBucket, bucketName = existingBucket } = artifactStore;
  const keys = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION', 'AWS_S3_BUCKET'];
  const values = { AWS_REGION: aws?.region ?? '', AWS_S3_BUCKET: bucketName ?? '' };
  return secret('identity.secretName', identity.secretName, keys).map((each) => ({ ...each, values }));
}

interface Credentials {
  readonly secretName: string;
  readonly keys: readonly string[];
  readonly googleCredentialsKey?: string | undefined;
}

/**
 * Keys that become variables. A Google service account needs none, so beside its file the default keys, which are those
 * of S3, are not asked for.
 */
export function credentialVariables({
  keys,
  googleCredentialsKey,
}: Pick<Credentials, 'keys' | 'googleCredentialsKey'>): readonly string[] {
  const isDefault = keys.join() === 'AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY';
  return googleCredentialsKey !== undefined && isDefault ? [] : keys;
}

function credentials(from: Credentials | undefined): SecretReference[] {
  if (from === undefined) return [];
  const setting = 'artifactStore.credentialsFrom';
  const { secretName, googleCredentialsKey } = from;
  const variables = credentialVariables(from);
  const file = googleCredentialsKey && secret(setting, secretName, [googleCredentialsKey], 'json');
  // Without any key it stands for the whole Secret.
  return [...(file && variables.length === 0 ? [] : secret(setting, secretName, variables)), ...(file || [])];
}

function key(
  setting: string,
  from: { readonly secretName: string; readonly key: string } | undefined,
  format?: SecretFormat,
): SecretReference[] {
  return secret(setting, from?.secretName, [from?.key], format);
}

const secret = referencesTo('Secret');
const configMap = referencesTo('ConfigMap');

function referencesTo(kind: SecretReference['kind']) {
  return (
    setting: string,
    name: unknown,
    keys: readonly unknown[],
    format?: SecretFormat,
  ): SecretReference[] => {
    if (typeof name !== 'string') return [];
    const known = keys.filter((each) => typeof each === 'string');
    return [{ setting, kind, name, keys: known, ...(format && { format }) }];
  };
}

interface Source {
  readonly name?: unknown;
  readonly secretName?: unknown;
  readonly key?: unknown;
  readonly optional?: unknown;
  readonly items?: readonly { readonly key?: unknown }[];
}

/** How Kubernetes' own manifests refer to a Secret or ConfigMap, by the field that does it. */
const sources: Record<string, (setting: string, source: Source) => SecretReference[]> = {
  secretKeyRef: (setting, { name, key }) => secret(setting, name, [key]),
  configMapKeyRef: (setting, { name, key }) => configMap(setting, name, [key]),
  secretRef: (setting, { name }) => secret(setting, name, []),
  configMapRef: (setting, { name }) => configMap(setting, name, []),
  // In a volume of its own the first, in a projected volume the second.
  secret: (setting, { secretName, name, items }) => secret(setting, secretName ?? name, keysOf(items)),
  configMap: (setting, { name, items }) => configMap(setting, name, keysOf(items)),
};

const keysOf = (items: Source['items']): unknown[] => (items ?? []).map((item) => item.key);

/** References anywhere in what is handed to Kubernetes as it is, but for those that it may do without. */
function manifestReferences(setting: string, value: unknown): SecretReference[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([field, part]: [string, unknown]) => {
    const isSource = typeof part === 'object' && part !== null && Object.hasOwn(sources, field);
    if (!isSource) return manifestReferences(setting, part);
    return (part as Source).optional === true ? [] : (sources[field]?.(setting, part) ?? []);
  });
}
