// npm run backup: a dump of a stack's databases, in a file; or the scheduled backups, listed or made now.
import {
  backupUri,
  findPassphrase,
  listBackups,
  needsPassphrase,
  passphraseVariable,
  runScheduledBackup,
  takeBackup,
  withBackupPod,
} from './lib/backups.ts';
import { command } from './lib/command.ts';
import { openStack } from './lib/stack.ts';

const COMMAND = {
  usage: 'npm run backup -- [OPTIONS]',
  about: 'Dumps the databases of a stack into a dated file.',
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
    to: { value: 'FOLDER', help: 'where the file is put (default: the current folder)' },
    'passphrase-file': { value: 'FILE', help: `what locks the keys in it (or: ${passphraseVariable})` },
    now: { help: 'make a scheduled backup now, where those are kept' },
    list: { help: 'list the scheduled backups, the newest first' },
    json: { help: 'print the result for programs' },
  },
  afterInterruption: 'Interrupted; no backup was made.',
} as const;

await command(COMMAND, async (options, { signal }) => {
  const stack = await openStack(options.stack);
  const print = (result: unknown, text: string) =>
    console.log(options.json ? JSON.stringify(result, null, 2) : text);
  if (options.now) {
    const said = await runScheduledBackup(stack, signal);
    print({ log: said.split('\n') }, said);
  } else if (options.list) {
    backupUri(stack);
    const found = await withBackupPod(stack, signal, (pod) => listBackups(stack, pod, signal));
    const lines = found.map(([name, bytes]) => `${name}  ${size(bytes).padStart(12)}`);
    print(
      found.map(([name, bytes]) => ({ name, bytes })),
      lines.join('\n') || 'There are none yet.',
    );
  } else {
    const passphrase = await findPassphrase(stack, options['passphrase-file']);
    if (passphrase === undefined && needsPassphrase(stack)) {
      throw new Error(
        `Without its keys nobody could read the encrypted values in a backup; give a passphrase to lock them with: ` +
          `--passphrase-file FILE, or the variable ${passphraseVariable}.`,
      );
    }
    const { file, bytes } = await withBackupPod(stack, signal, (pod) =>
      takeBackup(stack, pod, options.to ?? '.', { ...(passphrase && { passphrase }), signal }),
    );
    print({ file, bytes }, `${file}  ${size(bytes)}\nBring it back with: npm run restore -- ${file}`);
  }
});

function size(bytes: number): string {
  return bytes < 2 ** 20 ? `${(bytes / 2 ** 10).toFixed(0)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
