// What a program has to know of the stack that is already there.
import type { Settings } from '../config.ts';
import { secretMark } from '../lib/hash.ts';
import { uriPort } from '../lib/database.ts';
import { madeSecret, templateSample } from '../lib/external-secrets.ts';
import { mlflowVersion } from '../lib/image.ts';
import { instanceName, isOwn } from '../lib/labels.ts';
import { annotations, databaseSecret, databaseTlsSecret, ingressNames, names } from '../lib/names.ts';
import { secretReferences } from '../lib/secret-references.ts';
import { readContent } from './checks/references.ts';
import { type KubernetesObject, objectPath } from './client.ts';
import type { Condition } from './pods.ts';
import { type ClusterView, readOrNothing, unreadable } from './view.ts';

export interface ClusterFacts {
  /**
   * Values of the stack's own Secret `mlflow-keys`, empty when there is none: generated keys that data depends on are found
   * again after a destroy that retained them.
   */
  readonly keys: Readonly<Record<string, string>>;
  /** The same of Secret `mlflow-postgres-tls`. */
  readonly databaseTls: Readonly<Record<string, string>>;
  /** The same of Secret `mlflow-database`. */
  readonly database: Readonly<Record<string, string>>;
  /** The same of Secret `mlflow-ingress-self-signed`. */
  readonly ingressTls: Readonly<Record<string, string>>;
  /** The server that is there; undefined when there is none. */
  readonly deployed: DeployedServer | undefined;
  /**
   * Changes with the values of the Secrets and ConfigMaps that settings name and that are not made for the stack, of which
   * it gives nothing away; empty when there are none.
   */
  readonly externalRevision: string;
  /** Ports in the URIs of databases that Secrets hold, by the setting that names the Secret. */
  readonly databasePorts: Readonly<Record<string, number>>;
}

export interface DeployedServer {
  readonly version: string;
  /** Revision of the schema. */
  readonly revision: string | undefined;
  /** Name of the last migration Job that succeeded. */
  readonly migration: string | undefined;
  readonly snapshot: string | undefined;
  readonly replicas: number;
  /** Replicas before it was stopped for an update that has not ended well. */
  readonly stoppedReplicas: number | undefined;
}

export const noFacts: ClusterFacts = {
  keys: {},
  databaseTls: {},
  database: {},
  deployed: undefined,
  externalRevision: '',
  databasePorts: {},
  ingressTls: {},
};

export async function readFacts(view: ClusterView, settings: Settings): Promise<ClusterFacts> {
  const namespace = settings.namespace.name;
  const [keys, databaseTls, database, ingressTls, deployed, externalRevision, databasePorts] =
    await Promise.all([
      ownSecret(view, namespace, names.keys),
      ownSecret(view, namespace, databaseTlsSecret),
      ownSecret(view, namespace, databaseSecret),
      ownSecret(view, namespace, ingressNames(names.ingress).selfSigned),
      readDeployed(view, namespace),
      revisionOf(view, settings),
      portsInUris(view, settings),
    ]);
  return { keys, databaseTls, database, ingressTls, deployed, externalRevision, databasePorts };
}

async function ownSecret(
  view: ClusterView,
  namespace: string,
  name: string,
): Promise<Record<string, string>> {
  const content = await readContent(view, namespace, { kind: 'Secret', name });
  return content === undefined || content === unreadable || !isOwn(content.labels) ? {} : content.values;
}

export interface Deployment extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & { readonly generation?: number };
  readonly spec: {
    readonly replicas?: number;
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
    };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

export const deploymentPath = (namespace: string): string =>
  objectPath('apis/apps/v1', namespace, 'deployments', names.server);

async function readDeployed(view: ClusterView, namespace: string): Promise<DeployedServer | undefined> {
  const found = await readOrNothing<Deployment>(
    view,
    deploymentPath(namespace),
    `Deployment ${names.server}`,
  );
  return found === undefined || !isOwn(found.metadata.labels) ? undefined : deployedServer(found);
}

function deployedServer({ metadata, spec }: Deployment): DeployedServer {
  const noted = (key: keyof typeof annotations) => metadata.annotations?.[annotations[key]] || undefined;
  const stopped = noted('stoppedReplicas');
  return {
    version: noted('mlflowVersion') ?? versionInImage(spec),
    revision: noted('schemaRevision'),
    migration: noted('migration'),
    snapshot: noted('snapshot'),
    replicas: spec.replicas ?? 1,
    stoppedReplicas: stopped === undefined ? undefined : Number(stopped),
  };
}

/** Deployments from before the annotations. */
function versionInImage({ template }: Deployment['spec']): string {
  const image = template.spec.containers.find(({ name }) => name === 'mlflow')?.image ?? '';
  return mlflowVersion({ repository: '', tag: image.split('@')[0]?.split(':').at(-1) ?? '' });
}

/** Slow to compute, since short secrets could be found by trying otherwise. */
async function revisionOf(view: ClusterView, settings: Settings): Promise<string> {
  const references = secretReferences(settings).filter(
    ({ isMade, onlyAtStart }) => isMade !== true && onlyAtStart !== true,
  );
  const values = await Promise.all(
    references.map(async (reference) => {
      const content = await readContent(view, settings.namespace.name, reference);
      if (content === undefined || content === unreadable) return [];
      const { kind, name, keys } = reference;
      return Object.entries(content.values)
        .filter(([key]) => keys.length === 0 || keys.includes(key))
        .map(([key, value]) => [kind, name, key, value]);
    }),
  );
  // In an order that depends on the content alone.
  const parts = [...new Set(values.flat().map((value) => JSON.stringify(value)))].sort();
  return parts.length === 0 ? '' : secretMark(parts.join('\n'), instanceName());
}

const uriReferences = (settings: Settings) =>
  secretReferences(settings).filter(
    ({ format }) => format === 'databaseUri' || format === 'otherDatabaseUri',
  );

/** The same of URIs that are made from a template, which may not be there yet. */
export const portsInTemplates = (settings: Settings): Record<string, number> =>
  Object.fromEntries(
    uriReferences(settings).flatMap(({ setting, name, keys }) => {
      const template = madeSecret(settings, name)?.template[keys[0] ?? ''];
      const port = template && uriPort(templateSample(template));
      return port ? [[setting, port]] : [];
    }),
  );

async function portsInUris(view: ClusterView, settings: Settings): Promise<Record<string, number>> {
  const ports = uriReferences(settings).map(async (reference) => {
    const content = await readContent(view, settings.namespace.name, reference);
    const values = content === undefined || content === unreadable ? {} : content.values;
    const port = uriPort(values[reference.keys[0] ?? '']?.trim() ?? '');
    return port === undefined ? [] : [[reference.setting, port] as const];
  });
  return Object.fromEntries((await Promise.all(ports)).flat());
}
