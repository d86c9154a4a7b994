// What the settings of a stack mean for its components, where that is more than a section of the settings as it is. What one
// component hands to the next is added in index.ts.
import type { ClusterFacts } from '../cluster/facts.ts';
import type { Settings } from '../settings/index.ts';
import { asksPasswords } from './auth.ts';
import { publicEntry, publicUrls } from './allowed-hosts.ts';
import { postgresClient } from './backup.ts';
import { canRoll } from './connection-budget.ts';
import { waysIn } from './entry.ts';
import { imageReference, mlflowVersion } from './image.ts';
import { migrationInputs } from './migration-inputs.ts';
import { secretReferences } from './secret-references.ts';

/** Address that people open, where there is a way in from outside the cluster; without the static prefix. */
export const publicUrl = (settings: Settings): string | undefined => waysIn(settings).flatMap(publicUrls)[0];

/** Tracking URL for clients outside the cluster; without a way in, of the port-forward that the outputs propose. */
export function trackingUrl(settings: Settings): string {
  const { staticPrefix, tls } = settings.server;
  const forwarded = `${tls.enabled ? 'https' : 'http'}://127.0.0.1:5000`;
  return `${publicUrl(settings) ?? forwarded}${staticPrefix}`;
}

/** What log-ins have to know of the rest of the stack. */
export function authWiring(settings: Settings) {
  const { clientEnv, gc, metrics, server } = settings;
  return {
    url: publicUrl(settings),
    staticPrefix: server.staticPrefix,
    readinessPath: server.probes.readinessPath,
    caBundleKey: server.caBundle?.key,
    poolSize: server.poolSize,
    maxOverflow: server.maxOverflow,
    gc: gc.enabled,
    metrics: metrics.enabled,
    clients: clientEnv.namespaces,
  };
}

export function externalSecretsArgs(settings: Settings) {
  const { refreshInterval, secrets, store = { kind: 'SecretStore' as const } } = settings.externalSecrets;
  const references = secretReferences(settings);
  const onlyAtStart = (name: string) => {
    const own = references.filter((each) => each.isMade === true && each.name === name);
    return own.length > 0 && own.every((each) => each.onlyAtStart === true);
  };
  const watched = secrets.map(({ name }) => name).filter((name) => !onlyAtStart(name));
  return { refreshInterval, secrets, store, watched };
}

export function runtimeArgs({ pods, registryStore, server, workspaces }: Settings) {
  return {
    image: imageReference(server.image),
    imagePullPolicy: server.image.pullPolicy,
    runAsUser: server.runAsUser,
    registry: registryStore,
    workspaces: workspaces.enabled,
    caBundle: server.caBundle,
    env: server.env,
    envFrom: server.envFrom,
    parts: pods,
  };
}

export function serverArgs(settings: Settings, facts: ClusterFacts) {
  const { autoscaling, metrics, migrations, server, workspaces } = settings;
  return {
    ...server,
    mlflowVersion: mlflowVersion(server.image),
    workspaces: workspaces.enabled,
    metrics,
    autoscaling,
    entry: publicEntry(waysIn(settings)),
    migrations: { ...migrations, inputs: migrationInputs(settings, facts) },
    canRoll: canRoll(settings),
  };
}

export function backupArgs({ backendStore, backup }: Settings) {
  return { ...backup, clientImage: postgresClient({ backendStore, backup }) };
}

export function ingressArgs({ auth, ingress }: Settings, { ingressTls }: ClusterFacts) {
  return { ...ingress, asksPasswords: asksPasswords(auth), existingCertificate: ingressTls };
}
