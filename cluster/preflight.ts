// Looks at the cluster before anything is registered: what would fail half-way, take over what belongs to somebody else, or
// lose data is refused here, all of it in one message.
import * as pulumi from '@pulumi/pulumi';
import type { ClusterAccess } from '../clouds/cloud.ts';
import type { Settings } from '../config.ts';
import { missingApis } from './checks/apis.ts';
import { clientNamespaceMistakes } from './checks/client-env.ts';
import { clientIdentityMistakes } from './checks/client-identity.ts';
import { claimMistakes, claimsLeftBehind } from './checks/claims.ts';
import { classMistakes } from './checks/classes.ts';
import { gatewayMistakes, issuerMistakes } from './checks/entry.ts';
import { secretStoreMistakes, takenSecrets } from './checks/external-secrets.ts';
import { existingClaimMistakes } from './checks/existing-claim.ts';
import { foreignObjects, inspectNamespace } from './checks/namespace.ts';
import { certificateMistakes, referenceMistakes, referencesTooEarly } from './checks/references.ts';
import { storeMistakes } from './checks/stores.ts';
import { databaseMajorMistakes, downgrade } from './checks/versions.ts';
import { type ClusterClient, ForbiddenError, clusterClient } from './client.ts';
import { type ClusterFacts, noFacts, portsInTemplates, readFacts } from './facts.ts';
import { KubeconfigError, connectionOf } from './kubeconfig.ts';
import { type ClusterView, clusterView } from './view.ts';

export type { ClusterFacts, DeployedServer } from './facts.ts';

/** The oldest Kubernetes that has what the stack uses. */
const oldestMinor = 29;

interface Findings {
  readonly mistakes: string[];
  readonly facts: ClusterFacts;
}

/**
 * What there is of the stack already.
 *
 * @throws RunError with every mistake in one message, when the cluster is not what the settings say or need.
 */
export async function checkCluster(access: ClusterAccess, settings: Settings): Promise<ClusterFacts> {
  const { mistakes, facts } = await look(access, settings);
  if (mistakes.length > 0) {
    throw new pulumi.RunError(
      [
        `The cluster of context "${access.context}" is not ready for this stack:`,
        ...mistakes.map((text) => `  ${text}`),
      ].join('\n'),
    );
  }
  return facts;
}

async function look(access: ClusterAccess, settings: Settings): Promise<Findings> {
  try {
    const connection = await connectionOf(access);
    const client = clusterClient(connection);
    try {
      const version = await serverVersion(client, connection.server.href);
      if (typeof version === 'string') return only(version);
      const view = clusterView(client);
      const { mistakes, facts } = await inspect(view, settings);
      const refused = view.refused().join(', ');
      if (refused !== '')
        await pulumi.log.warn(`Not checked, since your log-in may not read it: ${refused}.`);
      return { mistakes: [...oldVersion(version), ...mistakes], facts };
    } finally {
      client.close();
    }
  } catch (error) {
    if (error instanceof KubeconfigError) return only(error.message);
    return only(
      `the cluster could not be read (${firstLine(error)}); try again, or look at the API server's log`,
    );
  }
}

const only = (mistake: string): Findings => ({ mistakes: [mistake], facts: noFacts });

async function inspect(view: ClusterView, settings: Settings): Promise<Findings> {
  const [classes, apis, issuers, gateways, stores, namespace, leftBehind, clients, programs] =
    await Promise.all([
      classMistakes(view, settings),
      missingApis(view, settings),
      issuerMistakes(view, settings),
      gatewayMistakes(view, settings),
      secretStoreMistakes(view, settings),
      inspectNamespace(view, settings.namespace),
      claimsLeftBehind(view, settings),
      clientNamespaceMistakes(view, settings),
      clientIdentityMistakes(view, settings),
    ]);
  const content = namespace.usable
    ? await inspectContent(view, settings)
    : {
        mistakes: namespace.mistakes.length === 0 ? referencesTooEarly(settings) : [],
        facts: noFacts,
      };
  const mistakes = [
    ...certificateMistakes(settings),
    ...classes,
    ...apis,
    ...issuers,
    ...gateways,
    ...stores,
    ...namespace.mistakes,
    ...leftBehind,
    ...clients,
    ...programs,
    ...content.mistakes,
  ];
  const databasePorts = { ...content.facts.databasePorts, ...portsInTemplates(settings) };
  return { mistakes, facts: { ...content.facts, databasePorts } };
}

async function inspectContent(view: ClusterView, settings: Settings): Promise<Findings> {
  const [facts, ...mistakes] = await Promise.all([
    readFacts(view, settings),
    foreignObjects(view, settings.namespace.name),
    referenceMistakes(view, settings),
    takenSecrets(view, settings),
    existingClaimMistakes(view, settings),
    claimMistakes(view, settings),
    databaseMajorMistakes(view, settings),
    storeMistakes(view, settings),
  ]);
  return { mistakes: [...mistakes.flat(), ...downgrade(facts.deployed, settings)], facts };
}

interface Version {
  readonly major: number;
  readonly minor: number;
}

async function serverVersion(client: ClusterClient, server: string): Promise<Version | string> {
  try {
    const version = await client.get<{ major: string; minor: string }>('/version');
    if (version?.minor === undefined)
      return `${server} answers, but is no Kubernetes API server; mend the kubeconfig`;
    return { major: parseInt(version.major), minor: parseInt(version.minor) };
  } catch (error) {
    return error instanceof ForbiddenError
      ? `the cluster at ${server} refuses the log-in of the kubeconfig; log in again`
      : `the cluster at ${server} does not answer (${firstLine(error)}); start it, or name another context in mlflow-stack:kubernetes.context`;
  }
}

const oldVersion = ({ major, minor }: Version): string[] =>
  major === 1 && minor < oldestMinor
    ? [`the cluster runs Kubernetes 1.${minor}; upgrade it to 1.${oldestMinor} or newer`]
    : [];

/** TLS errors go on for lines. */
const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
