// The Job that brings the database to the schema of the server's image, before a server of that image starts.
import type * as pulumi from '@pulumi/pulumi';
import { Job } from '@pulumi/kubernetes/batch/v1/job.js';
import { shortHash } from '../lib/hash.ts';
import { objectLabels } from '../lib/labels.ts';
import { mlflowPod, plainVariables } from '../lib/pod.ts';
import { scripts } from '../lib/scripts.ts';
import type { MlflowServerArgs } from './mlflow-server.ts';
import { workloadAccount } from './service-account.ts';
import { noVariables } from './sign-in.ts';

const component = 'migration';

/**
 * Runs once per image, databases, users and `runId`, which its name is made of: nothing else makes it run again. The update
 * stops when the Job fails, and the server of before goes on.
 */
export function migrationJob(
  name: string,
  args: MlflowServerArgs,
  ready: pulumi.Output<string>,
  parent: pulumi.Resource,
): Job {
  const { runtime, rollout } = args;
  const labels = objectLabels(component);
  const serviceAccount = workloadAccount(
    name,
    { namespace: runtime.namespace, component, identity: runtime.identities[component] },
    parent,
  );
  const hash = migrationHash(args);
  const users = args.auth?.migration ?? noVariables;
  return new Job(
    name,
    {
      metadata: {
        name: rollout.migrationName(name, hash),
        namespace: runtime.namespace,
        labels,
        annotations: {
          // Watched by the rollout itself, which has to start the old server again when the Job fails.
          'pulumi.com/skipAwait': 'true',
          'mlflow-stack/ready': ready,
        },
      },
      spec: {
        backoffLimit: 3,
        // What the migration itself refuses is not tried again: the server is stopped meanwhile.
        podFailurePolicy: {
          rules: [
            {
              action: 'FailJob',
              onExitCodes: { containerName: 'migration', operator: 'In', values: [1] },
            },
          ],
        },
        activeDeadlineSeconds: args.timeoutSeconds,
        ttlSecondsAfterFinished: 86_400,
        template: mlflowPod(runtime, {
          component,
          name: 'migration',
          serviceAccount: serviceAccount.metadata.name,
          script: 'migrate',
          args: [],
          env: [
            {
              name: 'MIGRATION_SNAPSHOT',
              value: args.migrations.snapshot && args.instance === undefined ? 'copy' : 'skip',
            },
            ...plainVariables(users.settings),
          ],
          secrets: users.secrets,
          first: runtime.setup,
          resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '1Gi' } },
          tmpSize: '256Mi',
          pod: { restartPolicy: 'Never' },
        }),
      },
    },
    {
      parent,
      // A Job that has succeeded stays as it was, whatever has changed in its pod since.
      ignoreChanges: rollout.isDone(hash) ? ['metadata', 'spec'] : [],
    },
  );
}

/** Everything that makes a migration run. */
function migrationHash({ runtime, migrations }: MlflowServerArgs): string {
  const { image } = runtime;
  const { inputs, runId } = migrations;
  return shortHash({ image, inputs, runId, script: scripts['migrate.py'] });
}
