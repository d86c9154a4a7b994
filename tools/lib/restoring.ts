// How a backup comes back: all of it is made ready beside the databases, while the server runs; then everything that writes
// is stopped for the moment in which the new databases take the place of the old.
import { resetOptions } from '@pulumi/pulumi/runtime/settings.js';
import { loadCloud } from '../../clouds/index.ts';
import { type ClusterClient, clusterClient } from '../../cluster/client.ts';
import { connectionOf } from '../../cluster/kubeconfig.ts';
import type { Watch } from '../../cluster/migration-job.ts';
import { realClock } from '../../cluster/polling.ts';
import * as writers from '../../cluster/writers.ts';
import { loadCommand, postgresClient, python } from '../../lib/backup.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { ContactLost, backupUri, persistently, said, takeBackup } from './backups.ts';
import { engineEnvironment } from './engine.ts';
import type { MaintenancePod } from './maintenance-pod.ts';
import { type KeysOfBackup, exchangeWithKeys, missingKeys } from './restored-keys.ts';
import type { RunningStack } from './stack.ts';
import { QUICKSTART } from './target.ts';

/** A file on this machine, or the name of a scheduled backup. */
export type Source = { readonly file: string } | { readonly name: string };

export interface RestoreOptions {
  readonly signal: AbortSignal;
  /** Whether databases that hold something are replaced, after a backup of them. */
  readonly replace: boolean;
  /** Where that backup is put. */
  readonly folder: string;
  readonly passphrase: string | undefined;
  readonly say: (text: string) => void;
}

/** What restore.py tells of a backup and of the databases. */
interface Report {
  readonly manifest: { readonly created: string; readonly mlflow: string };
  readonly objections: readonly string[];
  /** Rows that users made, by table. */
  readonly holds: Readonly<Record<string, number>>;
  readonly keys: KeysOfBackup;
}

/** @throws Error with the reason; whatever it is, the databases are then as they were, and the server runs. */
export async function restore(
  stack: RunningStack,
  pod: MaintenancePod,
  source: Source,
  options: RestoreOptions,
): Promise<void> {
  const { signal, say } = options;
  const python_ = (...args: string[]) =>
    said(pod.exec('mlflow', python('restore', ...args), { cancelSignal: signal }));

  const report = await read(stack, pod, source, signal);
  const { created, mlflow } = report.manifest;
  say(`Backup of ${created}, MLflow ${mlflow}.`);
  const occupied = Object.keys(report.holds).length > 0;
  if (occupied && !options.replace) {
    throw new Error(
      `The databases of stack ${stack.name} are not empty (${contentOf(report.holds)}); ` +
        'with --replace they are replaced, after a backup of them. Nothing was changed.',
    );
  }
  const keys = await missingKeys(stack.settings, pod, report.keys, options);

  const progress = { exchanged: false };
  try {
    await python_('prepare');
    if (postgresClient(stack.settings) !== undefined)
      await said(pod.exec('client', loadCommand, { cancelSignal: signal }));
    await python_('complete');
    say('Everything is ready beside the databases; the server is stopped for the exchange.');
    await whileStopped(stack, say, async (client) => {
      if (occupied) {
        const { passphrase = '' } = options;
        const label = '-before-restore';
        const { file } = await takeBackup(stack, pod, options.folder, { label, passphrase, signal });
        say(`What was there before: ${file}`);
      }
      await exchangeWithKeys(client, stack.settings.namespace.name, keys, async () => {
        // With neither signal nor terminal, so that Ctrl-C waits until it is done.
        await persistently(() => pod.exec('mlflow', python('restore', 'exchange'), { detached: true }));
        progress.exchanged = true;
      });
    });
  } catch (error) {
    if (progress.exchanged) throw error;
    if (error instanceof ContactLost) throw new Error(lostIn(stack, pod), { cause: error });
    await python_('abandon').catch(() => undefined);
    throw new Error(`${(error as Error).message}\nThe databases are as they were.`, { cause: error });
  }
}

const lostIn = ({ name }: RunningStack, pod: MaintenancePod): string =>
  `Pod ${pod.name} could not be reached any more while databases were exchanged. They are those of the backup or those of ` +
  `before, whole in either case: restore again, with --replace, for those of the backup with their keys (stack ${name}).`;

async function read(
  stack: RunningStack,
  pod: MaintenancePod,
  source: Source,
  signal: AbortSignal,
): Promise<Report> {
  const { stdout } = await said(
    'file' in source
      ? pod.exec('mlflow', python('restore', 'receive'), { inputFile: source.file, cancelSignal: signal })
      : pod.exec(
          'mlflow',
          ['env', `BACKUP_URI=${backupUri(stack)}`, ...python('restore', 'fetch', source.name)],
          { cancelSignal: signal },
        ),
  );
  const report = JSON.parse(stdout) as Report;
  if (report.objections.length > 0)
    throw new Error(
      `This backup cannot be restored here:\n${report.objections.join('\n')}\nNothing was changed.`,
    );
  return report;
}

const contentOf = (holds: Report['holds']): string =>
  Object.entries(holds)
    .slice(0, 4)
    .map(([table, rows]) => `${table}: ${rows}`)
    .join(', ');

/** Stops everything that writes to the databases, and starts it again in any case. */
async function whileStopped(
  stack: RunningStack,
  say: (text: string) => void,
  action: (client: ClusterClient) => Promise<void>,
): Promise<void> {
  const { name, settings } = stack;
  // Labels of the stack's pods are made of both.
  resetOptions(packageJson.name, name, -1, '', '', false, '');
  // For stack `local` the embedded cluster's, as when the program runs.
  const { KUBECONFIG } = engineEnvironment(QUICKSTART, name);
  if (KUBECONFIG !== undefined) process.env.KUBECONFIG = KUBECONFIG;
  const access = await (await loadCloud(settings)).cluster();
  const client = clusterClient(await connectionOf(access), () => connectionOf(access));
  const watch: Watch = {
    client,
    namespace: settings.namespace.name,
    clock: realClock,
    say: async (text) => say(text),
  };
  try {
    try {
      await writers.stop(watch);
      await action(client);
    } finally {
      await writers.restart(watch);
    }
    const problem = await writers.notReady(watch, settings.server.timeoutSeconds);
    if (problem !== undefined) throw new Error(`The databases are restored, but the server ${problem}`);
  } finally {
    client.close();
  }
}
