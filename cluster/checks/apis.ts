import type { Settings } from '../../config.ts';
import { type ClusterView, unreadable } from '../view.ts';

/** Kinds that only an add-on brings, and the setting that asks for them. */
const addOns = [
  {
    kind: 'ServiceMonitor',
    version: 'monitoring.coreos.com/v1',
    wanted: ({ metrics }: Settings) => metrics.enabled && metrics.discovery === 'serviceMonitor',
    remedy: 'install the Prometheus Operator, or set mlflow-stack:metrics.discovery to annotations',
  },
  {
    kind: 'VerticalPodAutoscaler',
    version: 'autoscaling.k8s.io/v1',
    wanted: ({ autoscaling }: Settings) => autoscaling.enabled && autoscaling.kind === 'vertical',
    remedy: 'install the Vertical Pod Autoscaler, or set mlflow-stack:autoscaling.kind to horizontal',
  },
] as const;

export async function missingApis(view: ClusterView, settings: Settings): Promise<string[]> {
  const checks = addOns
    .filter(({ wanted }) => wanted(settings))
    .map(async ({ kind, version, remedy }) => {
      const found = await view.read<{ resources?: { kind: string }[] }>(`/apis/${version}`, `${kind}s`);
      return found === unreadable || found?.resources?.some((resource) => resource.kind === kind)
        ? []
        : [`the cluster does not know the kind ${kind} (${version}); ${remedy}`];
    });
  return (await Promise.all(checks)).flat();
}
