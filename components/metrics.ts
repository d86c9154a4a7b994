// How Prometheus gets at the server's metrics.
import * as pulumi from '@pulumi/pulumi';
import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import type { Service } from '@pulumi/kubernetes/core/v1/service.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import { serverComponent as component, serviceHost } from '../lib/names.ts';
import type { AuthConnection, PodRuntime, SecretKey } from './connections.ts';

export interface MetricsArgs {
  /** Whether the server has metrics, summed over its processes. */
  readonly enabled: boolean;
  /** `annotations` of the pods, or a `serviceMonitor` for the Prometheus Operator. */
  readonly discovery: 'annotations' | 'serviceMonitor';
  readonly intervalSeconds: number;
  /** Labels by which a Prometheus chooses its ServiceMonitors. */
  readonly labels: Readonly<Record<string, string>>;
}

/** An administrator of MLflow, since it shows its metrics to nobody else. */
export interface Scraper {
  readonly secretName: pulumi.Output<string>;
  readonly password: SecretKey;
}

/** MLflow serves metrics there whatever its static prefix is. */
export const metricsPath = '/metrics';
/** Name of the user that scrapes, in the auth database. */
export const scraperName = 'mlflow-metrics';

interface ServerArgs {
  readonly runtime: PodRuntime;
  readonly metrics: MetricsArgs;
  readonly auth?: AuthConnection | undefined;
  readonly tls: { readonly enabled: boolean; readonly secretName: string };
}

/** Where MLflow has users, its metrics ask for one, too. */
export function metricsScraper(name: string, args: ServerArgs, parent: pulumi.Resource): Scraper | undefined {
  if (!args.metrics.enabled || args.auth === undefined) return undefined;
  const { result } = new RandomPassword(
    `${name}-metrics-password`,
    { length: 32, special: false },
    { parent },
  );
  const secret = new Secret(
    `${name}-metrics-user`,
    {
      metadata: { namespace: args.runtime.namespace, labels: objectLabels(component) },
      type: 'kubernetes.io/basic-auth',
      stringData: { username: scraperName, password: result },
    },
    { parent },
  );
  const secretName = secret.metadata.name;
  return { secretName, password: { secretName, key: 'password' } };
}

/** https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor */
export function serviceMonitor(
  name: string,
  { metrics, tls }: ServerArgs,
  { service, scraper }: { readonly service: Service; readonly scraper: Scraper | undefined },
  parent: pulumi.Resource,
): void {
  if (!metrics.enabled || metrics.discovery !== 'serviceMonitor') return;
  const basicAuth = scraper && {
    username: { name: scraper.secretName, key: 'username' },
    password: { name: scraper.secretName, key: 'password' },
  };
  const { namespace } = service.metadata;
  new CustomResource(
    `${name}-service-monitor`,
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'ServiceMonitor',
      metadata: {
        name,
        namespace,
        labels: { ...metrics.labels, ...objectLabels(component) },
      },
      spec: {
        selector: { matchLabels: selectorLabels(component) },
        endpoints: [
          {
            port: tls.enabled ? 'https' : 'http',
            path: metricsPath,
            interval: `${metrics.intervalSeconds}s`,
            ...(tls.enabled && {
              scheme: 'https',
              tlsConfig: {
                ca: { secret: { name: tls.secretName, key: 'ca.crt' } },
                // Pods are called by address, which no certificate is for.
                serverName: pulumi.output(namespace).apply((home) => serviceHost(home, name)),
              },
            }),
            ...(basicAuth && { basicAuth }),
          },
        ],
      },
    },
    { parent },
  );
}
