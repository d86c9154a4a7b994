// The stack under test, as commands of its operators see it.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { parseSettings } from '../../../config.ts';
import { contextName, kubeconfigPath } from '../../../tools/cluster/index.ts';
import { LOCAL_STACK, stackFile } from '../../../tools/lib/engine.ts';
import type { Overrides } from '../../../tools/lib/scratch-stack.ts';
import { type RunningStack, kubectlOf } from '../../../tools/lib/stack.ts';
import { instance, stack } from './stack.ts';

export async function runningStack(overrides: Overrides): Promise<RunningStack> {
  const { config } = parse(readFileSync(stackFile(LOCAL_STACK), 'utf8')) as {
    config: Record<string, unknown>;
  };
  const own = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key.replace('mlflow-stack:', ''), value]),
  );
  const kubernetes = { context: contextName(instance), kubeconfig: kubeconfigPath(instance) };
  const settings = parseSettings({ ...own, ...overrides, kubernetes });
  const outputs = await stack.outputs();
  const { service } = outputs as unknown as RunningStack;
  return {
    name: LOCAL_STACK,
    settings,
    outputs,
    service,
    secretOutput: async (output) => String(outputs[output]),
    kubectl: (args, options) => kubectlOf(LOCAL_STACK, settings, args, options),
  };
}
