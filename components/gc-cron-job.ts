// GcCronJob: removes for good what users have deleted, rows and files alike.
import * as pulumi from '@pulumi/pulumi';
import { CronJob } from '@pulumi/kubernetes/batch/v1/cronJob.js';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import { type Resources, mlflowPod, plainVariables } from '../lib/pod.ts';
import type {
  ArtifactConnection,
  PodRuntime,
  SecretKey,
  ServiceConnection,
  Variables,
} from './connections.ts';
import { cronJobSpec } from './cron-job.ts';
import { workloadAccount } from './service-account.ts';
import { noVariables } from './sign-in.ts';

export interface GcCronJobArgs {
  readonly runtime: PodRuntime;
  /** The server that holds the artifacts: files are deleted through it, with its rights. */
  readonly service: ServiceConnection;
  /** Where files are deleted without the server, in mode `direct`. */
  readonly artifacts: ArtifactConnection;
  /** How gc logs in, where the server asks. */
  readonly logIn?: Variables | undefined;
  /** Whether to clean all workspaces, and not only the default one. */
  readonly workspaces: boolean;
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
  readonly resources: Resources;
  /** Seconds after which a run is ended. */
  readonly deadlineSeconds: number;
}

/** A CronJob that runs `mlflow gc`, never twice at the same time. */
export class GcCronJob extends pulumi.ComponentResource {
  /** Name of the CronJob, to start a run from by hand. */
  public readonly cronJobName: pulumi.Output<string>;

  constructor(name: string, args: GcCronJobArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:GcCronJob', name, args, opts);
    const { namespace } = args.service;
    const labels = objectLabels(component);
    const serviceAccount = workloadAccount(
      name,
      { namespace, component, identity: args.runtime.identities[component] },
      this,
    );
    const cronJob = new CronJob(
      `${name}-cron-job`,
      {
        metadata: { name, namespace, labels, annotations: overruleOthers },
        spec: cronJobSpec({
          ...args,
          component,
          pod: gcPod(args, serviceAccount.metadata.name),
        }),
      },
      { parent: this },
    );
    this.cronJobName = cronJob.metadata.name;
    this.registerOutputs({ cronJobName: this.cronJobName });
  }
}

const component = 'gc';

const serverCaFolder = '/etc/mlflow-stack/server-ca';
/** Without the server's key beside it. */
const serverCaVolume = ({ secretName, key }: SecretKey): core.v1.Volume => ({
  name: 'server-ca',
  secret: { secretName, items: [{ key, path: key }] },
});

function gcPod(args: GcCronJobArgs, serviceAccount: pulumi.Input<string>): ReturnType<typeof mlflowPod> {
  const { artifacts, logIn = noVariables, service } = args;
  return mlflowPod(args.runtime, {
    component,
    name: 'gc',
    serviceAccount,
    script: 'collect_garbage',
    args: [
      ...(args.olderThan === 'all' ? [] : ['--older-than', args.olderThan]),
      ...(args.workspaces ? ['--all-workspaces'] : []),
      ...(args.jobs ? ['--jobs'] : []),
    ],
    env: [
      { name: 'MLFLOW_TRACKING_URI', value: service.url },
      // Listing and deleting a run of many files takes the server longer than the client's two minutes: mlflow/mlflow#12005.
      { name: 'MLFLOW_HTTP_REQUEST_TIMEOUT', value: '600' },
      ...(service.ca === undefined
        ? []
        : [{ name: 'MLFLOW_TRACKING_SERVER_CERT_PATH', value: `${serverCaFolder}/${service.ca.key}` }]),
      ...plainVariables(logIn.settings),
    ],
    secrets: {
      ...(artifacts.mode === 'direct' ? artifacts.secrets : {}),
      ...logIn.secrets,
    },
    mounts: {
      volumes: [
        ...(artifacts.mode === 'direct' ? artifacts.volumes : []),
        ...(service.ca === undefined ? [] : [serverCaVolume(service.ca)]),
      ],
      volumeMounts: [
        ...(artifacts.mode === 'direct' ? artifacts.volumeMounts : []),
        ...(service.ca === undefined
          ? []
          : [{ name: 'server-ca', mountPath: serverCaFolder, readOnly: true }]),
      ],
    },
    resources: args.resources,
    tmpSize: '256Mi',
  });
}
