// A stack of clusters/gke, as far as other stacks see it: its outputs. The cluster is the embedded one.
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Options, Result } from 'execa';
import { kubeconfigPath } from '../../../../tools/cluster/index.ts';
import { pulumi } from '../../../../tools/lib/engine.ts';
import { projectDir } from '../../../../tools/lib/paths.ts';

const project = 'mlflow-cluster-gke';
const stack = 'dev';
const reference = `organization/${project}/${stack}`;

/** Beside a copy of the project's file, since commands write a salt there. */
async function inProject(instance: string, args: string[], options: Options = {}): Promise<Result> {
  const cwd = mkdtempSync(join(tmpdir(), 'mlflow-stack-'));
  copyFileSync(join(projectDir, 'clusters/gke/Pulumi.yaml'), join(cwd, 'Pulumi.yaml'));
  try {
    return await pulumi(instance, 'dev-gcp', [...args, '--non-interactive'], { cwd, ...options });
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

/** Makes it anew. Resolves to how others name it. */
export async function stackOfCluster(instance: string): Promise<string> {
  await removeStackOfCluster(instance);
  await inProject(instance, ['stack', 'init', reference, '--no-select']);
  const type = 'pulumi:pulumi:Stack';
  const outputs = {
    kubeconfig: readFileSync(kubeconfigPath(instance), 'utf8'),
    networkName: 'my-network',
  };
  const urn = `urn:pulumi:${stack}::${project}::${type}::${project}-${stack}`;
  const manifest = { time: new Date().toISOString(), magic: '', version: '' };
  const deployment = { manifest, resources: [{ urn, type, custom: false, outputs }] };
  const state = JSON.stringify({ version: 3, deployment });
  await inProject(instance, ['stack', 'import', '--stack', reference], { input: state });
  return reference;
}

export async function removeStackOfCluster(instance: string): Promise<void> {
  const { exitCode, stderr } = await inProject(
    instance,
    ['stack', 'rm', '--stack', reference, '--force', '--yes'],
    { reject: false },
  );
  if (exitCode !== 0 && !String(stderr).includes('no stack named')) throw new Error(String(stderr));
}
