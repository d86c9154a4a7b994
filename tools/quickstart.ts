// npm run quickstart: from a fresh machine to an MLflow that a real client has used.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imagesFor } from './images/index.ts';
import { readEndpoint, smoke, update, type Endpoint } from './lib/deploy.ts';
import { answers, ensureForwards, forwardedPorts, type Forward } from './lib/forward.ts';
import { command } from './lib/command.ts';
import { stateDir } from './lib/paths.ts';
import { clientSteps, embeddedSteps, logDir } from './lib/plan.ts';
import { stackFile } from './lib/engine.ts';
import { problems } from './lib/preflight.ts';
import { acquireLock } from './lib/process.ts';
import { readSettings } from './lib/settings.ts';
import type { Step } from './lib/step.ts';
import { duration, runSteps } from './lib/steps.ts';
import {
  QUICKSTART,
  ingressPort,
  quickstartTarget,
  setIngressPort,
  writeContextStackFile,
} from './lib/target.ts';
import { toolPath } from './toolchain/index.ts';

const COMMAND = {
  usage: 'npm run quickstart -- [OPTIONS]',
  about: 'Brings up MLflow on Kubernetes and uses it once.',
  options: {
    context: {
      value: 'NAME',
      help: 'deploy to this context of your kubeconfig instead of an embedded cluster',
    },
    port: { value: 'PORT', help: 'local port of MLflow (default 5000)' },
    'ingress-port': {
      value: 'PORT',
      help: 'local port of the embedded Ingress (default: as in Pulumi.local.yaml, 8080)',
    },
  },
  afterInterruption: 'Interrupted. Type the same command again: it continues where it stopped.',
} as const;

/** The Ingress controller of the embedded cluster. */
const TRAEFIK = { namespace: 'traefik', service: 'traefik', servicePort: 80 };

await command(COMMAND, async (options, { signal }) => {
  const start = performance.now();
  const embedded = options.context === undefined;
  const target = quickstartTarget(options.context);
  const { stack } = target;
  const port = parsePort('--port', options.port) ?? 5000;
  const chosenIngressPort = parsePort('--ingress-port', options['ingress-port']);
  if (!embedded && chosenIngressPort)
    throw new Error('--ingress-port is for the embedded cluster only; leave it out.');
  const webPort = embedded ? ingressPort(chosenIngressPort) : undefined;

  const lock = acquireLock(join(stateDir(QUICKSTART), 'lock'));
  if (typeof lock !== 'function')
    throw new Error(`Another quickstart is at work (process ${lock.pid}). Wait for it, or end it.`);
  const ownPorts = forwardedPorts(QUICKSTART, stack);
  const ports = [{ port, option: '--port' }];
  if (webPort !== undefined) ports.push({ port: webPort, option: '--ingress-port' });
  const found = await problems({ embedded, context: options.context, ports, ownPorts });
  if (found.length > 0)
    throw new Error(`Nothing was changed, because:\n${found.map((problem) => `  - ${problem}`).join('\n')}`);
  if (chosenIngressPort !== undefined) setIngressPort(chosenIngressPort);
  if (!embedded) writeContextStackFile(target);

  const url = `http://127.0.0.1:${port}`;
  // Says that a smoke run passed since the last change.
  const passed = join(stateDir(QUICKSTART), `verified-${stack}`);
  let endpoint: Endpoint | undefined;
  let verified: string[] = [];
  const deployment: Step[] = [
    {
      title: `pulumi up (stack ${stack})`,
      estimate: 60,
      async run(context) {
        const changed = await update(QUICKSTART, stack, 'up', ['--skip-preview'], context);
        if (changed) rmSync(passed, { force: true });
        endpoint = await readEndpoint(QUICKSTART, stack);
      },
    },
    {
      title: 'Local ports',
      async run(context) {
        if (endpoint === undefined) return;
        const forwards: Forward[] = [{ ...endpoint.service, localPort: port }];
        if (webPort !== undefined && endpoint.ingressHost) forwards.push({ ...TRAEFIK, localPort: webPort });
        const { kubeconfig = process.env.KUBECONFIG } = target;
        const plan = {
          kubectl: toolPath('kubectl'),
          context: target.context,
          forwards,
          ...(kubeconfig && { kubeconfig }),
        };
        await ensureForwards(QUICKSTART, stack, plan, context.signal);
      },
    },
    {
      title: 'Smoke run with an MLflow client',
      async run(context) {
        // Nothing to find out again, and a run more in the UI at every start would be a nuisance.
        if (existsSync(passed) && (await answers(port))) return;
        const ingress = webPort !== undefined && endpoint?.ingressHost;
        verified = await smoke(
          url,
          ingress ? { url: `http://127.0.0.1:${webPort}`, host: `${ingress}:${webPort}` } : undefined,
          context,
        );
        writeFileSync(passed, `${verified.join('\n')}\n`);
      },
    },
  ];
  const steps = embedded
    ? embeddedSteps([QUICKSTART], stack, imagesFor(readSettings(stackFile(stack))))
    : clientSteps(QUICKSTART, stack);
  await runSteps([...steps, ...deployment], { logDir: logDir(QUICKSTART), signal });

  const web =
    webPort !== undefined && endpoint?.ingressHost
      ? [`                    http://${endpoint.ingressHost}:${webPort} (through the Ingress)`]
      : [];
  const flag = embedded ? '' : ` --stack ${stack}`;
  const lines = [
    ...(verified.length > 0
      ? ['Verified with an MLflow client:', ...verified.map((check) => `  ✓ ${check}`)]
      : ['All was up and verified before; nothing was changed.']),
    '',
    `MLflow answers at   ${url}`,
    ...web,
    `From Python         export MLFLOW_TRACKING_URI=${url}`,
    `Change something    edit Pulumi.${stack}.yaml, then npm run pulumi -- preview${flag} and npm run pulumi -- up${flag}`,
    ...(embedded ? ['Look inside         npm run kubectl -- --namespace mlflow get pods'] : []),
    `Remove it all       npm run quickstart:down${embedded ? '' : ` -- --context ${target.context}`}`,
    '',
    `Done in ${duration((performance.now() - start) / 1000)}.`,
  ];
  console.log(`\n${lines.join('\n')}`);
});

function parsePort(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`${option} ${value} is no port: use a number from 1 to 65535.`);
  return port;
}
