// npm run restart: new pods for the server, without a change of its settings.
import { command } from './lib/command.ts';
import { openStack } from './lib/stack.ts';

const COMMAND = {
  usage: 'npm run restart -- [OPTIONS]',
  about:
    "Replaces the server's pods by new ones of the same kind, and waits until they are ready. Later updates leave it at that.",
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
  },
} as const;

await command(COMMAND, async (options, { signal }) => {
  const { name, settings, service, kubectl } = await openStack(options.stack);
  const server = `deployment/${service.name}`;
  const run = async (...command: string[]) => {
    const { exitCode, stderr } = await kubectl(['rollout', ...command], {
      reject: false,
      cancelSignal: signal,
      stdout: 'inherit',
    });
    signal.throwIfAborted();
    return exitCode === 0 ? undefined : stderr.trim();
  };
  const refused = await run('restart', server);
  if (refused !== undefined)
    throw new Error(`The server of stack ${name} could not be restarted: ${refused}`);
  const late = await run('status', server, `--timeout=${settings.server.timeoutSeconds}s`);
  if (late !== undefined)
    throw new Error(
      `The server of stack ${name} is not ready again (${late}): npm run doctor -- --stack ${name}`,
    );
});
