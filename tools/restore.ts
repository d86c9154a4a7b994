// npm run restore: brings a backup back into the databases of a stack.
import { existsSync } from 'node:fs';
import { backupUri, findPassphrase, passphraseVariable, withBackupPod } from './lib/backups.ts';
import { command } from './lib/command.ts';
import { type Source, restore } from './lib/restoring.ts';
import { openStack } from './lib/stack.ts';

const COMMAND = {
  usage: 'npm run restore -- BACKUP [OPTIONS]',
  about: `Brings a backup back: a file, or a scheduled one by its name, or \`latest\`.`,
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
    replace: { help: 'replace databases that are not empty, after a backup of them' },
    to: { value: 'FOLDER', help: 'where that backup is put (default: the current folder)' },
    'passphrase-file': { value: 'FILE', help: `what locks the keys in it (or: ${passphraseVariable})` },
  },
  takesWords: true,
  afterInterruption: 'Interrupted. Unless it said that all is restored, the databases are as they were.',
} as const;

await command(COMMAND, async (options, { signal, words, help }) => {
  const [given] = words;
  if (given === undefined || words.length > 1) {
    console.log(help);
    return 1;
  }
  const source = sourceOf(given);
  const stack = await openStack(options.stack);
  if ('name' in source) backupUri(stack);
  const passphrase = await findPassphrase(stack, options['passphrase-file']);
  await withBackupPod(stack, signal, (pod) =>
    restore(stack, pod, source, {
      signal,
      replace: options.replace ?? false,
      folder: options.to ?? '.',
      passphrase,
      say: (text) => console.log(text),
    }),
  );
  console.log(`Restored. The server of stack ${stack.name} runs again.`);
});

/** Scheduled backups have no folder in their names. */
function sourceOf(given: string): Source {
  if (existsSync(given)) return { file: given };
  if (given === 'latest' || /^mlflow-\d{8}T\d{6}Z\.tar$/.test(given)) return { name: given };
  throw new Error(
    `There is no file ${given}; \`npm run backup -- --list\` shows what else can be brought back.`,
  );
}
