// npm run db:size: how large the databases of a stack are, and which of their tables. Asks from the server's pod, which can
// reach every kind of database.
import { execa } from 'execa';
import { filesPath } from '../lib/pod.ts';
import { engineEnvironment, pulumi, stackFile } from './lib/engine.ts';
import { main } from './lib/main.ts';
import { helpText, parseOptions } from './lib/options.ts';
import { readSettings } from './lib/settings.ts';
import { QUICKSTART, chosenStack } from './lib/target.ts';
import { toolPath } from './toolchain/index.ts';

const OPTIONS = {
  stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
  json: { help: 'print [[database, bytes, [[table, bytes], ...]], ...] for programs' },
  help: { help: 'show this text' },
} as const;

/** Tables shown per database. */
const TOP = 15;

type Size = readonly [database: string, bytes: number, tables: readonly (readonly [string, number])[]];

await main(async (args, signal) => {
  const options = parseOptions(OPTIONS, args);
  if (options.help) {
    console.log(`npm run db:size -- [OPTIONS]\n\nPrints the size of the databases.\n\n${helpText(OPTIONS)}`);
    return;
  }
  const stack = chosenStack(options.stack);
  const { kubernetes } = readSettings(stackFile(stack));
  const { namespace, name } = await serviceOf(stack);
  const where = ['--context', kubernetes.context, '--namespace', namespace];
  const { stdout, stderr, exitCode } = await execa(
    toolPath('kubectl'),
    [...where, 'exec', `deployment/${name}`, '--', 'python3', `${filesPath}/database_size.py`],
    { env: engineEnvironment(QUICKSTART, stack), extendEnv: false, reject: false, cancelSignal: signal },
  );
  if (exitCode !== 0) throw new Error(`The server of stack ${stack} could not be asked: ${stderr}`);
  if (options.json) console.log(stdout);
  else (JSON.parse(stdout) as Size[]).forEach(print);
});

async function serviceOf(stack: string): Promise<{ namespace: string; name: string }> {
  const args = ['stack', 'output', '--json', '--stack', stack];
  // A stack that was never made has no outputs either.
  const { stdout, exitCode } = await pulumi(QUICKSTART, stack, args, { reject: false });
  const outputs = exitCode === 0 ? String(stdout) : '{}';
  const { service } = JSON.parse(outputs) as { service?: { namespace: string; name: string } };
  if (service === undefined)
    throw new Error(`Stack ${stack} is not up: npm run pulumi -- up --stack ${stack}`);
  return service;
}

function print([database, bytes, tables]: Size): void {
  console.log(`${database}: ${mebibytes(bytes)}`);
  for (const [table, size] of tables.slice(0, TOP)) console.log(`  ${table.padEnd(40)} ${mebibytes(size)}`);
  if (tables.length > TOP) console.log(`  and ${tables.length - TOP} smaller tables`);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1).padStart(10)} MiB`;
}
