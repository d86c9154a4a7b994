// A stack as its operators' commands see it, in good health but for what a test changes.
import type { Pod } from '../../../cluster/pods.ts';
import type { Observation } from '../../../tools/lib/observation.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export const now = Date.parse('2026-01-01T12:00:00Z');

const labels = (component: string, more: object = {}) => ({
  'app.kubernetes.io/component': component,
  ...more,
});

const metadata = (name: string, component: string, more: object = {}) => ({
  name,
  labels: labels(component),
  creationTimestamp: '2026-01-01T10:00:00Z',
  ...more,
});

export const ready = {
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True' }],
  containerStatuses: [{ name: 'mlflow', ready: true, restartCount: 0, state: { running: {} } }],
};

export const pod = (name: string, component: string, status: object = ready, more: object = {}): Pod => ({
  metadata: metadata(name, component, more),
  status,
});

/** A pod of a container that waits. */
export const waiting = (reason: string, message?: string, last?: object) => ({
  phase: 'Pending',
  containerStatuses: [
    {
      name: 'mlflow',
      restartCount: 3,
      state: { waiting: { reason, message } },
      lastState: last && { terminated: last },
    },
  ],
});

export const unschedulable = (message: string) => ({
  phase: 'Pending',
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
});

export const warning = (kind: string, name: string, reason: string, message: string) => ({
  reason,
  message,
  lastTimestamp: '2026-01-01T11:59:00Z',
  involvedObject: { kind, name },
});

export const job = (
  name: string,
  component: string,
  condition: { type: string; message?: string },
  more: object = {},
) => ({
  metadata: metadata(name, component, more),
  status: { startTime: '2026-01-01T11:00:00Z', conditions: [{ status: 'True', ...condition }] },
});

export const claim = (
  name: string,
  component: string,
  phase: string,
  spec: object = {},
  more: object = {},
) => ({
  metadata: metadata(name, component, more),
  spec: { storageClassName: 'standard', resources: { requests: { storage: '10Gi' } }, ...spec },
  status: { phase },
});

const service = (name: string, component: string, port: number) => ({
  metadata: metadata(name, component),
  spec: { type: 'ClusterIP', clusterIP: '10.0.0.1', ports: [{ port }] },
});

export const endpoints = (name: string, isReady = true) => ({
  metadata: { name: `${name}-x1`, labels: { 'kubernetes.io/service-name': name } },
  endpoints: [{ conditions: { ready: isReady } }],
});

export function observation(changes: Partial<Mutable<Observation>> = {}): Observation {
  return {
    server: {
      metadata: {
        ...metadata('mlflow', 'tracking-server'),
        generation: 2,
        annotations: {
          'mlflow-stack/mlflow-version': '3.17.2',
          'mlflow-stack/schema-revision': '0123456789ab',
        },
      },
      spec: { replicas: 1, template: { spec: { containers: [] } } },
      status: { observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1 },
    },
    statefulSets: [
      {
        metadata: metadata('mlflow-postgres', 'postgres'),
        spec: { replicas: 1 },
        status: { readyReplicas: 1 },
      },
    ],
    pods: [pod('mlflow-a', 'tracking-server'), pod('mlflow-postgres-0', 'postgres')],
    jobs: [job('mlflow-migration-1', 'migration', { type: 'Complete' })],
    cronJobs: [{ metadata: metadata('mlflow-gc', 'gc'), spec: { schedule: '0 2 * * 0' } }],
    claims: [
      claim('mlflow-artifacts', 'artifact-store', 'Bound'),
      claim('mlflow-postgres', 'postgres', 'Bound'),
    ],
    services: [service('mlflow', 'tracking-server', 5000), service('mlflow-postgres', 'postgres', 5432)],
    endpoints: [endpoints('mlflow'), endpoints('mlflow-postgres')],
    ingresses: [],
    routes: [],
    storageClasses: [
      {
        metadata: {
          name: 'standard',
          annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
        },
        provisioner: 'example.com/disk',
        volumeBindingMode: 'WaitForFirstConsumer',
      },
    ],
    nodes: [{ metadata: { name: 'node-1' }, status: { conditions: [{ type: 'Ready', status: 'True' }] } }],
    warnings: [],
    usage: [],
    unreadable: [],
    ...changes,
  };
}
