// npm run verify-secret: looks whether the Secrets and ConfigMaps that a stack file names are there, with the right keys and
// values of the right form. The program checks the same before it changes anything; this tells it while one makes them.
import { relative } from 'node:path';
import { type Finding, inspectReferences } from '../cluster/checks/references.ts';
import { clusterView } from '../cluster/view.ts';
import { stackFile } from './lib/engine.ts';
import { command } from './lib/command.ts';
import { projectDir } from './lib/paths.ts';
import { readSettings } from './lib/settings.ts';
import { inCluster } from './lib/stack.ts';
import { chosenStack } from './lib/target.ts';

const COMMAND = {
  usage: 'npm run verify-secret -- [OPTIONS]',
  about: 'Checks the Secrets and ConfigMaps that a stack file names.',
  options: {
    stack: { value: 'NAME', help: 'the stack whose file is read (default: the selected one)' },
    'config-file': { value: 'PATH', help: "another file with a stack's settings" },
  },
} as const;

await command(COMMAND, async (options) => {
  const stack = chosenStack(options.stack);
  const file = options['config-file'] ?? stackFile(stack);
  const settings = readSettings(file);
  const findings = await inCluster(stack, settings, (client) =>
    inspectReferences(clusterView(client), settings),
  );
  if (findings.length === 0) {
    console.log(`${relative(projectDir, file)} names no Secret and no ConfigMap.`);
    return;
  }
  for (const line of new Set(findings.map(describe))) console.log(line);
  return findings.every(({ mistake, unread }) => mistake === undefined && unread !== true) ? 0 : 1;
});

function describe({ reference, key, mistake, unread, awaited }: Finding): string {
  if (mistake !== undefined) return `✗ ${mistake}`;
  const what = `${reference.kind} "${reference.name}"${key === undefined ? '' : `, key "${key}"`}`;
  const named = `(mlflow-stack:${reference.setting})`;
  if (awaited === true) return `✓ ${what} is made by the next up (mlflow-stack:externalSecrets) ${named}`;
  return unread === true ? `? ${what} cannot be read with your log-in ${named}` : `✓ ${what} ${named}`;
}
