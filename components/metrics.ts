// How Prometheus gets at the server's metrics.
import type * as pulumi from '@pulumi/pulumi';
import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import type { Service } from '@pulumi/kubernetes/core/v1/service.js';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import { serverComponent as component } from '../lib/names.ts';
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
}

/** https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.ServiceMonitor */
export function serviceMonitor(
  name: string,
  { metrics, auth }: ServerArgs,
  service: Service,
  parent: pulumi.Resource,
): void {
  if (!metrics.enabled || metrics.discovery !== 'serviceMonitor') return;
  const secretName = auth?.scraperSecretName;
  const basicAuth = secretName && {
    username: { name: secretName, key: 'username' },
    password: { name: secretName, key: 'password' },
  };
  new CustomResource(
    `${name}-service-monitor`,
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'ServiceMonitor',
      metadata: {
        name,
        namespace: service.metadata.namespace,
        labels: { ...metrics.labels, ...objectLabels(component) },
      },
      spec: {
        selector: { matchLabels: selectorLabels(component) },
        endpoints: [
          {
            port: 'http',
            path: metricsPath,
            interval: `${metrics.intervalSeconds}s`,
            ...(basicAuth && { basicAuth }),
          },
        ],
      },
    },
    { parent },
  );
}
