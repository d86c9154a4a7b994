import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import {
  addonsImage,
  clusterImages,
  type ImageRecipe,
  importImages,
  pauseImage,
  sha256,
  stackImages,
  traefikImage,
} from '../images/index.ts';
import { stateDir } from '../lib/paths.ts';
import type { Step, StepContext } from '../lib/step.ts';
import { sentence } from '../lib/steps.ts';
import { resourceDefinitions, toolPath } from '../toolchain/index.ts';
import { ADDON_LABEL, type KubernetesObject, missing, readApi } from './api.ts';
import { CONTAINERD_SOCKET, NODE_NAME, render } from './config.ts';
import type { Network } from './network.ts';
import {
  bootNode,
  clusterDir,
  inside,
  isCurrent,
  networkOf,
  nodeError,
  runningNode,
  stopNode,
} from './node.ts';
import { writeKubeconfig } from './pki.ts';

const ADDONS = ['coredns', 'local-path-provisioner', 'traefik'];
/** Far more than a slow machine needs. */
const API_SECONDS = 90;
const READY_SECONDS = 180;

export const kubeconfigPath = (instance: string): string => join(stateDir(instance), 'kubeconfig');
export const contextName = (instance: string): string =>
  instance === 'quickstart' ? 'mlflow-stack' : `mlflow-stack-${instance}`;
export const isRunning = (instance: string): boolean => runningNode(instance) !== undefined;

/** The address at which the host reaches the node's ports, such as 80 of the ingress controller. Fixed once a cluster exists. */
export const nodeAddress = (instance: string): string => addresses(instance).nodeAddress;

/** The address that pods see when the host calls them: it is none of the node's own. */
export const hostAddress = (instance: string): string => addresses(instance).hostAddress;

function addresses(instance: string): Network {
  const network = networkOf(instance);
  if (network === undefined) throw new Error(`There is no cluster "${instance}" yet: start it first.`);
  return network;
}

/** Brings the cluster up with these images. Returns at once where it is up already, and boots it again where it is half dead or out of date. */
export function clusterSteps(instance: string, images = stackImages): Step[] {
  return [
    { title: 'Kubernetes node', estimate: 15, run: (context) => startNode(instance, context) },
    { title: 'Images', estimate: 60, run: (context) => loadImages(instance, images, context) },
    { title: 'Cluster services', estimate: 20, run: (context) => startAddons(instance, context) },
  ];
}

/** Stops the cluster and keeps its data. */
export async function stopCluster(instance: string, context: StepContext): Promise<void> {
  context.report('giving the containers time to finish');
  await stopNode(instance);
}

/** Stops the cluster and deletes all its data. */
export async function destroyCluster(instance: string, context: StepContext): Promise<void> {
  await stopNode(instance, 0);
  context.report('deleting the data');
  rmSync(kubeconfigPath(instance), { force: true });
  // Tens of thousands of files: a child process deletes them faster, and progress can be shown meanwhile.
  await execa('rm', ['-rf', '--one-file-system', clusterDir(instance)], { cancelSignal: context.signal });
}

async function startNode(instance: string, context: StepContext): Promise<void> {
  const programOf = (name: string) => (name === 'containerd' ? name : toolPath(name));
  if (!isCurrent(instance, programOf, pauseImage) || !(await answers(instance, context))) {
    await stopNode(instance);
    await bootNode(instance, programOf, pauseImage, context);
    await waitForApi(API_SECONDS, instance, context);
  }
  const pki = join(clusterDir(instance), 'pki');
  writeKubeconfig(kubeconfigPath(instance), contextName(instance), serverOf(instance), pki, 'admin');
}

/** Whether the node runs and its API answers; a node that was started a moment ago gets the time it needs. */
async function answers(instance: string, context: StepContext): Promise<boolean> {
  const node = runningNode(instance);
  if (node === undefined) return false;
  const age = (Date.now() - new Date(node.booted).getTime()) / 1000;
  try {
    await waitForApi(Math.max(5, API_SECONDS - age), instance, context);
    return true;
  } catch {
    context.signal.throwIfAborted();
    return false;
  }
}

async function loadImages(
  instance: string,
  images: readonly ImageRecipe[],
  context: StepContext,
): Promise<void> {
  const node = inside(requireNode(instance, context));
  await importImages(
    await clusterImages(images, context),
    [...node, 'ctr', '-a', CONTAINERD_SOCKET, '-n', 'k8s.io'],
    context,
  );
}

async function startAddons(instance: string, context: StepContext): Promise<void> {
  await applyOnce(instance, 'resource-definitions', resourceDefinitions(), context);
  // What kubectl and Traefik know kinds from: one that was added a moment ago may not be in it yet.
  await waitFor(API_SECONDS, instance, context, async () => {
    const kinds = await read(instance, '/apis', context, AGGREGATED_DISCOVERY);
    return ['Gateway', 'Middleware'].filter((kind) => !kinds.includes(`"${kind}"`));
  });
  const base64 = (file: string) => readFileSync(join(clusterDir(instance), 'pki', file), 'base64');
  const addons = render('addons.yaml', {
    ...networkOf(instance),
    dir: clusterDir(instance),
    addonsImage,
    traefikImage,
    gatewayCertificate: base64('gateway.crt'),
    gatewayKey: base64('gateway.key'),
  });
  await applyOnce(instance, 'addons', addons, context);
  const booted = new Date(requireNode(instance, context).booted);
  const get = async <T>(path: string) => JSON.parse(await read(instance, path, context)) as T;
  await waitFor(READY_SECONDS, instance, context, async () => {
    const node = await get<KubernetesObject>(`/api/v1/nodes/${NODE_NAME}`);
    const pods = await get<{ items: KubernetesObject[] }>(
      `/api/v1/pods?labelSelector=${encodeURIComponent(ADDON_LABEL)}`,
    );
    return missing(node, pods.items, ADDONS, await packetFilter(instance, context), booted);
  });
}

/** Applies a manifest unless the same was applied before. */
async function applyOnce(
  instance: string,
  name: string,
  manifest: string,
  { log, signal }: StepContext,
): Promise<void> {
  const stamp = join(clusterDir(instance), `${name}.applied`);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sha256(manifest)) return;
  const apply = [
    '--kubeconfig',
    kubeconfigPath(instance),
    'apply',
    '--server-side',
    '--force-conflicts',
    '-f',
    '-',
  ];
  const options = { input: manifest, cancelSignal: signal, stdout: log, stderr: log };
  await execa(toolPath('kubectl'), apply, options);
  writeFileSync(stamp, sha256(manifest));
}

/** What kube-router has told the kernel so far; empty before its first word. */
async function packetFilter(instance: string, context: StepContext): Promise<string> {
  const [nsenter, ...args] = inside(requireNode(instance, context));
  const list = [...args, '/usr/sbin/iptables', '--list-rules', 'KUBE-ROUTER-FORWARD'];
  const { stdout } = await execa(nsenter, list, { reject: false, cancelSignal: context.signal });
  return stdout;
}

const serverOf = (instance: string) => `https://${nodeAddress(instance)}:6443`;
const read = (instance: string, path: string, { signal }: StepContext, accept?: string) =>
  readApi(serverOf(instance), join(clusterDir(instance), 'pki'), path, signal, accept);
const AGGREGATED_DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

function requireNode(instance: string, context: StepContext) {
  const node = runningNode(instance);
  if (node === undefined) throw nodeError(instance, 'The node has ended', context);
  return node;
}

const waitForApi = (seconds: number, instance: string, context: StepContext) =>
  waitFor(seconds, instance, context, () => read(instance, '/readyz', context).then(() => []));

/** Asks until nothing is missing. A failing question counts as "the API server". */
async function waitFor(
  seconds: number,
  instance: string,
  context: StepContext,
  ask: () => Promise<string[]>,
): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const waitingFor = await ask().catch((error: unknown) => [`the API server (${sentence(error)})`]);
    if (waitingFor.length === 0) return;
    context.signal.throwIfAborted();
    const list = waitingFor.join(', ');
    requireNode(instance, context);
    if (performance.now() > deadline)
      throw nodeError(instance, `Not ready after ${Math.round(seconds)} s: ${list}`, context);
    context.report(`waiting for ${list}`);
    await setTimeout(250, undefined, { signal: context.signal });
  }
}
