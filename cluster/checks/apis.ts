import type { Settings } from '../../config.ts';
import { ingressNeeds } from '../../lib/entry.ts';
import { controllerOf, controllers } from '../../lib/ingress-controllers.ts';
import { type ClusterView, unreadable } from '../view.ts';

interface AddOn {
  readonly kind: string;
  readonly version: string;
  /** What to do where the cluster does not know the kind. */
  readonly remedy: string;
}

/** Kinds that only an add-on brings, as far as the settings ask for them. */
function addOns(settings: Settings): AddOn[] {
  const { metrics, autoscaling, ingress, httpRoute, externalSecrets } = settings;
  const { secrets, store } = externalSecrets;
  const readers = [
    ...(secrets.length > 0 ? ['ExternalSecret'] : []),
    ...(store?.provider ? ['SecretStore'] : []),
  ];
  return [
    ...readers.map((kind) => ({
      kind,
      version: 'external-secrets.io/v1',
      remedy:
        'install the External Secrets Operator, 0.16 or newer, or leave out mlflow-stack:externalSecrets',
    })),
    ...(metrics.enabled && metrics.discovery === 'serviceMonitor'
      ? [
          {
            kind: 'ServiceMonitor',
            version: 'monitoring.coreos.com/v1',
            remedy: 'install the Prometheus Operator, or set mlflow-stack:metrics.discovery to annotations',
          },
        ]
      : []),
    ...(metrics.alerts
      ? [
          {
            kind: 'PrometheusRule',
            version: 'monitoring.coreos.com/v1',
            remedy: 'install the Prometheus Operator, or set mlflow-stack:metrics.alerts to false',
          },
        ]
      : []),
    ...(autoscaling.enabled && autoscaling.kind === 'vertical'
      ? [
          {
            kind: 'VerticalPodAutoscaler',
            version: 'autoscaling.k8s.io/v1',
            remedy: 'install the Vertical Pod Autoscaler, or set mlflow-stack:autoscaling.kind to horizontal',
          },
        ]
      : []),
    ...(httpRoute.enabled
      ? [
          {
            kind: 'HTTPRoute',
            version: 'gateway.networking.k8s.io/v1',
            remedy: 'install the Gateway API, or use mlflow-stack:ingress',
          },
        ]
      : []),
    ...(ingress.enabled ? ingressAddOns(settings) : []),
  ];
}

function ingressAddOns(settings: Settings): AddOn[] {
  const { certificate } = settings.ingress;
  const controller = controllers[controllerOf(settings.ingress)];
  const objects = controller.objects?.(ingressNeeds(settings)) ?? [];
  const kinds = new Map(
    objects.map(({ kind, apiVersion: version, remedy }) => [kind, { kind, version, remedy }]),
  );
  return [
    ...kinds.values(),
    ...(certificate?.issuer === undefined && certificate?.clusterIssuer === undefined
      ? []
      : [
          {
            kind: certificate.issuer === undefined ? 'ClusterIssuer' : 'Issuer',
            version: 'cert-manager.io/v1',
            remedy: 'install cert-manager, or use mlflow-stack:ingress.tls',
          },
        ]),
  ];
}

export async function missingApis(view: ClusterView, settings: Settings): Promise<string[]> {
  const checks = addOns(settings).map(async ({ kind, version, remedy }) => {
    const found = await view.read<{ resources?: { kind: string }[] }>(`/apis/${version}`, `${kind}s`);
    return found === unreadable || found?.resources?.some((resource) => resource.kind === kind)
      ? []
      : [`the cluster does not know the kind ${kind} (${version}); ${remedy}`];
  });
  return (await Promise.all(checks)).flat();
}
