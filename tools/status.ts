// npm run status: what there is of a stack in its cluster, and whether it is ready.
import { stackFile } from './lib/engine.ts';
import { main } from './lib/main.ts';
import { isNothing, observe } from './lib/observation.ts';
import { helpText, parseOptions } from './lib/options.ts';
import { readSettings } from './lib/settings.ts';
import { inCluster, notUp } from './lib/stack.ts';
import { statusOf, statusText } from './lib/status.ts';
import { chosenStack } from './lib/target.ts';

const OPTIONS = {
  stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
  json: { help: 'print it as one JSON object for programs' },
  help: { help: 'show this text' },
} as const;

const USAGE = `npm run status -- [OPTIONS]

Shows pods, Services, claims, ways in, the last Jobs and the latest warnings.
Ends with 0 when all is ready, and with 1 when it is not or cannot be seen.

${helpText(OPTIONS)}`;

await main(async (args) => {
  const options = parseOptions(OPTIONS, args);
  if (options.help) {
    console.log(USAGE);
    return;
  }
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
