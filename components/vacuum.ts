import type * as pulumi from '@pulumi/pulumi';
import { CronJob } from '@pulumi/kubernetes/batch/v1/cronJob.js';
import { objectLabels } from '../lib/labels.ts';
import { plainVariables, containerBasics, podBasics, secretVariables } from '../lib/pod.ts';
import type { Variables } from './connections.ts';
import { cronJobSpec } from './cron-job.ts';
import { workloadAccount } from './service-account.ts';

export interface VacuumArgs {
  readonly namespace: pulumi.Input<string>;
  /** Image with `psql`. */
  readonly image: string;
  readonly imagePullSecrets: readonly string[];
  /** User and group of the process. */
  readonly user: number;
  /** Five cron fields, in UTC. */
  readonly schedule: string;
  /** How libpq finds the database. */
  readonly database: Variables;
}

/** A network plug-in may take some seconds to let a new pod through its policies. */
const vacuumScript = `
timeout 120 bash -c 'until pg_isready --quiet; do sleep 1; done'
exec psql --no-psqlrc --set ON_ERROR_STOP=1 --command 'VACUUM (ANALYZE)'`;

/** Gives the space of deleted rows back for reuse, and the planner fresh figures, also where autovacuum does not get to. */
export function vacuumCronJob(name: string, args: VacuumArgs, parent: pulumi.Resource): void {
  const component = 'postgres-vacuum';
  const serviceAccount = workloadAccount(name, { ...args, component }, parent);
  const labels = objectLabels(component);
  new CronJob(
    `${name}-cron-job`,
    {
      metadata: { name, namespace: args.namespace, labels },
      spec: cronJobSpec({
        schedule: args.schedule,
        timeZone: 'Etc/UTC',
        suspend: false,
        deadlineSeconds: 6 * 3600,
        component,
        pod: {
          metadata: { labels },
          spec: {
            ...podBasics({ ...args, serviceAccount: serviceAccount.metadata.name }),
            containers: [
              {
                name: 'vacuum',
                image: args.image,
                command: ['bash', '-c', vacuumScript],
                env: [
                  { name: 'PGAPPNAME', value: 'vacuum' },
                  ...plainVariables(args.database.settings),
                  ...secretVariables(args.database.secrets),
                ],
                resources: { requests: { cpu: '50m', memory: '32Mi' }, limits: { memory: '128Mi' } },
                ...containerBasics,
              },
            ],
          },
        },
      }),
    },
    { parent },
  );
}
