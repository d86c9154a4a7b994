// npm run db:size: how large the databases of a stack are, and which of their tables. Asks from the server's pod, which can
// reach every kind of database.
import { filesPath } from '../lib/pod.ts';
import { command } from './lib/command.ts';
import { openStack } from './lib/stack.ts';

const COMMAND = {
  usage: 'npm run db:size -- [OPTIONS]',
  about: 'Prints the size of the databases.',
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
    json: { help: 'print [[database, bytes, [[table, bytes], ...]], ...] for programs' },
  },
} as const;

/** Tables shown per database. */
const TOP = 15;

type Size = readonly [database: string, bytes: number, tables: readonly (readonly [string, number])[]];

await command(COMMAND, async (options, { signal }) => {
  const { name, service, kubectl } = await openStack(options.stack);
  const { stdout, stderr, exitCode } = await kubectl(
    ['exec', `deployment/${service.name}`, '--', 'python3', `${filesPath}/database_size.py`],
    { reject: false, cancelSignal: signal },
  );
  if (exitCode !== 0) throw new Error(`The server of stack ${name} could not be asked: ${stderr}`);
  if (options.json) console.log(stdout);
  else (JSON.parse(stdout) as Size[]).forEach(print);
});

function print([database, bytes, tables]: Size): void {
  console.log(`${database}: ${mebibytes(bytes)}`);
  for (const [table, size] of tables.slice(0, TOP)) console.log(`  ${table.padEnd(40)} ${mebibytes(size)}`);
  if (tables.length > TOP) console.log(`  and ${tables.length - TOP} smaller tables`);
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1).padStart(10)} MiB`;
}
