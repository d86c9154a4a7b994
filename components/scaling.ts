// How many pods there are, where they run, and how many may be missing.
import type * as pulumi from '@pulumi/pulumi';
import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import { HorizontalPodAutoscaler } from '@pulumi/kubernetes/autoscaling/v2/horizontalPodAutoscaler.js';
import { PodDisruptionBudget } from '@pulumi/kubernetes/policy/v1/podDisruptionBudget.js';
import type { autoscaling, core } from '@pulumi/kubernetes/types/input.js';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import { serverComponent as component } from '../lib/names.ts';

export interface ScalingArgs {
  /** Pods, where no autoscaler decides. */
  readonly replicas: number;
  readonly autoscaling: {
    readonly enabled: boolean;
    /** `horizontal`: more pods; `vertical`: larger ones. */
    readonly kind: 'horizontal' | 'vertical';
    readonly min: number;
    readonly max: number;
    /** Per cent of the requested processor time at which pods are added. */
    readonly cpuPercent: number;
    /** The same for memory. Default: memory does not count. */
    readonly memoryPercent?: number | undefined;
  };
  /** Pods that a drain may take away at a time, where there are several. */
  readonly maxUnavailable: number | 'none';
  /** Whether several pods are spread over zones and nodes, as far as that is possible. */
  readonly spread: boolean;
}

const isSeveral = ({ replicas, autoscaling }: ScalingArgs): boolean =>
  (autoscaling.enabled && autoscaling.kind === 'horizontal' ? autoscaling.max : replicas) > 1;

/** Autoscaler and disruption budget, as far as they are asked for. */
export function scale(
  name: string,
  args: ScalingArgs,
  namespace: pulumi.Input<string>,
  parent: pulumi.Resource,
): void {
  const metadata = { name, namespace, labels: objectLabels(component) };
  if (isSeveral(args) && args.maxUnavailable !== 'none') {
    new PodDisruptionBudget(
      `${name}-disruption-budget`,
      {
        metadata,
        spec: { maxUnavailable: args.maxUnavailable, selector: { matchLabels: selectorLabels(component) } },
      },
      { parent },
    );
  }
  if (!args.autoscaling.enabled) return;
  if (args.autoscaling.kind === 'vertical') verticalAutoscaler(name, metadata, parent);
  else horizontalAutoscaler(name, args.autoscaling, metadata, parent);
}

function horizontalAutoscaler(
  name: string,
  { min, max, cpuPercent, memoryPercent }: ScalingArgs['autoscaling'],
  metadata: { name: string; namespace: pulumi.Input<string>; labels: Record<string, string> },
  parent: pulumi.Resource,
): void {
  const metric = (resource: string, averageUtilization: number): autoscaling.v2.MetricSpec => ({
    type: 'Resource',
    resource: { name: resource, target: { type: 'Utilization', averageUtilization } },
  });
  new HorizontalPodAutoscaler(
    `${name}-autoscaler`,
    {
      metadata,
      spec: {
        scaleTargetRef: target(name),
        minReplicas: min,
        maxReplicas: max,
        metrics: [
          metric('cpu', cpuPercent),
          ...(memoryPercent === undefined ? [] : [metric('memory', memoryPercent)]),
        ],
      },
    },
    { parent },
  );
}

/** https://github.com/kubernetes/autoscaler/tree/master/vertical-pod-autoscaler, an add-on of the cluster. */
function verticalAutoscaler(
  name: string,
  metadata: { name: string; namespace: pulumi.Input<string>; labels: Record<string, string> },
  parent: pulumi.Resource,
): void {
  new CustomResource(
    `${name}-autoscaler`,
    {
      apiVersion: 'autoscaling.k8s.io/v1',
      kind: 'VerticalPodAutoscaler',
      metadata,
      spec: { targetRef: target(name), updatePolicy: { updateMode: 'Auto' } },
    },
    { parent },
  );
}

const target = (name: string) => ({ apiVersion: 'apps/v1', kind: 'Deployment', name });

/** Soft: a cluster with one node runs all pods there. */
export function spreadConstraints(
  args: ScalingArgs,
  matchLabels: Record<string, string>,
): core.v1.TopologySpreadConstraint[] {
  if (!args.spread || !isSeveral(args)) return [];
  return ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels },
  }));
}
