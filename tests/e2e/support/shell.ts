// A shell in which tests type the commands of the documentation as they are.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { mlflowPackagesDir } from '../../../tools/images/index.ts';
import { kubeconfigPath } from '../../../tools/cluster/index.ts';
import { projectDir } from '../../../tools/lib/paths.ts';
import { toolPath } from '../../../tools/toolchain/index.ts';
import { instance } from './stack.ts';

export interface Outcome {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  /** Standard output and error, in their order. */
  readonly all: string;
}

export interface ShellOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the command, which goes on for ever otherwise, once its output has this. */
  readonly until?: RegExp;
}

/** npm works on the project wherever it is typed; `python3` is the one that MLflow's packages are for. */
const asAtHome = `
npm() { (cd ${JSON.stringify(projectDir)} && command npm "$@"); }
python3() { command python3.11 "$@"; }
set -eo pipefail
`;

/** With a folder and a state of its own, in which the tests' cluster plays the embedded one. */
export class Shell {
  readonly folder = mkdtempSync(join(tmpdir(), 'mlflow-stack-shell-'));
  readonly state = join(this.folder, '.state');

  constructor() {
    const ownState = join(this.state, 'mlflow-stack/quickstart');
    mkdirSync(ownState, { recursive: true });
    symlinkSync(kubeconfigPath(instance), join(ownState, 'kubeconfig'));
    symlinkSync(join(projectDir, 'examples'), join(this.folder, 'examples'));
  }

  /** Types commands, one after the other, of which any may fail. */
  async try(commands: string | readonly string[], options: ShellOptions = {}): Promise<Outcome> {
    const { input, env, until } = options;
    const child = execa('bash', ['-c', asAtHome + [commands].flat().join('\n')], {
      cwd: this.folder,
      env: {
        KUBECONFIG: kubeconfigPath(instance),
        XDG_STATE_HOME: this.state,
        PATH: [dirname(toolPath('kubectl')), process.env.PATH].join(delimiter),
        PYTHONPATH: mlflowPackagesDir,
        PYTHONDONTWRITEBYTECODE: '1',
        PULUMI_SKIP_CONFIRMATIONS: 'true',
        npm_config_loglevel: 'silent',
        NO_COLOR: '1',
        ...env,
      },
      reject: false,
      all: true,
      detached: until !== undefined,
      ...(input === undefined ? { stdin: 'ignore' } : { input }),
    });
    if (until !== undefined) {
      const { pid } = child;
      let seen = '';
      const listen = (chunk: Buffer) => {
        seen += chunk.toString();
        if (!until.test(seen) || pid === undefined) return;
        child.all.off('data', listen);
        process.kill(-pid, 'SIGTERM');
      };
      child.all.on('data', listen);
    }
    const { exitCode, stdout, all } = await child;
    return { exitCode, stdout, all };
  }

  /** @throws Error with all that was said, when one of them fails, or never says what it is to be ended after. */
  async run(commands: string | readonly string[], options: ShellOptions = {}): Promise<string> {
    const { exitCode, stdout, all } = await this.try(commands, options);
    const { until } = options;
    if (until === undefined ? exitCode === 0 : until.test(all)) return stdout;
    throw new Error(`${[commands].flat().join('\n')}\nended with ${exitCode}:\n${all}`);
  }

  /** Variables that commands set for those who come after them. */
  async variables(commands: string | readonly string[]): Promise<Record<string, string>> {
    const lines = (text: string) => text.split('\n').filter((line) => line.includes('='));
    const before = new Set(lines(await this.run('env')));
    const after = lines(await this.run([...[commands].flat(), 'env']));
    return Object.fromEntries(
      after
        .filter((line) => !before.has(line))
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  end(): void {
    rmSync(this.folder, { recursive: true });
  }
}
