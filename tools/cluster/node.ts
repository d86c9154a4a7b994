import { spawn, type SpawnOptions } from 'node:child_process';
import {
  closeSync,
  existsSync,
  globSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { freemem } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import { stateDir } from '../lib/paths.ts';
import { identify, isRunning, type ProcessIdentity, readIdentity, stopProcess } from '../lib/process.ts';
import type { StepContext } from '../lib/step.ts';
import { cgroupOf, configuration, NODE_NAME, type NodeSettings } from './config.ts';
import { chooseNetwork, type Network, occupiedRanges, overlaps } from './network.ts';
import { makePki, missingCertificates, writeWhole } from './pki.ts';

const MEMORY_GIB = 3;
const DISK_GIB = 10;
/** Longer than the node gives its containers. */
const STOP_SECONDS = 15;

/** The daemons get nothing of the caller's environment. */
const DAEMON_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};

/** Folder of the cluster's data within the instance's state. */
export const clusterDir = (instance: string) => join(stateDir(instance), 'cluster');

const networkFile = (instance: string) => join(clusterDir(instance), 'network.json');
const processFile = (instance: string) => join(clusterDir(instance), 'node.json');

/** PID 1 of the running node, as seen from the host, and when it was started. */
export interface RunningNode extends ProcessIdentity {
  readonly booted: string;
}

export function runningNode(instance: string): RunningNode | undefined {
  const node = readIdentity(processFile(instance));
  return node && isRunning(node) ? (node as RunningNode) : undefined;
}

/** Kept as long as the data: addresses are written into certificates and objects. */
export function networkOf(instance: string): Network | undefined {
  return existsSync(networkFile(instance))
    ? (JSON.parse(readFileSync(networkFile(instance), 'utf8')) as Network)
    : undefined;
}

/** A command prefix that runs a program inside the node. */
export function inside(node: ProcessIdentity): readonly [string, ...string[]] {
  return ['nsenter', '--target', `${node.pid}`, '--mount', '--net', '--pid'];
}

/** Starts the node's processes. Whether they get along is for the caller to find out. */
export async function bootNode(
  instance: string,
  programOf: (name: string) => string,
  pauseImage: string,
  context: StepContext,
): Promise<void> {
  const dir = clusterDir(instance);
  mkdirSync(dir, { recursive: true });
  checkMachine(dir);
  const network = await claimNetwork(instance, context);
  const settings = settingsOf(instance, network, pauseImage);
  await makePki(settings, context);
  writeConfiguration(dir, configuration(settings, programOf));

  const booted = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString();
  const log = openSync(join(dir, 'log/node.log'), 'a');
  const namespaces = ['--pid', '--fork', '--kill-child', '--mount', '--mount-proc', '--net', '--ipc'];
  const script = [
    join(import.meta.dirname, 'node.sh'),
    dir,
    settings.cgroup,
    network.hostAddress,
    network.nodeAddress,
  ];
  const options: SpawnOptions = { detached: true, env: DAEMON_ENV, cwd: '/', stdio: ['ignore', log, log] };
  const child = spawn('unshare', [...namespaces, 'tini', '--', 'bash', ...script], options);
  // A child without a number is reported below.
  child.on('error', () => undefined);
  closeSync(log);
  child.unref();
  const node = await firstChild(child.pid);
  if (node === undefined) throw nodeError(instance, 'The node did not start', context);
  writeWhole(processFile(instance), JSON.stringify({ ...node, booted }));
  await connect(network, node, context);
}

/** Whether a node was last started with what it would be given now: its programs, flags, files and certificates. */
export function isCurrent(
  instance: string,
  programOf: (name: string) => string,
  pauseImage: string,
): boolean {
  const network = networkOf(instance);
  if (network === undefined) return false;
  const settings = settingsOf(instance, network, pauseImage);
  const files = configuration(settings, programOf);
  if (missingCertificates(settings).length > 0) return false;
  return Object.entries(files).every(([name, content]) => {
    const file = join(clusterDir(instance), name);
    return existsSync(file) && readFileSync(file, 'utf8') === content;
  });
}

/** An error whose log holds what the node itself said. */
export function nodeError(instance: string, problem: string, context: StepContext): Error {
  const logs = join(clusterDir(instance), 'log');
  if (existsSync(join(logs, 'node.log'))) context.log.write(readFileSync(join(logs, 'node.log'), 'utf8'));
  return new Error(`${problem}; the reason is in the logs in ${logs}.`);
}

/**
 * Ends the node and returns when nothing of it is left on the host. Also clears up after a node that ended by itself or was killed,
 * and never touches a process that only has the same number.
 */
export async function stopNode(instance: string, graceSeconds = STOP_SECONDS): Promise<void> {
  const node = readIdentity(processFile(instance));
  if (node) await stopProcess(node, graceSeconds);
  const network = networkOf(instance);
  if (network) await removeLink(network);
  removeCgroups(instance);
  rmSync(processFile(instance), { force: true });
}

/** The kernel removes the link some time after the last process; a start should not have to wait for it. */
async function removeLink({ link }: Network): Promise<void> {
  const { stderr } = await execa('ip', ['link', 'delete', link], { reject: false });
  if (existsSync(`/sys/class/net/${link}`))
    throw new Error(`The network link ${link} can't be removed: ${stderr}`);
}

/** Empty control groups remain when their processes have ended: one tree per hierarchy. */
function removeCgroups(instance: string): void {
  const root = '/sys/fs/cgroup';
  const parents = [root, ...readdirSync(root).map((hierarchy) => join(root, hierarchy))];
  for (const tree of parents.map((parent) => join(parent, cgroupOf(instance))))
    if (existsSync(tree)) removeTree(tree);
}

function removeTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  rmdirSync(folder);
}

function checkMachine(dir: string): void {
  const gib = (bytes: number) => Number((bytes / 2 ** 30).toFixed(1));
  const { bavail, bsize } = statfsSync(dir);
  const [memory, disk, isNew] = [gib(freemem()), gib(bavail * bsize), !existsSync(join(dir, 'containerd'))];
  if (process.getuid?.() !== 0)
    throw new Error('The cluster makes namespaces and mounts: run the command as root (sudo).');
  if (memory < MEMORY_GIB)
    throw new Error(
      `The cluster needs ${MEMORY_GIB} GiB of free memory and there are ${memory}: close something large.`,
    );
  if (isNew && disk < DISK_GIB)
    throw new Error(
      `A new cluster needs ${DISK_GIB} GiB on the disk of ${dir} and there are ${disk}: free some, or set XDG_STATE_HOME.`,
    );
}

async function claimNetwork(instance: string, context: StepContext): Promise<Network> {
  const { stdout } = await execa('ip', ['-json', 'route', 'show', 'table', 'all'], {
    cancelSignal: context.signal,
  });
  const known = networkOf(instance);
  const occupied = occupiedRanges(JSON.parse(stdout) as { dst: string; dev?: string }[], known?.link);
  if (known) {
    const other = occupied.find((range) => overlaps(range, known.slice));
    if (other)
      throw new Error(
        `The cluster's addresses ${known.slice} are now routed elsewhere on this machine (${other}): remove that route or destroy the cluster.`,
      );
    return known;
  }
  const network = chooseNetwork(instance, [...occupied, ...otherInstances(instance)]);
  writeWhole(networkFile(instance), JSON.stringify(network));
  return network;
}

/** Instances that are not running at the moment will want their addresses back. */
function otherInstances(instance: string): string[] {
  const others = readdirSync(dirname(stateDir(instance))).filter((name) => name !== instance);
  return others.flatMap((name) => networkOf(name)?.slice ?? []);
}

function settingsOf(instance: string, network: Network, pauseImage: string): NodeSettings {
  return {
    ...network,
    dir: clusterDir(instance),
    nodeName: NODE_NAME,
    cgroup: cgroupOf(instance),
    pauseImage,
  };
}

function writeConfiguration(dir: string, files: Readonly<Record<string, string>>): void {
  const path = (...names: string[]) => join(dir, ...names);
  for (const folder of ['cni', 'daemons', 'kubelet', 'log', 'volumes'])
    mkdirSync(path(folder), { recursive: true });
  // One log per boot, and the one before.
  for (const log of globSync('log/*.log', { cwd: dir })) renameSync(path(log), `${path(log)}.previous`);
  for (const [name, content] of Object.entries(files))
    writeFileSync(path(name), content, { mode: name.startsWith('daemons/') ? 0o755 : 0o644 });
}

/** The first child of a process, which may not be there yet. */
async function firstChild(pid: number | undefined): Promise<ProcessIdentity | undefined> {
  for (let tries = 0; pid !== undefined && tries < 100 && existsSync(`/proc/${pid}`); tries++) {
    const { stdout } = await execa('cat', [`/proc/${pid}/task/${pid}/children`], { reject: false });
    const [child] = stdout.split(' ');
    if (child) return identify(Number(child));
    await setTimeout(20);
  }
  return undefined;
}

/**
 * Makes the link between host and node. Moving its other end is the last act, and what the node waits for: a node never runs with half
 * a link. Link and routes vanish with the node.
 */
async function connect(network: Network, node: ProcessIdentity, context: StepContext): Promise<void> {
  const { link, hostAddress, nodeAddress, podCidr, serviceCidr } = network;
  const commands = [
    `link add ${link} type veth peer name ${link}n`,
    `address add ${hostAddress}/30 dev ${link}`,
    `link set ${link} up`,
    `route add ${podCidr} via ${nodeAddress} dev ${link}`,
    `route add ${serviceCidr} via ${nodeAddress} dev ${link}`,
    `link set ${link}n netns ${node.pid} name eth0`,
  ];
  for (const command of commands)
    await execa('ip', command.split(' '), { stdout: context.log, stderr: context.log });
}
