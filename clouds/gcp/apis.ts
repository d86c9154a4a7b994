// APIs of Google Cloud, which a project has to switch on before anything can be made by them.
import * as pulumi from '@pulumi/pulumi';
import type { GoogleAuth } from 'google-auth-library';
import type { Settings } from '../../config.ts';
import { controllerOf } from '../../lib/ingress-controllers.ts';
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
const patience = 10_000;
const scopes = ['https://www.googleapis.com/auth/cloud-platform.read-only'];

interface Services {
  readonly services?: readonly { readonly name: string; readonly state: string }[];
}

/**
 * Refuses a project that has not switched on what the stack needs and will not switch on itself, before anything is made. Who
 * may not look there, or has no log-in that this knows, finds out from the services themselves. The address in
 * GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT, which the plug-in heeds, too, takes the place of Google's.
 *
 * @throws RunError that names all of them, and the remedy.
 */
export async function checkApis(
  settings: Settings,
  login?: Pick<GoogleAuth, 'request'>,
  wait = patience,
): Promise<void> {
  const { gcp } = settings;
  if (gcp === undefined || gcp.enableServices) return;
  const missing = await switchedOff(gcp.project, neededApis(settings).map(apiHost), wait, login);
  if (missing.length === 0) return;
  throw new pulumi.RunError(
    `Project ${gcp.project} has not switched on ${missing.join(', ')}; set mlflow-stack:gcp.enableServices to true, or run: gcloud services enable ${missing.join(' ')} --project=${gcp.project}`,
  );
}

/** https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet */
async function switchedOff(
  project: string,
  hosts: readonly string[],
  wait: number,
  login?: Pick<GoogleAuth, 'request'>,
): Promise<string[]> {
  if (hosts.length === 0) return [];
  const base = process.env.GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT ?? 'https://serviceusage.googleapis.com/v1/';
  const parent = `projects/${project}`;
  const names = hosts.map((host) => `names=${parent}/services/${host}`).join('&');
  const url = `${base.replace(/\/?$/, '/')}${parent}/services:batchGet?${names}`;
  const asked = (async (): Promise<Services> => {
    const auth = login ?? new (await import('google-auth-library')).GoogleAuth({ scopes });
    return (await auth.request<Services>({ url, timeout: wait })).data;
  })();
  const noAnswer: Services = {};
  const { services = [] } = await Promise.race([
    asked.catch((error: unknown) => {
      void pulumi.log.debug(`no look at the APIs of ${project}: ${String(error)}`);
      return noAnswer;
    }),
    new Promise<Services>((resolve) => setTimeout(() => resolve(noAnswer), wait).unref()),
  ]);
  return services
    .filter(({ state }) => state === 'DISABLED')
    .map(({ name }) => name.split('/').at(-1) ?? '')
    .sort();
}
