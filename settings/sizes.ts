// Settings whose defaults depend on others, resolved once, so that nothing else has to know the rules.
import { cloudPlans } from '../clouds/plans.ts';
import { connectionPlan } from '../lib/connection-budget.ts';
import type { RawSettings, Settings } from './index.ts';

interface Size {
  readonly workers: number;
  readonly resources: {
    readonly requests: { readonly cpu: string; readonly memory: string };
    readonly limits: { readonly cpu?: string; readonly memory: string };
  };
  readonly tmpSize: string;
}

/** docs/performance.md has the measurements that these follow from. */
const sizes = {
  small: {
    workers: 1,
    resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '1Gi' } },
    tmpSize: '1Gi',
  },
  medium: {
    workers: 1,
    resources: { requests: { cpu: '500m', memory: '1.5Gi' }, limits: { memory: '3Gi' } },
    tmpSize: '2Gi',
  },
  large: {
    workers: 2,
    resources: { requests: { cpu: '1', memory: '3Gi' }, limits: { memory: '6Gi' } },
    tmpSize: '10Gi',
  },
} as const satisfies Record<string, Size>;

export const sizeNames = ['small', 'medium', 'large'] as const;

/** Fills in what was left out. */
export function resolve(raw: RawSettings): Settings {
  const { server, autoscaling } = raw;
  const plan = cloudPlans[raw.cloud];
  const size: Size = sizes[server.size];
  const high = raw.availability === 'high';
  const replicas = server.replicas ?? (high ? 2 : 1);
  const backendKind = raw.backendStore.kind ?? plan.defaults.backendStore;
  const min = autoscaling.min ?? replicas;
  const scaled = {
    ...raw,
    dataProtection: raw.dataProtection ?? plan.defaults.dataProtection,
    artifactStore: { ...raw.artifactStore, kind: raw.artifactStore.kind ?? plan.defaults.artifactStore },
    backendStore: {
      ...raw.backendStore,
      kind: backendKind,
      maxConnections: raw.backendStore.maxConnections ?? plan.maxConnections(raw) ?? 100,
      highAvailability: raw.backendStore.highAvailability ?? high,
      sslMode: raw.backendStore.sslMode ?? (backendKind === 'rds' ? 'verify-full' : 'require'),
    },
    identity: { ...raw.identity, secretName: raw.identity.secretName ?? plan.defaults.credentials },
    server: {
      ...server,
      replicas,
      workers: server.workers ?? size.workers,
      tmpSize: server.tmpSize ?? size.tmpSize,
      resources: {
        requests: {
          cpu: server.resources.requests.cpu ?? size.resources.requests.cpu,
          memory: server.resources.requests.memory ?? size.resources.requests.memory,
        },
        limits: {
          cpu: server.resources.limits.cpu ?? size.resources.limits.cpu,
          memory: server.resources.limits.memory ?? size.resources.limits.memory,
        },
      },
    },
    autoscaling: {
      ...autoscaling,
      enabled: autoscaling.enabled ?? high,
      min,
      max: autoscaling.max ?? 2 * min,
    },
  };
  const { poolSize, maxOverflow } = connectionPlan(scaled);
  return { ...scaled, server: { ...scaled.server, poolSize, maxOverflow } };
}
