// GcCronJob: removes for good what users have deleted, rows and files alike.
import * as pulumi from '@pulumi/pulumi';
import { CronJob } from '@pulumi/kubernetes/batch/v1/cronJob.js';
import { ServiceAccount } from '@pulumi/kubernetes/core/v1/serviceAccount.js';
import { objectLabels } from '../lib/labels.ts';
import { backendStoreUri, mlflowPodSpec } from '../lib/pod.ts';
import type { BackendConnection, ServiceConnection } from './connections.ts';

export interface GcCronJobArgs {
  /** The server that holds the artifacts: files are deleted through it, with its rights. */
  readonly service: ServiceConnection;
  readonly backend: BackendConnection;
  /** The server's image: the versions must be the same. */
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly runAsUser: number | 'none';
  /** Five cron fields. */
  readonly schedule: string;
  /** IANA time zone of the schedule. */
  readonly timeZone: string;
  /** Age since deletion, such as `30d`; `all` for any age. */
  readonly olderThan: string;
  /** Keeps the CronJob but starts no run. */
  readonly suspend: boolean;
  /** Also removes finished jobs of MLflow's job runner. */
  readonly jobs: boolean;
}

/** A CronJob that runs `mlflow gc`, never twice at the same time. */
export class GcCronJob extends pulumi.ComponentResource {
  /** Name of the CronJob, to start a run from by hand. */
  public readonly cronJobName: pulumi.Output<string>;

  constructor(name: string, args: GcCronJobArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:GcCronJob', name, args, opts);
    const { namespace } = args.service;
    const labels = objectLabels('gc');
    const serviceAccount = new ServiceAccount(
      `${name}-service-account`,
      { metadata: { name, namespace, labels }, automountServiceAccountToken: false },
      { parent: this },
    );
    const cronJob = new CronJob(
      `${name}-cron-job`,
      {
        metadata: { name, namespace, labels },
        spec: {
          schedule: args.schedule,
          timeZone: args.timeZone,
          suspend: args.suspend,
          concurrencyPolicy: 'Forbid',
          successfulJobsHistoryLimit: 3,
          failedJobsHistoryLimit: 3,
          jobTemplate: {
            metadata: { labels },
            spec: {
              backoffLimit: 1,
              activeDeadlineSeconds: 6 * 3600,
              template: {
                metadata: { labels },
                spec: { ...gcPod(args, serviceAccount.metadata.name), restartPolicy: 'Never' },
              },
            },
          },
        },
      },
      { parent: this },
    );
    this.cronJobName = cronJob.metadata.name;
    this.registerOutputs({ cronJobName: this.cronJobName });
  }
}

function gcPod(args: GcCronJobArgs, serviceAccount: pulumi.Input<string>): ReturnType<typeof mlflowPodSpec> {
  return mlflowPodSpec({
    ...args,
    name: 'gc',
    serviceAccount,
    command: ['mlflow', 'gc'],
    args: [
      // gc has no variable for it.
      '--backend-store-uri',
      backendStoreUri,
      ...(args.olderThan === 'all' ? [] : ['--older-than', args.olderThan]),
      ...(args.jobs ? ['--jobs'] : []),
    ],
    env: [
      { name: 'MLFLOW_TRACKING_URI', value: args.service.url },
      // Listing and deleting a run of many files takes the server longer than the client's two minutes: mlflow/mlflow#12005.
      { name: 'MLFLOW_HTTP_REQUEST_TIMEOUT', value: '600' },
    ],
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: '500m', memory: '512Mi' } },
    tmpSize: '256Mi',
  });
}
