// APIs of Google Cloud, which a project has to switch on before anything can be made by them.
import * as pulumi from '@pulumi/pulumi';
import { getClientConfig } from '@pulumi/gcp/organizations/getClientConfig.js';
import type { Settings } from '../../config.ts';
import { controllerOf } from '../../lib/ingress-controllers.ts';
import type { GcpContext } from './context.ts';
import { proxyKind, repositoryOf } from './plan.ts';

/** As their addresses begin. */
export type Api =
  | 'artifactregistry'
  | 'cloudresourcemanager'
  | 'compute'
  | 'dns'
  | 'iam'
  | 'iap'
  | 'logging'
  | 'secretmanager'
  | 'servicenetworking'
  | 'sqladmin'
  | 'storage';

export const apiHost = (api: Api): string => `${api}.googleapis.com`;

/** Those that a stack with these settings calls in its project. */
export function neededApis(settings: Settings): Api[] {
  const { artifactStore, audit, auth, backendStore, externalSecrets, gcp, identity, ingress, secrets } =
    settings;
  const hasBucket = artifactStore.kind === 'gcs';
  const hasDatabase = backendStore.kind === 'cloudSql';
  const hasAccounts = identity.kind === 'workload';
  const hasProxy = proxyKind(settings) !== 'none';
  const connectsNetwork =
    hasDatabase && backendStore.existingInstance === undefined && gcp?.privateServices === 'create';
  const isGce = ingress.enabled && controllerOf(ingress) === 'gce';
  const asksForLogIn = isGce && auth.kind === 'edge' && auth.edge.iap !== undefined;
  const keepsSecrets = secrets.store === 'cloud' || externalSecrets.store?.provider === 'gcpSecretManager';
  const { imageRepository } = identity;
  const needs: Record<Api, boolean> = {
    artifactregistry: imageRepository !== undefined && repositoryOf(imageRepository).project === gcp?.project,
    cloudresourcemanager: (hasProxy && hasAccounts) || (audit.enabled && hasBucket),
    compute: connectsNetwork || isGce,
    dns: isGce && ingress.staticIp && ingress.dns.zone !== undefined,
    iam: hasAccounts && (hasBucket || hasProxy),
    iap: asksForLogIn,
    logging: audit.enabled,
    secretmanager: keepsSecrets,
    servicenetworking: connectsNetwork,
    sqladmin: hasDatabase,
    storage: hasBucket,
  };
  return (Object.keys(needs) as Api[]).filter((api) => needs[api]);
}

/** Milliseconds after which nobody waits for an answer any longer: a preview needs none. */
const patience = 3000;

interface Services {
  readonly services?: readonly { readonly name: string; readonly state: string }[];
}

/**
 * Refuses a project that has not switched on what the stack needs and will not switch on itself, before anything is made. It
 * asks with the log-in of the plug-in. Who has none yet, or may not look, finds out from the services themselves. The address in
 * GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT, which the plug-in heeds, too, takes the place of Google's.
 *
 * @throws RunError that names all of them, and the remedy.
 */
export async function checkApis({
  settings,
  gcp: { enableServices, project },
  provider,
}: Pick<GcpContext, 'settings' | 'gcp' | 'provider'>): Promise<void> {
  if (enableServices) return;
  const missing = await switchedOff(project, neededApis(settings).map(apiHost), provider);
  if (missing.length === 0) return;
  throw new pulumi.RunError(
    `Project ${project} has not switched on ${missing.join(', ')}; set mlflow-stack:gcp.enableServices to true, or run: gcloud services enable ${missing.join(' ')} --project=${project}`,
  );
}

/** https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet */
async function switchedOff(
  project: string,
  hosts: readonly string[],
  provider: pulumi.ProviderResource,
): Promise<string[]> {
  if (hosts.length === 0) return [];
  const base = process.env.GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT ?? 'https://serviceusage.googleapis.com/v1/';
  const parent = `projects/${project}`;
  const names = hosts.map((host) => `names=${parent}/services/${host}`).join('&');
  const { services = [] } = await ask(
    `${base.replace(/\/?$/, '/')}${parent}/services:batchGet?${names}`,
    provider,
  ).catch((error: unknown): Services => {
    void pulumi.log.debug(`no look at the APIs of ${project}: ${String(error)}`);
    return {};
  });
  return services
    .filter(({ state }) => state === 'DISABLED')
    .map(({ name }) => name.split('/').at(-1) ?? '')
    .sort();
}

async function ask(url: string, provider: pulumi.ProviderResource): Promise<Services> {
  const { accessToken = '' } = (await getClientConfig({ provider })) as { accessToken?: string };
  if (accessToken === '') return {};
  const headers = { authorization: `Bearer ${accessToken}` };
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(patience) });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  return (await answer.json()) as Services;
}
