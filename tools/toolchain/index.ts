import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Step } from '../lib/step.ts';
import { install } from './install.ts';
import { toolDir } from './store.ts';
import { clusterTools, engineTools, gatewayApi, type Tool, traefikCrds } from './tools.ts';

export { systemPackages } from './system.ts';

/** Pulumi with its plugins, and kubectl: what a deployment to any cluster needs. */
export function engineSteps(): Step[] {
  return engineTools.map(installStep);
}

/** The programs of the embedded cluster. */
export function clusterToolSteps(): Step[] {
  return clusterTools.map(installStep);
}

function installStep(tool: Tool): Step {
  return {
    title: `${tool.name} ${tool.version}`,
    ...(tool.estimate !== undefined && { estimate: tool.estimate }),
    run: (context) => install(tool, context),
  };
}

const dirs = new Map(
  [...engineTools, ...clusterTools].flatMap((tool) => {
    const dir = toolDir(tool);
    return tool.programs.map(({ name }) => [name, dir] as const);
  }),
);

/** Where a program is once the steps have run. */
export function toolPath(name: string): string {
  return join(folderOf(name), name);
}

function folderOf(name: string): string {
  const dir = dirs.get(name);
  if (dir === undefined) throw new Error(`No tool is called ${name}`);
  return dir;
}

/** The resource definitions of the Gateway API and of Traefik as one manifest. */
export function resourceDefinitions(): string {
  const files = [gatewayApi, traefikCrds]
    .map((tool) => toolDir(tool))
    .flatMap((dir) =>
      readdirSync(dir)
        .sort()
        .map((file) => join(dir, file)),
    );
  return files.map((file) => readFileSync(file, 'utf8')).join('\n---\n');
}

/** For PATH: pulumi and the language host that it looks for there. */
export const engineBinDir = folderOf('pulumi');
