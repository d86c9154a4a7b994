// npm run render: the manifests of a stack as YAML. The program runs against stand-ins for engine, cluster and cloud, so it
// needs none of them, changes nothing and asks for no log-in.
import { warnings } from '../lib/warnings.ts';
import { command } from './lib/command.ts';
import { pulumi, stackFile } from './lib/engine.ts';
import { ensureEngine } from './lib/plan.ts';
import { type Config, encrypted, readConfig, settingsOf } from './lib/settings.ts';
import { QUICKSTART, chosenStack } from './lib/target.ts';
import { isSecret, newFolder, writeFiles } from './render/files.ts';
import { knownAfterApply, render, yamlOf } from './render/manifests.ts';
import { foundInCloud } from './render/providers.ts';

const COMMAND = {
  usage: 'npm run render -- [OPTIONS]',
  about: `Writes the Kubernetes objects of a stack as YAML, without a cluster, a cloud or a state, and changes none of them.
What only an update makes reads ${knownAfterApply}, what is looked up in the cloud ${foundInCloud}.`,
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
    'config-file': { value: 'PATH', help: "another file with the stack's settings" },
    out: {
      value: 'DIR',
      help: 'a new or empty folder for one file per object (default: all on standard output)',
    },
    secrets: { help: 'Secrets, too: in plain text, generated ones anew' },
  },
} as const;

await command(COMMAND, async (options, { signal }) => {
  const { out, secrets = false } = options;
  const stack = chosenStack(options.stack);
  const file = options['config-file'] ?? stackFile(stack);
  const given = readConfig(file);
  const doubts = warnings(settingsOf(given));
  if (out !== undefined) newFolder(out);
  const config = secrets ? await decrypted(given, { stack, file, signal }) : given;
  const { manifests, others } = await render(config, { stack, secrets });
  const written = manifests.filter((each) => secrets || !isSecret(each));
  if (out === undefined) console.log(written.map(yamlOf).join('---\n').trimEnd());
  else {
    writeFiles(out, written);
    console.log(`${written.length} files written to ${out}.`);
  }
  for (const text of doubts) console.error(`Warning: ${text}`);
  const left = manifests.filter((each) => !written.includes(each)).map(({ id }) => id);
  if (left.length > 0) console.error(`Left out, unless --secrets is given: ${left.join(', ')}.`);
  if (others > 0)
    console.error(`Not among them: ${others} resources of the cloud, which are no objects of Kubernetes.`);
});

interface Source {
  readonly stack: string;
  readonly file: string;
  readonly signal: AbortSignal;
}

/** Only Pulumi can decrypt settings, with the passphrase or key of the stack. */
async function decrypted(given: Config, { stack, file, signal }: Source): Promise<Config> {
  if (!JSON.stringify(given).includes(encrypted)) return given;
  await ensureEngine(QUICKSTART, signal);
  const { stdout, stderr, exitCode } = await pulumi(
    QUICKSTART,
    stack,
    ['config', '--json', '--show-secrets', '--stack', stack, '--config-file', file],
    { reject: false, cancelSignal: signal },
  );
  if (exitCode !== 0)
    throw new Error(`The encrypted settings in ${file} cannot be read: ${String(stderr).trim()}`);
  const known = JSON.parse(String(stdout)) as Record<string, { value: string }>;
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [key, parsed(known[key]?.value) ?? value]),
  );
}

/** Structured values come as JSON, all else as text. */
function parsed(value: string | undefined): unknown {
  try {
    return JSON.parse(value ?? 'null');
  } catch {
    return value;
  }
}
