import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { Step, StepContext } from '../lib/step.ts';
import { run } from './run.ts';
import { debianPackages } from './tools.ts';

/** How long another apt may hold its locks. */
const LOCK_SECONDS = 300;

/** Makes sure that Debian packages are there, by default all that the embedded cluster and its images need. */
export function systemPackages(names: readonly string[] = debianPackages): Step {
  return { title: 'Debian packages', estimate: 30, run: (context) => installPackages(names, context) };
}

async function installPackages(names: readonly string[], context: StepContext): Promise<void> {
  const missing = await missingPackages(names, context.signal);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new Error(
      `these Debian packages are missing: run \`sudo apt-get install ${missing.join(' ')}\`, then this again`,
    );
  }
  const options = ['-q', '-y', '--no-install-recommends', '-o', `DPkg::Lock::Timeout=${LOCK_SECONDS}`];
  const install = () => apt([...options, 'install', ...missing], context);
  context.report(missing.join(' '));
  try {
    // The lists of a fresh machine are empty or old. Where they are neither, this saves their download.
    await install().catch(() => apt(['-q', 'update'], context).then(install));
  } catch (error) {
    context.signal.throwIfAborted();
    throw new Error(
      `apt-get can't install ${missing.join(' ')}: check the network and /etc/apt/sources.list.d`,
      { cause: error },
    );
  }
}

async function missingPackages(names: readonly string[], signal: AbortSignal): Promise<string[]> {
  const query = ['--show', '--showformat', '${db:Status-Status} ${Package}\\n', ...names];
  // Exit code 1 tells that a package is unknown.
  const { stdout, code } = await execa('dpkg-query', query, { reject: false, cancelSignal: signal });
  if (code === 'ENOENT')
    throw new Error('the embedded cluster needs Debian 12, whose packages it runs on: dpkg is missing here');
  const present = new Set(stdout.split('\n').map((line) => line.replace(/^installed /, '')));
  return names.filter((name) => !present.has(name));
}

/** Installs without questions, and without starting what is installed: the cluster runs its own containerd. */
async function apt(args: string[], context: StepContext): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8', SYSTEMD_OFFLINE: '1' };
  const deadline = Date.now() + LOCK_SECONDS * 1000;
  for (;;) {
    try {
      await run('apt-get', args, context, { env });
      return;
    } catch (error) {
      // `update` doesn't wait for locks by itself.
      const locked = String((error as { all?: unknown }).all).includes('Could not get lock');
      if (!locked || Date.now() > deadline) throw error;
      context.report('waiting for another apt-get');
      await sleep(2000, undefined, { signal: context.signal });
    }
  }
}
