// npm run status: what there is of a stack in its cluster, and whether it is ready.
import { stackFile } from './lib/engine.ts';
import { command } from './lib/command.ts';
import { isNothing, observe } from './lib/observation.ts';
import { readSettings } from './lib/settings.ts';
import { inCluster, notUp } from './lib/stack.ts';
import { statusOf, statusText } from './lib/status.ts';
import { chosenStack } from './lib/target.ts';

const COMMAND = {
  usage: 'npm run status -- [OPTIONS]',
  about: `Shows pods, Services, claims, ways in, the last Jobs and the latest warnings.
Ends with 0 when all is ready, and with 1 when it is not or cannot be seen.`,
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
    json: { help: 'print it as one JSON object for programs' },
  },
} as const;

await command(COMMAND, async (options) => {
  const stack = chosenStack(options.stack);
  const settings = readSettings(stackFile(stack));
  const { seen, context } = await inCluster(stack, settings, async (client, context) => ({
    seen: await observe(client, stack, settings),
    context,
  }));
  if (isNothing(seen)) throw notUp(stack);
  const status = statusOf(seen);
  const where = { stack, context, namespace: settings.namespace.name };
  if (options.json) console.log(JSON.stringify({ ...where, ...status }, null, 2));
  else {
    console.log(`Stack ${stack}, namespace ${where.namespace}, context ${context}\n`);
    console.log(statusText(status, Date.now()));
  }
  return status.ready ? 0 : 1;
});
