// How many pods there may be, and what they ask of the stores.
import { canRoll, connectionPlan } from '../../lib/connection-budget.ts';
import type { Settings } from '../index.ts';
import { sentences, severalPods } from './rule.ts';

export function scaling(settings: Settings): string[] {
  const { availability, server, autoscaling, backendStore, artifactStore, workspaces } = settings;
  const several = severalPods(settings) !== undefined;
  const asked = `${severalPods(settings)}${availability === 'high' ? ' (availability is high)' : ''}`;
  const plan = connectionPlan(settings);
  return sentences([
    [
      several && backendStore.kind === 'sqlite',
      `${asked}, but backendStore.kind sqlite serves one pod only; use postgres, or 1 pod`,
    ],
    [
      several && backendStore.kind !== 'sqlite' && !canRoll(settings),
      `${asked}, but artifactStore.accessMode ${artifactStore.accessMode} ties the claim to one node; use ReadWriteMany, kind s3Compatible, or 1 pod`,
    ],
    [
      autoscaling.enabled && autoscaling.min > autoscaling.max,
      `autoscaling.min is ${autoscaling.min}, more than autoscaling.max, ${autoscaling.max}; raise max or lower min`,
    ],
    [
      several && server.jobs,
      `${asked}, but server.jobs is true, and each pod would run every periodic job; use 1 pod, or leave jobs off`,
    ],
    [
      workspaces.enabled && backendStore.kind === 'sqlite',
      'workspaces.enabled needs PostgreSQL, MySQL or MSSQL, but backendStore.kind is sqlite; use postgres or external',
    ],
    [
      backendStore.kind !== 'sqlite' && plan.most > plan.available,
      `backendStore.maxConnections is ${backendStore.maxConnections}, of which ${plan.available} can be used, but the stack may open ${plan.arithmetic}; raise it, or lower replicas, workers or pools`,
    ],
  ]);
}
