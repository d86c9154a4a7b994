import { existsSync, mkdirSync } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import { homedir, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { execa } from 'execa';
import { parse } from 'yaml';
import { isPortFree } from './forward.ts';
import { cacheDir } from './paths.ts';

const GIB = 2 ** 30;
const LEAST_MEMORY_GIB = 5;
/** A cold build needs Go's caches, the tools and the images; afterwards the cluster's data is what grows. */
const LEAST_DISK_GIB = { cold: 20, warm: 4 };

export interface Wishes {
  /** The embedded cluster needs more of the machine than a deployment to a cluster elsewhere. */
  readonly embedded: boolean;
  /** The context of the user's kubeconfig to deploy to. */
  readonly context?: string | undefined;
  readonly ports: readonly { readonly port: number; readonly option: string }[];
  /** Ports in use by this stack's own forward. */
  readonly ownPorts: readonly number[];
}

/** Everything that would stop the run later, found before anything is changed. One sentence each. */
export async function problems(wishes: Wishes): Promise<string[]> {
  const checks = [
    goProblem(),
    pythonProblem(),
    ...wishes.ports.map(({ port, option }) => portProblem(port, option, wishes.ownPorts)),
    diskProblem(),
    ...(wishes.embedded ? [machineProblem(), memoryProblem()] : []),
    ...(wishes.context === undefined ? [] : [contextProblem(wishes.context)]),
  ];
  return (await Promise.all(checks)).filter((problem) => problem !== undefined);
}

type Problem = Promise<string | undefined>;

async function goProblem(): Problem {
  const found = await versionOf('go', ['env', 'GOVERSION'], /go(\d+)\.(\d+)/);
  if (found && (found[0] > 1 || found[1] >= 26)) return undefined;
  return `Go 1.26 or newer is needed, ${found ? `this is Go ${found.join('.')}` : 'none is on PATH'}: https://go.dev/dl`;
}

async function pythonProblem(): Problem {
  if ((await versionOf('python3.11', ['-m', 'pip', '--version'], /python (\d+)\.(\d+)/)) !== undefined)
    return undefined;
  return 'Python 3.11 with pip is needed as `python3.11`: apt-get install python3.11 python3-pip';
}

async function versionOf(
  command: string,
  args: string[],
  pattern: RegExp,
): Promise<[number, number] | undefined> {
  const { stdout } = await execa(command, args, { reject: false });
  const match = pattern.exec(stdout);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

async function portProblem(port: number, option: string, ownPorts: readonly number[]): Problem {
  if (ownPorts.includes(port) || (await isPortFree(port))) return undefined;
  return `Port ${port} is in use by another program: end that, or choose another port with ${option}`;
}

async function diskProblem(): Problem {
  mkdirSync(cacheDir, { recursive: true });
  const { bavail, bsize } = await statfs(cacheDir);
  const least = existsSync(join(cacheDir, 'images')) ? LEAST_DISK_GIB.warm : LEAST_DISK_GIB.cold;
  const free = (bavail * bsize) / GIB;
  return free >= least
    ? undefined
    : `${least} GiB of free disk space are needed in ${cacheDir}, there are ${free.toFixed(1)} GiB`;
}

async function machineProblem(): Problem {
  const advice = 'elsewhere, deploy to a cluster of your own: npm run quickstart -- --context NAME';
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `The embedded cluster runs on Linux x64 only; ${advice}`;
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  if (!/^VERSION_CODENAME=bookworm$/m.test(release))
    return `The embedded cluster is made from packages of Debian 12; ${advice}`;
  if (process.getuid?.() !== 0)
    return 'The embedded cluster needs root: it makes network links, mounts and containers';
  return undefined;
}

async function memoryProblem(): Problem {
  const total = totalmem() / GIB;
  return total >= LEAST_MEMORY_GIB
    ? undefined
    : `${LEAST_MEMORY_GIB} GiB of memory are needed, this machine has ${total.toFixed(1)} GiB`;
}

async function contextProblem(context: string): Problem {
  const { files, contexts } = await readContexts();
  if (contexts.includes(context)) return undefined;
  const there = contexts.length > 0 ? `it has ${contexts.join(', ')}` : 'it has none';
  return `Context ${context} is not in your kubeconfig (${files.join(', ')}): ${there}`;
}

/** Names of the contexts in the user's kubeconfig. */
export const userContexts = async (): Promise<string[]> => (await readContexts()).contexts;

/** The contexts of the user's kubeconfig, read as kubectl does: all files of KUBECONFIG, else the one at home. */
async function readContexts(): Promise<{ files: string[]; contexts: string[] }> {
  const listed = (process.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  const files = listed.length > 0 ? listed : [join(homedir(), '.kube/config')];
  const contexts: string[] = [];
  for (const file of files) {
    const config = parse(await readFile(file, 'utf8').catch(() => '')) as {
      contexts?: { name: string }[];
    } | null;
    contexts.push(...(config?.contexts ?? []).map(({ name }) => name));
  }
  return { files, contexts };
}
