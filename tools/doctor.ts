// npm run doctor: names the cause of what is wrong with a stack, and the next command.
import { inspectReferences } from '../cluster/checks/references.ts';
import { clusterView } from '../cluster/view.ts';
import type { Settings } from '../config.ts';
import { diagnose, obstacleToPods } from './doctor/diagnose.ts';
import { type Commands, type Finding, commandsFor } from './doctor/finding.ts';
import { type Check, checkFindings, checkStores } from './doctor/inside.ts';
import { type Patient, waitingPods } from './doctor/pods.ts';
import { LOCAL_STACK, stackFile } from './lib/engine.ts';
import { command } from './lib/command.ts';
import { isNothing, observe } from './lib/observation.ts';
import { readSettings } from './lib/settings.ts';
import { inCluster, kubectlOf, notUp, openStack } from './lib/stack.ts';
import { sentence } from './lib/steps.ts';
import { chosenStack } from './lib/target.ts';
import { coloured } from './lib/text.ts';

const COMMAND = {
  usage: 'npm run doctor -- [OPTIONS]',
  about: `Looks for the cause of what is wrong: first at what Kubernetes tells, then, from a pod like the server's, at database and
artifact store. Ends with 0 when it finds nothing, and with 1 when it does or cannot look.`,
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
    outside: { help: 'only look at it from outside, without a pod in the cluster' },
    json: { help: 'print {findings, checks} for programs' },
  },
} as const;

await command(COMMAND, async (options, { signal }) => {
  const stack = chosenStack(options.stack);
  const settings = readSettings(stackFile(stack));
  const { findings, commands, canStartPods } = await outside(stack, settings);
  const checks = options.outside || !canStartPods ? [] : await inside(stack, signal);
  if (checks instanceof Error) findings.push(notExamined(checks, commands));
  else findings.push(...news(findings, checkFindings(checks, settings, commands)));
  const done = checks instanceof Error ? [] : checks;

  if (options.json) console.log(JSON.stringify({ stack, findings, checks: done }, null, 2));
  else console.log(report(findings, done));
  return findings.length === 0 ? 0 : 1;
});

/** What Kubernetes tells, and the Secrets that settings name. */
async function outside(
  stack: string,
  settings: Settings,
): Promise<{ findings: Finding[]; commands: Commands; canStartPods: boolean }> {
  const { seen, references, commands } = await inCluster(stack, settings, async (client, context) => ({
    seen: await observe(client, stack, settings),
    references: await inspectReferences(clusterView(client), settings),
    commands: commandsFor(stack, context, settings.namespace.name, stack === LOCAL_STACK),
  }));
  const mistakes = new Map(
    references.flatMap(({ reference, mistake }) => (mistake ? [[mistake, reference.name]] : [])),
  );
  if (isNothing(seen) && mistakes.size === 0) throw notUp(stack);
  const waiting: Record<string, string> = {};
  for (const pod of waitingPods(seen.pods)) {
    const { stdout } = await kubectlOf(
      stack,
      settings,
      ['logs', pod, '--container', 'wait-for-database', '--tail=1'],
      { reject: false },
    );
    waiting[pod] = stdout || 'waiting for the database';
  }
  const patient: Patient = { seen, settings, commands, waiting, now: Date.now() };
  const findings = diagnose(
    patient,
    [...mistakes].map(([mistake, about]) => {
      const [cause = '', remedy = ''] = mistake.split('; ');
      return {
        id: 'secret-missing',
        about,
        what: 'the settings name what is not there, or not as it should be',
        cause,
        next: `${remedy}, then check it with ${commands.verifySecret}`,
      };
    }),
  );
  const canStartPods = seen.server !== undefined && obstacleToPods(findings) === undefined;
  return { findings, commands, canStartPods };
}

/** What a pod sees, or why there can be none. */
async function inside(stack: string, signal: AbortSignal): Promise<Check[] | Error> {
  try {
    return await checkStores(await openStack(stack), signal);
  } catch (error) {
    signal.throwIfAborted();
    return new Error(sentence(error));
  }
}

function notExamined({ message }: Error, { kubectl }: Commands): Finding {
  return {
    id: 'not-examined',
    what: 'database and artifact store could not be looked at from inside the cluster',
    cause: message,
    next: `${kubectl} get pods`,
  };
}

/** The pods may have told it already. */
function news(findings: readonly Finding[], more: readonly Finding[]): Finding[] {
  return more.filter(({ id }) => !findings.some((each) => each.id === id));
}

function report(findings: readonly Finding[], checks: readonly Check[]): string {
  const lines = checks.map(({ store, check, ok, detail }) =>
    ok
      ? `${coloured('green', '✓')} ${store}: ${check}: ${detail}`
      : `${coloured('red', '✗')} ${store}: ${check}: ${detail}`,
  );
  const texts = findings.map(({ id, what, cause, next }) =>
    [
      `${coloured('red', `✗ ${what}`)} ${coloured('dim', `(docs/operations.md#${id})`)}`,
      ...`cause: ${cause}`.split('\n').map((line) => `  ${line}`),
      `  next:  ${next}`,
    ].join('\n'),
  );
  const verdict = findings.length === 0 ? coloured('green', 'Nothing is wrong.') : '';
  return [lines.join('\n'), ...texts, verdict].filter((part) => part !== '').join('\n\n');
}
