// BackupCronJob: dumps the databases on schedule, for what no copy on the same disk helps against.
import * as pulumi from '@pulumi/pulumi';
import { CronJob } from '@pulumi/kubernetes/batch/v1/cronJob.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { backupsBeside, backupsPath, dumpCommand, passphraseKey, python } from '../lib/backup.ts';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import { names } from '../lib/names.ts';
import { mlflowPod, plainVariables } from '../lib/pod.ts';
import { type StorageArgs, dataClaim } from './claim.ts';
import type { ArtifactConnection, Mounts, PodRuntime, SecretKey, Variables } from './connections.ts';
import { cronJobSpec } from './cron-job.ts';
import { workloadAccount } from './service-account.ts';

export interface BackupCronJobArgs extends StorageArgs {
  readonly runtime: PodRuntime;
  readonly artifacts: ArtifactConnection;
  /** The server's keys, of which those that data is encrypted with go into the backup. */
  readonly keys: Variables;
  /** Five cron fields. */
  readonly schedule: string;
  /** IANA time zone of the schedule. */
  readonly timeZone: string;
  /** How many of the newest are kept. */
  readonly keep: number;
  /** `artifactStore`: a folder beside that of the artifacts. `claim`: a claim of its own, for which `size` and the like are. */
  readonly destination: 'artifactStore' | 'claim';
  /** Locks the keys in a backup. Default: they are left out. */
  readonly passphrase?: pulumi.Input<string> | undefined;
  /** Existing Secret with that passphrase. */
  readonly passphraseFrom?: SecretKey | undefined;
  /** Image with `pg_dump`, no older than the server; undefined where no database is of PostgreSQL. */
  readonly clientImage: string | undefined;
  /** Room for the dump and its archive, up to twice the size of a backup. */
  readonly tmpSize: string;
}

/** A CronJob that leaves one archive a run, and deletes the oldest. */
export class BackupCronJob extends pulumi.ComponentResource {
  /** Name of the CronJob, to start a run from by hand. */
  public readonly cronJobName: pulumi.Output<string>;
  /** Where the archives are. */
  public readonly uri: pulumi.Output<string>;

  constructor(name: string, args: BackupCronJobArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:BackupCronJob', name, recordedArgs(args), opts);
    const { artifacts, destination, namespace } = args;
    this.uri = pulumi.output(destination === 'claim' ? backupsPath : artifacts.uri).apply(uriOf[destination]);
    const serviceAccount = workloadAccount(
      name,
      { namespace, component, identity: args.runtime.identities[component] },
      this,
    );
    const { MLFLOW_CRYPTO_KEK_PASSPHRASE, MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY } = args.keys.secrets;
    const passphrase = passphraseSource(name, args, this);
    const resources = { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } };
    const pod = mlflowPod(args.runtime, {
      component,
      name: 'backup',
      serviceAccount: serviceAccount.metadata.name,
      before: [
        { name: 'prepare', command: python('backup', 'prepare'), resources },
        ...(args.clientImage === undefined
          ? []
          : [{ name: 'dump', image: args.clientImage, command: dumpCommand, resources }]),
      ],
      script: 'backup',
      args: ['store'],
      env: [
        { name: 'BACKUP_URI', value: this.uri },
        { name: 'BACKUP_KEEP', value: String(args.keep) },
        ...plainVariables(args.keys.settings),
      ],
      secrets: {
        ...(destination === 'artifactStore' ? artifacts.secrets : {}),
        ...(MLFLOW_CRYPTO_KEK_PASSPHRASE && { MLFLOW_CRYPTO_KEK_PASSPHRASE }),
        ...(MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY && { MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY }),
        ...(passphrase && { BACKUP_PASSPHRASE: passphrase }),
      },
      mounts: destination === 'claim' ? claimMounts(args, this) : artifacts,
      resources,
      tmpSize: args.tmpSize,
    });
    const cronJob = new CronJob(
      `${name}-cron-job`,
      {
        metadata: { name, namespace, labels: objectLabels(component), annotations: overruleOthers },
        spec: cronJobSpec({ ...args, suspend: false, deadlineSeconds: 6 * 3600, component, pod }),
      },
      { parent: this },
    );
    this.cronJobName = cronJob.metadata.name;
    this.registerOutputs({ cronJobName: this.cronJobName, uri: this.uri });
  }
}

const component = 'backup';

const uriOf = { artifactStore: backupsBeside, claim: (path: string) => path } as const;

/** Args as the state keeps them. */
function recordedArgs({ passphrase, ...args }: BackupCronJobArgs): pulumi.Inputs {
  return passphrase === undefined ? args : { ...args, passphrase: pulumi.secret(passphrase) };
}

function claimMounts(args: BackupCronJobArgs, parent: pulumi.Resource): Mounts {
  const claim = dataClaim(
    names.backups,
    { ...args, name: names.backups, component, accessMode: 'ReadWriteOnce' },
    parent,
  );
  return {
    volumes: [{ name: 'backups', persistentVolumeClaim: { claimName: claim.metadata.name } }],
    volumeMounts: [{ name: 'backups', mountPath: backupsPath }],
  };
}

/** By a name that commands know, too: a backup is read by whoever may read this Secret. */
function passphraseSource(
  name: string,
  { passphrase, passphraseFrom, namespace }: BackupCronJobArgs,
  parent: pulumi.Resource,
): SecretKey | undefined {
  if (passphrase === undefined) return passphraseFrom;
  const secret = new Secret(
    `${name}-passphrase`,
    {
      metadata: {
        name,
        namespace,
        labels: objectLabels(component),
        annotations: overruleOthers,
      },
      type: 'Opaque',
      stringData: { [passphraseKey]: pulumi.secret(passphrase) },
    },
    { parent },
  );
  return { secretName: secret.metadata.name, key: passphraseKey };
}
