// npm run test-connection: uses an MLflow server once as a client would, and says which step fails and what to do.
import { testConnection, type StepResult } from './connection-test/steps.ts';
import type { Target } from './connection-test/client.ts';
import { whileForwarded } from './lib/forward.ts';
import { command } from './lib/command.ts';
import type { RunningStack } from './lib/stack.ts';

const COMMAND = {
  usage: 'npm run test-connection -- [OPTIONS]',
  about: `Checks health, log-in and version; creates an experiment and a run, writes and reads an artifact, and cleans up.
Logs in by MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; MLFLOW_WORKSPACE counts, too.
Ends with 1 when a step fails.`,
  options: {
    'tracking-uri': { value: 'URL', help: 'the server, as in MLFLOW_TRACKING_URI, which is the default' },
    stack: {
      value: 'NAME',
      help: "the server of this stack, by a port-forward past the way in, with the administrator's log-in",
    },
    json: { help: 'print a list of the steps for programs' },
  },
} as const;

await command(
  COMMAND,
  async ({ stack, json, 'tracking-uri': url = process.env.MLFLOW_TRACKING_URI }, { signal }) => {
    const results: StepResult[] = [];
    const report = (result: StepResult) => {
      results.push(result);
      if (!json) console.log(line(result));
    };
    const test = (target: Target) => testConnection(target, report, signal);
    const isFine =
      stack === undefined ? await test({ ...logIn(), url: checkedUrl(url) }) : await testStack(stack, test);
    if (json) console.log(JSON.stringify(results, null, 2));
    else console.log(isFine ? '\nAll is well.' : '\nThe first failed step says what to do.');
    return isFine ? 0 : 1;
  },
);

function line({ step, ok, note, seconds, error, remedy }: StepResult): string {
  if (!ok) return `✗ ${step}: ${error ?? ''}\n    ${remedy ?? ''}`;
  return `✓ ${step}${note === undefined ? '' : ` (${note})`}, ${seconds.toFixed(1)} s`;
}

function checkedUrl(url: string | undefined): string {
  if (url === undefined)
    throw new Error('Say which server: --tracking-uri URL, or --stack NAME for that of a stack. See --help.');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Error(`--tracking-uri ${url} is no address: it begins with http:// or https://.`);
  return url.replace(/\/+$/, '');
}

function logIn(): Omit<Target, 'url'> {
  const { env } = process;
  return {
    username: env.MLFLOW_TRACKING_USERNAME,
    password: env.MLFLOW_TRACKING_PASSWORD,
    token: env.MLFLOW_TRACKING_TOKEN,
    workspace: env.MLFLOW_WORKSPACE,
  };
}

/** Whatever the way in is, the server's Service is always there. */
async function testStack(name: string, test: (target: Target) => Promise<boolean>): Promise<boolean> {
  // Heavy, and not needed for a server by its address.
  const { openStack } = await import('./lib/stack.ts');
  const stack = await openStack(name);
  const { server, auth } = stack.settings;
  const given = logIn();
  const hasLogIn = given.token !== undefined || given.username !== undefined;
  const admin =
    hasLogIn || auth.kind !== 'basic'
      ? {}
      : { username: auth.adminUsername, password: await stack.secretOutput('adminPassword') };
  const tls = server.tls.enabled ? await serverTls(stack) : {};
  const scheme = server.tls.enabled ? 'https' : 'http';
  const child = stack.kubectl(['port-forward', `service/${stack.service.name}`, `:${stack.service.port}`], {
    reject: false,
  });
  return whileForwarded(child, (port) =>
    test({ ...given, ...admin, ...tls, url: `${scheme}://127.0.0.1:${port}${server.staticPrefix}` }),
  );
}

/** The authority that the server's own certificate is checked against, and the name that it is for. */
async function serverTls({ settings, service, kubectl }: RunningStack): Promise<Partial<Target>> {
  const { stdout } = await kubectl(['get', 'secret', settings.server.tls.secretName, '--output', 'json']);
  const { data } = JSON.parse(stdout) as { data: Record<string, string> };
  const ca = data['ca.crt'] ?? data['tls.crt'] ?? '';
  return { ca: Buffer.from(ca, 'base64').toString(), serverName: `${service.name}.${service.namespace}.svc` };
}
