import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { contextName, kubeconfigPath } from '../cluster/index.ts';
import { LOCAL_STACK, selectedStack, stackFile } from './engine.ts';

/** The instance that a person works with; tests and benchmarks have their own. */
export const QUICKSTART = 'quickstart';

/** The stack that a command is about: named, or as Pulumi itself would choose it. */
export const chosenStack = (named: string | undefined): string =>
  named ?? process.env.PULUMI_STACK ?? selectedStack(QUICKSTART) ?? LOCAL_STACK;

/** Where the quickstart deploys to. */
export interface Target {
  readonly stack: string;
  readonly context: string;
  /** The embedded cluster's kubeconfig; a named context is looked up in the user's own. */
  readonly kubeconfig?: string;
}

export function quickstartTarget(context: string | undefined): Target {
  if (context === undefined)
    return { stack: LOCAL_STACK, context: contextName(QUICKSTART), kubeconfig: kubeconfigPath(QUICKSTART) };
  return { stack: stackName(context), context };
}

/** A context's name as the name of a stack; contexts may contain anything, such as an account's path. */
export function stackName(context: string): string {
  const name = context.replace(/[^A-Za-z0-9_.-]+/g, '-').slice(0, 80);
  // `local` is the embedded cluster's.
  return name === LOCAL_STACK ? `${name}-context` : name;
}

/** Settings for a cluster that the user names: those of stack `local`, for that context. Kept once they are there. */
export function writeContextStackFile({ stack, context }: Target): void {
  if (!existsSync(stackFile(stack)))
    writeFileSync(stackFile(stack), contextSettings(readFileSync(stackFile(LOCAL_STACK), 'utf8'), context));
}

export function contextSettings(localSettings: string, context: string): string {
  const document = parseDocument(localSettings);
  const comment = ` MLflow on the cluster of context ${context}; made from Pulumi.local.yaml by the quickstart, yours to change.`;
  if (document.contents) document.contents.commentBefore = comment;
  document.setIn(['config', 'mlflow-stack:kubernetes'], { context });
  // Which Ingress controller a foreign cluster has is not known; the port-forward needs none.
  document.setIn(['config', 'mlflow-stack:ingress'], { enabled: false });
  return document.toString();
}

const INGRESS_PORT = ['config', 'mlflow-stack:ingress', 'port'];

/**
 * The local port of the embedded cluster's Ingress. It is a setting of the stack, since MLflow refuses a browser's request
 * from an address that it does not expect; choosing another one therefore changes the stack file.
 */
export function ingressPort(chosen: number | undefined): number {
  const settings = parseDocument(readFileSync(stackFile(LOCAL_STACK), 'utf8'));
  return chosen ?? Number(settings.getIn(INGRESS_PORT) ?? 80);
}

export function setIngressPort(port: number): void {
  const document = parseDocument(readFileSync(stackFile(LOCAL_STACK), 'utf8'));
  if (document.getIn(INGRESS_PORT) === port) return;
  document.setIn(INGRESS_PORT, port);
  writeFileSync(stackFile(LOCAL_STACK), document.toString());
}
