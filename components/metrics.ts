// How Prometheus gets at the server's metrics, what it alerts of, and how Grafana shows them.
import * as pulumi from '@pulumi/pulumi';
import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import type { Service } from '@pulumi/kubernetes/core/v1/service.js';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import { serverComponent as component, serviceHost } from '../lib/names.ts';
import { alerts, dashboard } from '../lib/monitoring.ts';
import type { AuthConnection } from './connections.ts';

export interface MetricsArgs {
  /** Whether the server has metrics, summed over its processes. */
  readonly enabled: boolean;
  /** `annotations` of the pods, or a `serviceMonitor` for the Prometheus Operator. */
  readonly discovery: 'annotations' | 'serviceMonitor';
  readonly intervalSeconds: number;
  /** Whether there are alerts, as a PrometheusRule of the Prometheus Operator. */
  readonly alerts: boolean;
  /** Whether there is a dashboard for Grafana. */
  readonly dashboard: boolean;
  /** Labels by which a Prometheus chooses its ServiceMonitors and rules. */
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

/** https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusRule */
export function prometheusRule(
  name: string,
  { labels }: MetricsArgs,
  namespace: pulumi.Input<string>,
  parent: pulumi.Resource,
): void {
  new CustomResource(
    `${name}-prometheus-rule`,
    {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name, namespace, labels: { ...labels, ...objectLabels(component) } },
      spec: { groups: [{ name: 'mlflow', rules: pulumi.output(namespace).apply(alerts) }] },
    },
    { parent },
  );
}

/** Grafana's sidecar collects the dashboards of all ConfigMaps with this label. https://github.com/grafana/helm-charts/tree/main/charts/grafana#sidecar-for-dashboards */
const dashboardLabel = { grafana_dashboard: '1' };

export function grafanaDashboard(
  name: string,
  namespace: pulumi.Input<string>,
  parent: pulumi.Resource,
): void {
  const json = pulumi.output(namespace).apply((known) => JSON.stringify(dashboard(known), undefined, 2));
  new ConfigMap(
    `${name}-dashboard`,
    {
      metadata: { namespace, labels: { ...dashboardLabel, ...objectLabels(component) } },
      data: { 'mlflow.json': json },
    },
    { parent },
  );
}
