// Which workloads need something of the cloud: files in the bucket, a log-in to the managed database. Each is known to the
// cloud by a ServiceAccount of its own, and gets no more than it needs.
import type { Settings } from '../settings/index.ts';
import { serverComponent, serviceAccounts } from './names.ts';

export interface WorkloadRights {
  /** Label `app.kubernetes.io/component` of its pods. */
  readonly component: keyof typeof serviceAccounts;
  /** Kubernetes ServiceAccount of its pods. */
  readonly serviceAccount: string;
  /** Whether it reads, writes and deletes files in the bucket. */
  readonly artifacts: boolean;
}

/** Every workload that runs MLflow: each connects to the database. */
export function workloadRights(settings: Settings): WorkloadRights[] {
  const { artifactStore, backup, gc, migrations, traceArchival } = settings;
  const of = (component: keyof typeof serviceAccounts, artifacts: boolean) => ({
    component,
    serviceAccount: serviceAccounts[component],
    artifacts,
  });
  return [
    of(serverComponent, true),
    ...(migrations.enabled ? [of('migration', false)] : []),
    // In mode proxy the server deletes files for garbage collection.
    ...(gc.enabled ? [of('gc', artifactStore.mode === 'direct')] : []),
    ...(traceArchival.enabled ? [of('trace-archival', true)] : []),
    ...(backup.enabled ? [of('backup', backup.destination === 'artifactStore')] : []),
  ];
}
