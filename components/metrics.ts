// How Prometheus gets at the server's metrics.
import * as pulumi from '@pulumi/pulumi';
import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import type { Service } from '@pulumi/kubernetes/core/v1/service.js';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import { serverComponent as component, serviceHost } from '../lib/names.ts';
import type { AuthConnection } from './connections.ts';

export interface MetricsArgs {
  /** Whether the server has metrics, summed over its processes. */
  readonly enabled: boolean;
  /** `annotations` of the pods, or a `serviceMonitor` for the Prometheus Operator. */
  readonly discovery: 'annotations' | 'serviceMonitor';
  readonly intervalSeconds: number;
  /** Labels by which a Prometheus chooses its ServiceMonitors. */
  readonly labels: Readonly<Record<string, string>>;
}

/** MLflow serves metrics there whatever its static prefix is. */
export const metricsPath = '/metrics';
interface ServerArgs {
  readonly metrics: MetricsArgs;
  readonly auth?: AuthConnection | undefined;
  readonly tls: { readonly enabled: boolean; readonly secretName: string };
}

/** https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor */
export function serviceMonitor(
  name: string,
  { metrics, auth, tls }: ServerArgs,
  service: Service,
  parent: pulumi.Resource,
): void {
  if (!metrics.enabled || metrics.discovery !== 'serviceMonitor') return;
  const secretName = auth?.scraperSecretName;
  const basicAuth = secretName && {
    username: { name: secretName, key: 'username' },
    password: { name: secretName, key: 'password' },
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
