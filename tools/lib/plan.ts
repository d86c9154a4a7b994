import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { clusterSteps } from '../cluster/index.ts';
import { imageSteps, mlflowPackagesStep, stackImages } from '../images/index.ts';
import { clusterToolSteps, engineSteps, systemPackages, toolPath } from '../toolchain/index.ts';
import { prepareEngine } from './engine.ts';
import { stateDir } from './paths.ts';
import type { Step } from './step.ts';
import { runSteps, type Group } from './steps.ts';

export function logDir(instance: string): string {
  return join(stateDir(instance), 'logs');
}

/** Everything that can be done before there is a cluster. */
export function toolSteps(images = stackImages): (Step | Group)[] {
  return [
    systemPackages(),
    {
      title: 'Tools and images',
      concurrent: true,
      steps: [
        // Go uses all cores by itself: two builds at once are not faster, and need twice the memory.
        { title: 'Build tools', steps: [...engineSteps(), ...clusterToolSteps()] },
        { title: 'Assemble images', steps: imageSteps(images) },
      ],
    },
  ];
}

/** From a fresh machine to running embedded clusters with these images, each with a ready Pulumi engine. */
export function embeddedSteps(
  instances: readonly string[],
  stack: string,
  images = stackImages,
): (Step | Group)[] {
  return [
    ...toolSteps(images),
    {
      title: 'Kubernetes',
      concurrent: true,
      steps: instances.map((instance) => ({
        title: `Cluster ${instance}`,
        steps: [...clusterSteps(instance, images), engineStep(instance, stack)],
      })),
    },
  ];
}

/** What a deployment to the user's own cluster needs on this machine. */
export function clientSteps(instance: string, stack: string): (Step | Group)[] {
  return [
    {
      title: 'Tools and MLflow client',
      concurrent: true,
      steps: [{ title: 'Build tools', steps: engineSteps() }, mlflowPackagesStep],
    },
    engineStep(instance, stack),
  ];
}

/** The engine must be there for `npm run pulumi`, whoever typed it first. */
export async function ensureEngine(instance: string, signal: AbortSignal): Promise<void> {
  if (
    ['pulumi', 'pulumi-language-nodejs', 'pulumi-resource-kubernetes', 'pulumi-resource-random'].every(
      (name) => existsSync(toolPath(name)),
    )
  )
    return;
  await runSteps(engineSteps(), { logDir: join(logDir(instance), 'engine'), signal });
}

function engineStep(instance: string, stack: string): Step {
  return { title: 'Pulumi stack', run: () => prepareEngine(instance, stack) };
}
