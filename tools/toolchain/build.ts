import { copyFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExecaError } from 'execa';
import type { StepContext } from '../lib/step.ts';
import { run } from './run.ts';
import type { GoBuild, ModuleWay } from './tools.ts';

export const modulesDir = join(import.meta.dirname, 'modules');

interface GoOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Builds a program from its pinned module into `dir`. */
export async function goBuild(
  build: GoBuild,
  dir: string,
  work: string,
  context: StepContext,
): Promise<void> {
  const options = goOptions(build.module, build.noSumDb);
  let packages = 0;
  const count = (text: string) => {
    packages += text.split('\n').filter((line) => line !== '' && !line.startsWith('go: ')).length;
    context.report(`${build.output}: ${packages} packages compiled`);
  };
  await explained(context, async () => {
    context.report(`${build.output}: reading modules`);
    await run('go', ['list', '-m'], context, options);
    const overlay = build.embed ? ['-overlay', await embedOverlay(build.embed, work, options, context)] : [];
    const args = ['build', '-v', ...goFlags(build), ...overlay, '-o', join(dir, build.output), build.package];
    await run('go', args, context, options, count);
  });
  for (const name of build.links ?? []) symlinkSync(build.output, join(dir, name));
}

/** Copies files of a pinned module's folder into `dir`. */
export async function copyModuleFolder(
  { module, package: name, folder, files }: ModuleWay,
  dir: string,
  context: StepContext,
): Promise<void> {
  const source = await explained(context, () => downloadModule(name, goOptions(module), context));
  for (const file of files ?? readdirSync(join(source, folder)))
    copyFileSync(join(source, folder, file), join(dir, file));
}

function goOptions(module: string, noSumDb?: string): GoOptions {
  const unchecked = [process.env.GONOSUMDB, noSumDb].filter(Boolean).join(',');
  return {
    cwd: join(modulesDir, module),
    env: { CGO_ENABLED: '0', GOWORK: 'off', GOFLAGS: '-mod=readonly -buildvcs=false', GONOSUMDB: unchecked },
  };
}

/** Says in words what went wrong with Go. */
async function explained<T>({ signal }: StepContext, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(explainGoFailure(error), { cause: error });
  }
}

/** The folder in which Go keeps a module. */
async function downloadModule(name: string, options: GoOptions, context: StepContext): Promise<string> {
  await run('go', ['mod', 'download', name], context, options);
  return (await run('go', ['list', '-m', '-f', '{{.Dir}}', name], context, options)).trim();
}

export function goFlags({ tags, values = {} }: GoBuild): string[] {
  const variables = Object.entries(values).map(([name, value]) => ` -X ${name}=${value}`);
  return ['-trimpath', '-ldflags', `-s -w${variables.join('')}`, ...(tags ? ['-tags', tags] : [])];
}

/** Lets the compiler see the module's files beside our main.go, where `go:embed` wants them. */
async function embedOverlay(
  { module, folder, files }: NonNullable<GoBuild['embed']>,
  work: string,
  options: GoOptions,
  context: StepContext,
): Promise<string> {
  const source = await downloadModule(module, options, context);
  const overlay = join(work, 'overlay.json');
  const Replace = Object.fromEntries(
    files.map((name) => [join(options.cwd, name), join(source, folder, name)]),
  );
  writeFileSync(overlay, JSON.stringify({ Replace }));
  return overlay;
}

const GO_FAILURES: readonly (readonly [RegExp, string])[] = [
  [/requires go >=|invalid go version|unknown directive/, 'its Go is too old: install Go 1.26.3 or newer'],
  [/no space left on device/, 'the disk is full'],
  [/signal: killed/, 'the Go compiler was killed, as happens where memory runs out'],
  [/checksum mismatch|missing go\.sum/, 'a module differs from its pinned checksum'],
  [
    /dial tcp|no such host|timeout|connection re|proxyconnect|unexpected EOF|: 5\d\d |40[34] /i,
    "the Go module proxy doesn't give the modules: check the network, GOPROXY and https_proxy, then run this again",
  ],
];

/** What went wrong in half a sentence. The details are in the log. */
export function explainGoFailure(error: unknown): string {
  if (!(error instanceof ExecaError)) return String(error);
  if (error.code === 'ENOENT') return 'Go is missing: install Go 1.26.3 or newer and put it on PATH';
  return GO_FAILURES.find(([pattern]) => pattern.test(String(error.all)))?.[1] ?? 'go build failed';
}
