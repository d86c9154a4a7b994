// The stack, as a table of contents: its components in the order in which one hands over to the next, and what it says when it is
// up.
import {
  ArtifactStore,
  Auth,
  BackendStore,
  BackupCronJob,
  ClientEnv,
  ExternalSecrets,
  GcCronJob,
  HttpRoute,
  Ingress,
  KeptSecrets,
  MlflowRuntime,
  MlflowServer,
  NetworkPolicies,
  ServerKeys,
  StoreRecord,
  TraceArchival,
  WorkloadIdentities,
} from './components/index.ts';
import * as args from './lib/component-args.ts';
import { hasCloudEntry } from './lib/entry.ts';
import { names } from './lib/names.ts';
import { hasStoreRecord } from './lib/store-record.ts';
import { stackOutputs } from './outputs.ts';
import type { Site } from './site.ts';

export function mlflowStack(place: Site) {
  const { settings, cloud, inside, across, elsewhere } = place;

  const externalSecrets =
    settings.externalSecrets.secrets.length > 0
      ? new ExternalSecrets(names.externalSecrets, args.externalSecrets(place), across)
      : undefined;
  const site = { ...place, ...externalSecrets?.made };

  if (settings.networkPolicy.enabled)
    new NetworkPolicies(names.networkPolicies, args.networkPolicies(site), inside);

  const artifactStore = new ArtifactStore(names.artifactStore, args.artifactStore(site), across);
  const backendStore = new BackendStore(names.backendStore, args.backendStore(site, artifactStore), across);
  const stores = { artifacts: artifactStore.connection, backend: backendStore.connection };
  if (hasStoreRecord(settings)) new StoreRecord(names.storeRecord, args.storeRecord(site, stores), inside);

  const keys = new ServerKeys(names.keys, args.serverKeys(site), inside);
  const auth = new Auth(names.auth, args.auth(site, keys), inside);
  const generated = args.keptSecrets(site, [artifactStore, backendStore, keys, auth]);
  const kept = cloud.secrets ? new KeptSecrets(names.keptSecrets, generated, across).names : undefined;

  const needs = args.cloudNeeds(site, stores);
  const identities = cloud.identities
    ? new WorkloadIdentities(names.identities, { ...needs, cloud }, across).byComponent
    : {};
  const runtimeArgs = args.runtime(site, { ...stores, auth, identities });
  const { pods: runtime } = new MlflowRuntime(names.runtime, runtimeArgs, inside);

  const entry = hasCloudEntry(settings) ? cloud.entry?.(names.entry, needs, across) : undefined;
  const serverArgs = args.server(site, { ...stores, runtime, entry, keys, auth });
  const server = new MlflowServer(names.server, serverArgs, inside);
  const service = server.connection;

  if (settings.ingress.enabled) {
    const { address } = new Ingress(names.ingress, args.ingress(site, service, entry), inside);
    if (entry?.awaitsAddress) cloud.records?.(names.records, { address }, across);
  }
  if (settings.httpRoute.enabled) new HttpRoute(names.httpRoute, args.httpRoute(site, service), inside);

  const beside = { ...stores, runtime, service, keys, auth };
  if (settings.clientEnv.namespaces.length > 0)
    new ClientEnv(names.clientEnv, args.clientEnv(site, beside), elsewhere);
  const gc = settings.gc.enabled ? new GcCronJob(names.gc, args.gc(site, beside), inside) : undefined;
  if (settings.traceArchival.enabled)
    new TraceArchival(names.traceArchival, args.traceArchival(site, beside), inside);
  const backup = settings.backup.enabled
    ? new BackupCronJob(names.backup, args.backup(site, beside), inside)
    : undefined;

  const keptSecrets = Object.keys(kept ?? {});
  const extras = cloud.extras?.(names.extras, { ...needs, keptSecrets }, across);

  return stackOutputs(site, { ...stores, kept, identities, entry, server, auth, gc, backup, extras });
}
