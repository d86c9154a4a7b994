import type { batch, core } from '@pulumi/kubernetes/types/input.js';
import { objectLabels } from '../lib/labels.ts';

export interface CronJobArgs {
  /** Five cron fields. */
  readonly schedule: string;
  /** IANA time zone of the schedule. */
  readonly timeZone: string;
  /** Keeps the CronJob but starts no run. */
  readonly suspend: boolean;
  /** Seconds after which a run is ended. */
  readonly deadlineSeconds: number;
  readonly component: string;
  readonly pod: Omit<core.v1.PodTemplateSpec, 'spec'> & { readonly spec: core.v1.PodSpec };
}

/** Never two runs at once; the last three of either outcome stay for a week, with their logs. */
export function cronJobSpec(args: CronJobArgs): batch.v1.CronJobSpec {
  return {
    schedule: args.schedule,
    timeZone: args.timeZone,
    suspend: args.suspend,
    concurrencyPolicy: 'Forbid',
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 3,
    jobTemplate: {
      metadata: { labels: objectLabels(args.component) },
      spec: {
        backoffLimit: 1,
        activeDeadlineSeconds: args.deadlineSeconds,
        ttlSecondsAfterFinished: 7 * 86_400,
        template: { ...args.pod, spec: { ...args.pod.spec, restartPolicy: 'Never' } },
      },
    },
  };
}
