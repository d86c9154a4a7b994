// Backups of a stack's databases: taken, listed, and what it takes to read them again.
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExecaError } from 'execa';
import { backupsPath, dumpCommand, passphraseKey, postgresClient, python } from '../../lib/backup.ts';
import { names } from '../../lib/names.ts';
import { type MaintenancePod, withMaintenancePod } from './maintenance-pod.ts';
import { meter } from './meter.ts';
import type { RunningStack } from './stack.ts';

/** Another source of the passphrase than a file. */
export const passphraseVariable = 'MLFLOW_BACKUP_PASSPHRASE';

/** A pod that can take and read the backups of a stack. */
export async function withBackupPod<T>(
  stack: RunningStack,
  signal: AbortSignal,
  action: (pod: MaintenancePod) => Promise<T>,
): Promise<T> {
  const { backendStore, backup } = stack.settings;
  if (backendStore.kind === 'external' && backendStore.dialect !== 'postgresql') {
    const tools = { mysql: 'mysqldump and mysql', mssql: 'BACKUP DATABASE and RESTORE DATABASE' };
    throw new Error(
      `Stack ${stack.name} keeps its data in ${backendStore.dialect}, which only its own tools can dump: ${tools[backendStore.dialect]}, or the backups of its server.`,
    );
  }
  const clientImage = postgresClient(stack.settings);
  const options = {
    signal,
    ...(clientImage !== undefined && { clientImage }),
    tmpSize: backup.tmpSize,
    ...(backup.enabled && backup.destination === 'claim' && { mounts: claimMounts }),
    deadlineSeconds: 6 * 3600,
  };
  return await withMaintenancePod(stack, options, action);
}

const claimMounts = {
  volumes: [{ name: 'backups', persistentVolumeClaim: { claimName: names.backups } }],
  volumeMounts: [{ name: 'backups', mountPath: backupsPath }],
};

/** What locks the keys in a backup: of a file, a variable, or the Secret of the scheduled backups. */
export async function findPassphrase(
  stack: RunningStack,
  file: string | undefined,
): Promise<string | undefined> {
  if (file !== undefined) {
    if (!existsSync(file)) throw new Error(`There is no file ${file} with a passphrase.`);
    return nonEmpty(readFileSync(file, 'utf8').trim(), file);
  }
  const inEnvironment = process.env[passphraseVariable];
  if (inEnvironment !== undefined) return nonEmpty(inEnvironment, passphraseVariable);
  const { enabled, passphraseFrom } = stack.settings.backup;
  if (!enabled) return undefined;
  const { secretName, key } = passphraseFrom ?? { secretName: names.backup, key: passphraseKey };
  const args = ['get', 'secret', secretName, '--ignore-not-found', '--output', 'json'];
  const { exitCode, stdout, stderr } = await stack.kubectl(args, { reject: false });
  if (exitCode !== 0)
    throw new Error(`Secret "${secretName}" with the passphrase could not be read: ${stderr.trim()}`);
  const { data = {} } = (stdout === '' ? {} : JSON.parse(stdout)) as { data?: Record<string, string> };
  const value = data[key];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
}

function nonEmpty(passphrase: string, source: string): string {
  if (passphrase === '') throw new Error(`The passphrase in ${source} is empty.`);
  return passphrase;
}

/** Whether a backup without a passphrase would lack what it cannot be read without. */
export const needsPassphrase = ({ settings: { secrets } }: RunningStack): boolean =>
  secrets.kekPassphraseFrom === undefined || secrets.webhookKeyFrom === undefined;

/** Dumps the databases of a stack into a new file, under whose name there is all of it or nothing. */
export async function takeBackup(
  stack: RunningStack,
  pod: MaintenancePod,
  folder: string,
  { label = '', passphrase = '', signal }: { label?: string; passphrase?: string; signal: AbortSignal },
): Promise<{ file: string; bytes: number }> {
  await said(pod.exec('mlflow', python('backup', 'prepare'), { cancelSignal: signal }));
  if (postgresClient(stack.settings) !== undefined)
    await said(pod.exec('client', dumpCommand, { cancelSignal: signal }));
  mkdirSync(folder, { recursive: true });
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const file = join(folder, `${stack.name}${label}-${time}.tar`);
  const unfinished = `${file}.unfinished`;
  try {
    const bytes = await receive(pod, passphrase, unfinished, signal);
    renameSync(unfinished, file);
    return { file, bytes };
  } finally {
    rmSync(unfinished, { force: true });
  }
}

async function receive(
  pod: MaintenancePod,
  passphrase: string,
  file: string,
  signal: AbortSignal,
): Promise<number> {
  const received = meter();
  const child = pod.exec('mlflow', python('backup', 'pack'), {
    input: passphrase,
    buffer: { stdout: false },
    cancelSignal: signal,
  });
  const written = pipeline(child.stdout, received.stream, createWriteStream(file, { mode: 0o600 })).catch(
    (error: unknown) => {
      child.kill();
      const reason = reasonOf(error as NodeJS.ErrnoException);
      throw new Error(`${file} could not be written: ${reason}`, { cause: error });
    },
  );
  // Of two that fail together, the writer knows why.
  const packing = said(child).catch(async (error: unknown) => {
    await written;
    throw error;
  });
  const [{ stderr }] = await Promise.all([packing, written]);
  // A connection may end early and silently.
  if (!stderr.includes(received.digest())) throw new Error(`${file} did not arrive complete; try again.`);
  return received.bytes();
}

/** Why a file could not be written. */
export const reasonOf = ({ code, message }: NodeJS.ErrnoException): string =>
  code === 'ENOSPC' ? 'no space is left on its disk' : message;

/** Where the scheduled backups of a stack are. */
export function backupUri({ name, outputs }: RunningStack): string {
  const { backupUri: uri } = outputs;
  if (typeof uri !== 'string')
    throw new Error(
      `Stack ${name} makes no backups by schedule: mlflow-stack:backup.enabled, see docs/backup.md.`,
    );
  return uri;
}

/** Names and sizes of the scheduled backups, the newest first. */
export async function listBackups(
  stack: RunningStack,
  pod: MaintenancePod,
  signal: AbortSignal,
): Promise<[name: string, bytes: number][]> {
  const command = ['env', `BACKUP_URI=${backupUri(stack)}`, ...python('backup', 'list')];
  const { stdout } = await said(pod.exec('mlflow', command, { cancelSignal: signal }));
  return JSON.parse(stdout) as [string, number][];
}

interface Job {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Starts a run of the CronJob and waits for its end; gives back what it said. */
export async function runScheduledBackup(stack: RunningStack, signal: AbortSignal): Promise<string> {
  backupUri(stack);
  const job = `${names.backup}-${Date.now().toString(36)}`;
  const options = { cancelSignal: signal };
  await stack.kubectl(['create', 'job', job, `--from=cronjob/${names.backup}`], options);
  for (;;) {
    const { stdout } = await stack.kubectl(['get', `job/${job}`, '--output', 'json'], options);
    const { status } = JSON.parse(stdout) as Job;
    const ended = status?.conditions?.find(
      (condition) => condition.status === 'True' && ['Complete', 'Failed'].includes(condition.type),
    );
    if (ended !== undefined) {
      const logs = ['logs', `job/${job}`, '--all-containers', '--tail=20'];
      const { stdout: said } = await stack.kubectl(logs, { ...options, reject: false });
      if (ended.type === 'Failed') throw new Error(`The backup (Job ${job}) failed:\n${said}`);
      return said;
    }
    await sleep(1000, undefined, { signal });
  }
}

/** Nobody knows any more how a command in a pod went. */
export class ContactLost extends Error {}

const ATTEMPTS = 10;

/**
 * Runs a command that must not be left half done, and that goes on where it was when it is run again: as often as kubectl
 * ends before the command itself does. An interruption does not reach it.
 *
 * @throws ContactLost when the pod was out of reach throughout.
 */
export async function persistently(
  run: () => Promise<{ stdout?: unknown; stderr?: unknown }>,
  pauseMilliseconds = 3000,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run();
      return;
    } catch (error) {
      // What kubectl adds to what a command has said that failed.
      if (!(error instanceof ExecaError) || /command terminated with exit code/.test(String(error.stderr)))
        throw failureOf(error);
      if (attempt === ATTEMPTS) throw new ContactLost(error.shortMessage, { cause: error });
      await sleep(pauseMilliseconds);
    }
  }
}

/** Waits for a command in a pod. When it fails, the error has what the command itself said. */
export async function said(
  running: Promise<{ stdout?: unknown; stderr?: unknown }>,
): Promise<{ stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await running;
    return { stdout: String(stdout), stderr: String(stderr) };
  } catch (error) {
    throw failureOf(error);
  }
}

/** An error for people. */
function failureOf(error: unknown): unknown {
  if (!(error instanceof ExecaError) || error.isCanceled) return error;
  const text = String(error.stderr);
  if (/can't open file/.test(text))
    return new Error(
      'The stack was deployed before it had this command; update it first: npm run pulumi -- up',
      { cause: error },
    );
  if (error.exitCode === 137)
    return new Error(
      'The pod was ended; where the databases are large, raise mlflow-stack:backup.tmpSize and try again.',
      { cause: error },
    );
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^command terminated with exit code|Warning: |^ {2}/.test(line));
  return new Error(lines.slice(-5).join('\n') || error.shortMessage, { cause: error });
}
