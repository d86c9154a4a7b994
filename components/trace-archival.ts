// TraceArchival: moves the spans of old traces from the database, where they are large, to the artifact store.
import * as pulumi from '@pulumi/pulumi';
import { CronJob } from '@pulumi/kubernetes/batch/v1/cronJob.js';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import { mlflowPod } from '../lib/pod.ts';
import type { ArtifactConnection, PodRuntime, ServiceConnection } from './connections.ts';
import { cronJobSpec } from './cron-job.ts';
import { workloadAccount } from './service-account.ts';

export interface TraceArchivalArgs {
  readonly runtime: PodRuntime;
  readonly artifacts: ArtifactConnection;
  /** The server, whose schema a run works with. */
  readonly service: ServiceConnection;
  /** Five cron fields. */
  readonly schedule: string;
  /** Age at which spans move, such as `30d`. */
  readonly retention: string;
  /** Traces per run at most. */
  readonly maxTraces: number;
}

/** A CronJob that does what MLflow's job runner would do, without the runner's processes in every server. */
export class TraceArchival extends pulumi.ComponentResource {
  constructor(name: string, args: TraceArchivalArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:TraceArchival', name, args, opts);
    const { artifacts } = args;
    const { namespace } = args.service;
    const labels = objectLabels(component);
    const serviceAccount = workloadAccount(
      name,
      { namespace, component, identity: args.runtime.identities[component] },
      this,
    );
    const pod = mlflowPod(args.runtime, {
      component,
      name: 'trace-archival',
      serviceAccount: serviceAccount.metadata.name,
      script: 'archive_traces',
      args: [],
      env: [
        { name: 'ARCHIVE_LOCATION', value: pulumi.output(artifacts.uri).apply(archiveLocation) },
        { name: 'ARCHIVE_RETENTION', value: args.retention },
        { name: 'ARCHIVE_MAX_TRACES', value: String(args.maxTraces) },
      ],
      secrets: artifacts.secrets,
      mounts: artifacts,
      resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
      tmpSize: '1Gi',
    });
    new CronJob(
      `${name}-cron-job`,
      {
        metadata: { name, namespace, labels, annotations: overruleOthers },
        spec: cronJobSpec({
          schedule: args.schedule,
          timeZone: 'Etc/UTC',
          suspend: false,
          deadlineSeconds: 5 * 3600,
          component,
          pod,
        }),
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

const component = 'trace-archival';

/** MLflow wants a URI, also for a folder. */
function archiveLocation(uri: string): string {
  return `${uri.startsWith('/') ? `file://${uri}` : uri}/archived-traces`;
}
