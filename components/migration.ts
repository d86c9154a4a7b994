// The Job that brings the database to the schema of the server's image, before a server of that image starts.
import * as pulumi from '@pulumi/pulumi';
import { Job } from '@pulumi/kubernetes/batch/v1/job.js';
import { ServiceAccount } from '@pulumi/kubernetes/core/v1/serviceAccount.js';
import { shortHash } from '../lib/hash.ts';
import { objectLabels } from '../lib/labels.ts';
import { mlflowPodSpec } from '../lib/pod.ts';
import { migrateScript } from '../lib/scripts.ts';
import type { MlflowServerArgs } from './mlflow-server.ts';

/**
 * Runs once per image, database and `runId`, which its name is made of; what else changes its pod makes it look again,
 * which takes seconds. The update stops when the Job fails, and the server that runs stays as it is.
 */
export function migrationJob(name: string, args: MlflowServerArgs, parent: pulumi.Resource): Job {
  const labels = objectLabels('migration');
  const serviceAccount = new ServiceAccount(
    `${name}-service-account`,
    { metadata: { name, namespace: args.namespace, labels }, automountServiceAccountToken: false },
    { parent },
  );
  return new Job(
    name,
    {
      metadata: { name: jobName(name, args), namespace: args.namespace, labels },
      spec: {
        backoffLimit: 3,
        activeDeadlineSeconds: args.timeoutSeconds,
        template: {
          metadata: { labels },
          spec: {
            ...mlflowPodSpec({
              ...args,
              name: 'migration',
              serviceAccount: serviceAccount.metadata.name,
              command: ['python3', '-c', migrateScript],
              resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '1Gi' } },
              tmpSize: '256Mi',
              tmpStorageClassName: undefined,
            }),
            restartPolicy: 'Never',
          },
        },
      },
    },
    {
      parent,
      // A Job cannot be changed or run again: a new one takes its place, also where the last one failed.
      replaceOnChanges: ['*'],
      deleteBeforeReplace: true,
      customTimeouts: { create: `${args.timeoutSeconds}s` },
    },
  );
}

function jobName(name: string, { backend, image, migrations }: MlflowServerArgs): pulumi.Output<string> {
  const { host, port, database, user } = backend;
  return pulumi
    .output({ host, port, database, user })
    .apply((target) => `${name}-${shortHash({ target, image, runId: migrations.runId, migrateScript })}`);
}
