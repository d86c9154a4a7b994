// Starts the tools on a machine that has nothing but Node 20 or newer: installs the npm packages when they do not match
// the lock file, then runs tools/<command>.ts with a Node that executes TypeScript. Plain JavaScript, no dependencies:
// this is the one file that runs before `npm ci` has. Speaks on stderr only, so that a command's stdout stays its own.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { constants, homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

const projectDir = resolve(import.meta.dirname, '..');
const binDir = join(projectDir, 'node_modules/.bin');
const stampFile = join(projectDir, 'node_modules/.mlflow-stack-lock');
const cacheDir = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'mlflow-stack');

/** Changes when the packages to install do. The platform counts: node_modules on a shared disk may be another's. */
function lockHash() {
  const lock = readFileSync(join(projectDir, 'package-lock.json'));
  return createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex');
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Two commands started at once in a fresh clone must not install over each other. A dead owner's claim is taken over. */
function claimInstall() {
  const claim = join(
    cacheDir,
    `npm-ci-${createHash('sha256').update(projectDir).digest('hex').slice(0, 12)}.pid`,
  );
  mkdirSync(cacheDir, { recursive: true });
  for (;;) {
    try {
      writeFileSync(claim, `${process.pid}`, { flag: 'wx' });
      return () => rmSync(claim, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = Number(readFileSync(claim, 'utf8'));
    if (owner && isAlive(owner)) {
      fail(
        `Another command (process ${owner}) is installing the npm packages; try again when it is done (if it is not, delete ${claim}).`,
      );
    }
    rmSync(claim, { force: true });
  }
}

/** The stamp is written last: an interrupted installation has none and is done again. */
function installPackages() {
  const hash = lockHash();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === hash) return;
  const release = claimInstall();
  process.on('exit', release);
  console.error('Installing npm packages (about 30 s) ...');
  rmSync(stampFile, { force: true });
  // npm run puts node_modules/.bin first on PATH; npm must not run on a Node that it is about to delete.
  const path = process.env.PATH.split(delimiter).filter((entry) => entry !== binDir);
  const npm = spawnSync(
    'npm',
    [
      'ci',
      '--include=dev',
      '--include=optional',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
      '--fetch-retries=2',
      // npm would wait for a minute between two attempts.
      '--fetch-retry-maxtimeout=10000',
      '--fetch-timeout=60000',
    ],
    {
      cwd: projectDir,
      env: { ...process.env, PATH: path.join(delimiter) },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    },
  );
  if (npm.error) fail(`npm could not be started (${npm.error.message}). It comes with Node; is it on PATH?`);
  if (npm.signal) process.exit(128 + constants.signals[npm.signal]);
  if (npm.status !== 0) {
    console.error(npm.stderr.trim());
    fail(
      /ENOTFOUND|EAI_AGAIN|ECONN|ETIMEDOUT|EIDLETIMEOUT|ENETUNREACH|E5\d\d|network/.test(npm.stderr)
        ? 'The npm registry did not answer, so the npm packages could not be installed. Check the network and `npm config get registry`, then type the same command again.'
        : 'The npm packages could not be installed (reason above). Type the same command again once it is mended.',
    );
  }
  writeFileSync(`${stampFile}.new`, hash);
  renameSync(`${stampFile}.new`, stampFile);
  release();
}

/** The Node that comes as an npm package on Linux x64, else the system's if it strips types by itself. */
function typescriptNode() {
  const packaged = join(binDir, 'node');
  if (existsSync(packaged)) return packaged;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  fail(`On this platform Node 22.18 or newer is needed; this is Node ${process.versions.node}.`);
}

const [command, ...args] = process.argv.slice(2);
const script = join(projectDir, 'tools', `${command}.ts`);
if (!/^[a-z-]+$/.test(command ?? '') || !existsSync(script))
  fail('Usage: node tools/bootstrap.mjs COMMAND [ARGS]; see the scripts in package.json.');
installPackages();

// Compiled code is kept between runs: programs start in half the time.
const compileCache = join(cacheDir, 'node');
mkdirSync(compileCache, { recursive: true });
const child = spawn(typescriptNode(), [script, ...args], {
  stdio: 'inherit',
  env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
});
// The command decides what an interruption means; this process only waits for it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => fail(`${script} could not be started: ${error.message}`));
child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
