// How long the program of each stack takes to start, and what memory that needs.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { contextName, kubeconfigPath } from '../cluster/index.ts';
import { LOCAL_STACK, stackFile } from '../lib/engine.ts';
import { projectDir } from '../lib/paths.ts';
import { readConfig, settingsOf } from '../lib/settings.ts';
import { closedCluster, closedContext } from '../render/cluster.ts';
import { instance, middle, repeat } from './shared.ts';

interface Program {
  readonly name: string;
  /** In the kubeconfig `file`. */
  readonly context: string;
  readonly file: string;
}

interface Start {
  readonly name: string;
  readonly seconds: number;
  readonly megabytes: number;
  readonly limits: { readonly start: string; readonly memory: string };
}

/** On the cluster of the benchmarks. */
export const localProgram = (): Promise<Start> =>
  programStart({ name: LOCAL_STACK, context: contextName(instance), file: kubeconfigPath(instance) });

/** Needs no cluster, and is best measured where none keeps the machine busy. */
export const cloudPrograms = async (): Promise<Start[]> => [
  await cloudProgram('dev-gcp'),
  await cloudProgram('prod-aws'),
];

/** The whole life of a program that registers every resource of a stack against mocks, with real questions to the cluster. */
async function programStart({ name, context, file }: Program): Promise<Start> {
  const project = parse(readFileSync(join(projectDir, 'Pulumi.yaml'), 'utf8')) as {
    runtime: { options: { nodeargs: string } };
  };
  const nodeArgs = project.runtime.options.nodeargs.split(' ');
  const measured = await repeat(async () => {
    const script = join(import.meta.dirname, 'program.ts');
    const { stdout } = await execa(process.execPath, [...nodeArgs, script, context, name], {
      env: { KUBECONFIG: file },
    });
    return JSON.parse(stdout) as { seconds: number; megabytes: number };
  });
  return {
    name,
    seconds: middle(measured.map((each) => each.seconds)),
    megabytes: middle(measured.map((each) => each.megabytes)),
    limits:
      name === LOCAL_STACK ? { start: '1.0 s', memory: '160 MB' } : { start: '1.2 s', memory: '180 MB' },
  };
}

/** That of a stack whose cluster this machine does not have: one that shows nothing stands in for it. */
async function cloudProgram(name: string): Promise<Start> {
  const settings = settingsOf(readConfig(stackFile(name)));
  const { kubeconfig, close } = await closedCluster(name, settings);
  const folder = mkdtempSync(join(tmpdir(), 'mlflow-stack-bench-'));
  try {
    const file = join(folder, 'kubeconfig');
    writeFileSync(file, kubeconfig);
    return await programStart({ name, context: closedContext, file });
  } finally {
    rmSync(folder, { recursive: true });
    close();
  }
}
