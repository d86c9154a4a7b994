// A stack as its operators have it: a file of settings, a kubeconfig, and the commands of package.json.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { contextName, hostAddress } from '../../../tools/cluster/index.ts';
import { projectDir } from '../../../tools/lib/paths.ts';
import { type Outcome, Shell, type ShellOptions } from './shell.ts';
import { instance } from './stack.ts';

export interface RunOptions extends ShellOptions {
  /** Default: the operator's own. */
  readonly stack?: string;
}

/** With a state of its own, so that neither a quickstart nor the stack of other tests is disturbed. */
export class Operator {
  readonly stack: string;
  readonly #stackFile: string;
  readonly #shell = new Shell();

  constructor(stack: string) {
    this.stack = stack;
    this.#stackFile = join(projectDir, `Pulumi.${stack}.yaml`);
  }

  /** Where commands are typed. */
  get folder(): string {
    return this.#shell.folder;
  }

  async begin(settings: object = {}): Promise<void> {
    this.settings(settings);
    const engine = join(projectDir, 'tools/lib/engine.ts');
    const program = `import { prepareEngine } from ${JSON.stringify(engine)};
      await prepareEngine('quickstart', ${JSON.stringify(this.stack)});`;
    await execa(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: projectDir,
      env: { XDG_STATE_HOME: this.#shell.state },
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

  /** Types commands, which may fail; where they name no stack, they are about the operator's own. */
  async type(commands: string | readonly string[], { env, ...options }: ShellOptions = {}): Promise<Outcome> {
    return await this.#shell.try(commands, { ...options, env: { PULUMI_STACK: this.stack, ...env } });
  }

  /** @throws Error with all that was said, when one of them fails. */
  async succeed(
    commands: string | readonly string[],
    { env, ...options }: ShellOptions = {},
  ): Promise<string> {
    return await this.#shell.run(commands, { ...options, env: { PULUMI_STACK: this.stack, ...env } });
  }

  /** `npm run SCRIPT -- ARGS --stack NAME`, which may fail. */
  async run(
    script: string,
    args: readonly string[] = [],
    { stack = this.stack, ...options }: RunOptions = {},
  ): Promise<Outcome> {
    const words = [...args, '--stack', stack].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
    return await this.type(`npm run ${script} -- ${words.join(' ')}`, options);
  }

  /** Pulumi, without questions. */
  async pulumi(command: string, ...args: string[]): Promise<Outcome> {
    return await this.run('pulumi', [command, '--non-interactive', ...args]);
  }

  /** @throws Error with all that Pulumi said, when it fails. */
  async up(...args: string[]): Promise<string> {
    const { exitCode, all } = await this.pulumi('up', '--yes', '--skip-preview', ...args);
    if (exitCode !== 0) throw new Error(`up ended with ${exitCode}:\n${all}`);
    return all;
  }

  end(): void {
    this.#shell.end();
    rmSync(this.#stackFile, { force: true });
  }
}
