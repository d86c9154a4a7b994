// A stack that is up, as commands of its operators see it.
import { execa, type Options, type ResultPromise } from 'execa';
import { loadCloud } from '../../clouds/index.ts';
import { type ClusterClient, clusterClient } from '../../cluster/client.ts';
import { connectionOf } from '../../cluster/kubeconfig.ts';
import type { Settings } from '../../config.ts';
import { toolPath } from '../toolchain/index.ts';
import { engineEnvironment, pulumi, stackFile } from './engine.ts';
import { readSettings } from './settings.ts';
import { QUICKSTART, chosenStack } from './target.ts';

export interface RunningStack {
  readonly name: string;
  readonly settings: Settings;
  /** Outputs of the last update, without those that are secret. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** Runs kubectl in the stack's namespace; rejects when it fails, unless `options` say otherwise. */
  kubectl<O extends Options = object>(args: readonly string[], options?: O): ResultPromise<O>;
  /** An output that is secret. */
  secretOutput(output: string): Promise<string>;
}

/**
 * Opens the stack that is named, or that Pulumi itself would choose.
 *
 * @throws Error that names the command to run, when there is no such stack or it is not up.
 */
export async function openStack(named?: string): Promise<RunningStack> {
  const name = chosenStack(named);
  const settings = readSettings(stackFile(name));
  const outputs = await outputsOf(name);
  const { service } = outputs as { service?: RunningStack['service'] };
  if (service === undefined) throw notUp(name);
  return {
    name,
    settings,
    outputs,
    service,
    kubectl: (args, options) => kubectlOf(name, settings, args, options),
    async secretOutput(output) {
      const args = ['stack', 'output', output, '--show-secrets', '--stack', name];
      return String((await pulumi(QUICKSTART, name, args)).stdout);
    },
  };
}

export const notUp = (stack: string): Error =>
  new Error(`Stack ${stack} is not up: npm run pulumi -- up --stack ${stack}`);

/** Runs kubectl in the namespace of a stack, which need not be up. */
export function kubectlOf<O extends Options = object>(
  stack: string,
  { kubernetes, namespace }: Pick<Settings, 'kubernetes' | 'namespace'>,
  args: readonly string[],
  options?: O,
): ResultPromise<O> {
  return execa(
    toolPath('kubectl'),
    [
      ...(kubernetes.context === undefined ? [] : ['--context', kubernetes.context]),
      ...['--namespace', namespace.name],
      ...args,
    ],
    {
      env: kubectlEnvironment(stack, kubernetes),
      extendEnv: false,
      ...options,
    },
  ) as unknown as ResultPromise<O>;
}

/**
 * Looks into the cluster of a stack, which need not be up.
 *
 * @throws Error that names the context, when the cluster cannot be read.
 */
export async function inCluster<T>(
  stack: string,
  settings: Settings,
  look: (client: ClusterClient, context: string) => Promise<T>,
): Promise<T> {
  const access = await (await loadCloud(settings)).cluster();
  // For stack `local` the embedded cluster's, as when the program runs.
  const { KUBECONFIG } = kubectlEnvironment(stack, settings.kubernetes);
  if (KUBECONFIG !== undefined) process.env.KUBECONFIG = KUBECONFIG;
  try {
    const client = clusterClient(await connectionOf(access));
    try {
      return await look(client, access.context);
    } finally {
      client.close();
    }
  } catch (error) {
    throw new Error(
      `The cluster of context "${access.context}" could not be read: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

function kubectlEnvironment(stack: string, { kubeconfig }: Settings['kubernetes']): NodeJS.ProcessEnv {
  const environment = engineEnvironment(QUICKSTART, stack);
  return kubeconfig === undefined ? environment : { ...environment, KUBECONFIG: kubeconfig };
}

async function outputsOf(stack: string): Promise<Record<string, unknown>> {
  const args = ['stack', 'output', '--json', '--stack', stack];
  // A stack that was never made has no outputs either.
  const { stdout, exitCode } = await pulumi(QUICKSTART, stack, args, { reject: false });
  return exitCode === 0 ? (JSON.parse(String(stdout)) as Record<string, unknown>) : {};
}
