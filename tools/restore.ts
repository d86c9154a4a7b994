// npm run restore: brings a backup back into the databases of a stack.
import { existsSync } from 'node:fs';
import { backupUri, findPassphrase, passphraseVariable, withBackupPod } from './lib/backups.ts';
import { main } from './lib/main.ts';
import { helpText, parseOptions } from './lib/options.ts';
import { type Source, restore } from './lib/restoring.ts';
import { openStack } from './lib/stack.ts';

const OPTIONS = {
  stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
  replace: { help: 'replace databases that are not empty, after a backup of them' },
  to: { value: 'FOLDER', help: 'where that backup is put (default: the current folder)' },
  'passphrase-file': { value: 'FILE', help: `what locks the keys in it (or: ${passphraseVariable})` },
  help: { help: 'show this text' },
} as const;

const USAGE = `npm run restore -- BACKUP [OPTIONS]

Brings a backup back: a file, or a scheduled one by its name, or \`latest\`.

${helpText(OPTIONS)}`;

await main(async (args, signal) => {
  const words: string[] = [];
  const options = parseOptions(OPTIONS, args, words);
  const [given] = words;
  if (options.help || given === undefined || words.length > 1) {
    console.log(USAGE);
    return options.help ? 0 : 1;
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
}, 'Interrupted. Unless it said that all is restored, the databases are as they were.');

/** Scheduled backups have no folder in their names. */
function sourceOf(given: string): Source {
  if (existsSync(given)) return { file: given };
  if (given === 'latest' || /^mlflow-\d{8}T\d{6}Z\.tar$/.test(given)) return { name: given };
  throw new Error(
    `There is no file ${given}; \`npm run backup -- --list\` shows what else can be brought back.`,
  );
}
