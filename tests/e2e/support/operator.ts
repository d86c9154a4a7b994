// A stack as its operators have it: a file of settings, a kubeconfig, and the commands of package.json.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { contextName, hostAddress, kubeconfigPath } from '../../../tools/cluster/index.ts';
import { projectDir } from '../../../tools/lib/paths.ts';
import { instance } from './stack.ts';

export interface Outcome {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  /** Standard output and error, in their order. */
  readonly all: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the operator's own. */
  readonly stack?: string;
}

/** With a state of its own, so that neither a quickstart nor the stack of other tests is disturbed. */
export class Operator {
  readonly stack: string;
  readonly #stackFile: string;
  readonly #state = mkdtempSync(join(tmpdir(), 'mlflow-stack-operator-'));
  readonly #kubeconfig = kubeconfigPath(instance);

  constructor(stack: string) {
    this.stack = stack;
    this.#stackFile = join(projectDir, `Pulumi.${stack}.yaml`);
  }

  async begin(settings: object = {}): Promise<void> {
    this.settings(settings);
    const engine = join(projectDir, 'tools/lib/engine.ts');
    const program = `import { prepareEngine } from ${JSON.stringify(engine)};
      await prepareEngine('quickstart', ${JSON.stringify(this.stack)});`;
    await execa(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: projectDir,
      env: this.#environment,
    });
  }

  /** Writes the stack file. */
  settings(changes: object = {}): void {
    const settings = {
      cloud: 'local',
      kubernetes: { context: contextName(instance) },
      // Tests call pods from this machine.
      networkPolicy: { clients: [{ cidr: `${hostAddress(instance)}/32` }] },
      ...changes,
    };
    const config = Object.entries(settings).map(([key, value]) => [`mlflow-stack:${key}`, value]);
    writeFileSync(this.#stackFile, stringify({ config: Object.fromEntries(config) as object }));
  }

  /** `npm run SCRIPT -- ARGS --stack NAME`, which may fail. */
  async run(
    script: string,
    args: readonly string[] = [],
    { input, env, stack = this.stack }: RunOptions = {},
  ): Promise<Outcome> {
    const { exitCode, stdout, all } = await execa(
      'npm',
      ['run', '--silent', script, '--', ...args, '--stack', stack],
      {
        cwd: projectDir,
        env: { ...this.#environment, ...env },
        reject: false,
        all: true,
        ...(input === undefined ? { stdin: 'ignore' } : { input }),
      },
    );
    return { exitCode, stdout, all };
  }

  /** Pulumi, without questions. */
  async pulumi(command: string, ...args: string[]): Promise<Outcome> {
    return await this.run('pulumi', [command, '--non-interactive', '--color', 'never', ...args]);
  }

  /** @throws Error with all that Pulumi said, when it fails. */
  async up(...args: string[]): Promise<string> {
    const { exitCode, all } = await this.pulumi('up', '--yes', '--skip-preview', ...args);
    if (exitCode !== 0) throw new Error(`up ended with ${exitCode}:\n${all}`);
    return all;
  }

  async end(): Promise<void> {
    await this.pulumi('destroy', '--yes', '--skip-preview');
    rmSync(this.#state, { recursive: true });
    rmSync(this.#stackFile, { force: true });
  }

  get #environment(): Record<string, string> {
    return { XDG_STATE_HOME: this.#state, KUBECONFIG: this.#kubeconfig };
  }
}
