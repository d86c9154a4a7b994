// A stack with the settings of its file on an embedded cluster of its own, for tests and benchmarks.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { parseDocument } from 'yaml';
import { contextName, hostAddress, kubeconfigPath } from '../cluster/index.ts';
import { toolPath } from '../toolchain/index.ts';
import { whileForwarded } from './forward.ts';
import { LOCAL_STACK, pulumi, recoverStack, stackFile, stackLocks } from './engine.ts';

/** What a Pulumi command came to. */
export interface Result {
  readonly exitCode: number | undefined;
  /** Standard output and error, as a user sees them. */
  readonly output: string;
}

/** Values that take the place of those in the stack's file, by top-level key. */
export type Overrides = Record<string, unknown>;

/** A resource in the state. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly custom: boolean;
  /** Secrets in them are encrypted. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly protect?: boolean;
  /** URN and id. */
  readonly provider?: string;
}

export class ScratchStack {
  readonly #instance: string;
  readonly #stack: string;

  constructor(instance: string, stack = LOCAL_STACK) {
    this.#instance = instance;
    this.#stack = stack;
  }

  /** Runs a Pulumi command that may fail. */
  async try(args: string[], overrides: Overrides = {}): Promise<Result> {
    return await this.withSettings(overrides, async (fileArgs) => {
      // `stack output` and its like only look at the state, and know no file of settings.
      const about = args[0] === 'stack' ? ['--stack', this.#stack] : fileArgs;
      const { exitCode, all } = await this.#start([...args, ...about]);
      return { exitCode, output: String(all) };
    });
  }

  /** Runs a Pulumi command that must succeed; gives back what it printed. */
  async run(args: string[], overrides: Overrides = {}): Promise<string> {
    const { exitCode, output } = await this.try(args, overrides);
    if (exitCode !== 0) throw new Error(`pulumi ${args.join(' ')} ended with ${exitCode}:\n${output}`);
    return output;
  }

  up(overrides?: Overrides): Promise<string> {
    return this.run(['up', '--yes', '--skip-preview'], overrides);
  }

  destroy(overrides?: Overrides): Promise<string> {
    return this.run(['destroy', '--yes', '--skip-preview'], overrides);
  }

  /** Nothing is left of an earlier stack, whatever state it was in. */
  async reset(): Promise<void> {
    await this.unlock();
    await this.#start(['state', 'unprotect', '--all', '--yes']);
    await this.#endPods();
    await this.destroy();
  }

  /** Starts an update and kills the engine without warning as soon as `when` says so. */
  async killedUp(when: () => Promise<boolean>): Promise<void> {
    await this.withSettings({}, async (fileArgs) => {
      const child = this.#start(['up', '--yes', '--skip-preview', ...fileArgs]);
      while (!(await when())) {
        if (child.exitCode !== null) {
          throw new Error(`the update ended before it could be killed:\n${String((await child).all)}`);
        }
      }
      // The whole group: engine, language host, program and plugins.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await child;
    });
  }

  /** What an operator does after an engine was killed. */
  async unlock(): Promise<void> {
    if (stackLocks(this.#instance, this.#stack).length > 0) {
      await this.withSettings({}, (fileArgs) => recoverStack(this.#instance, this.#stack, fileArgs));
    }
  }

  async outputs(): Promise<Record<string, unknown>> {
    const { stdout } = await pulumi(this.#instance, this.#stack, [
      'stack',
      'output',
      '--json',
      '--show-secrets',
      '--stack',
      this.#stack,
    ]);
    return JSON.parse(String(stdout)) as Record<string, unknown>;
  }

  /** The state as `pulumi stack export` shows it, and its resources. */
  async exportedState(): Promise<{ text: string; resources: StateResource[] }> {
    const { stdout } = await pulumi(this.#instance, this.#stack, ['stack', 'export', '--stack', this.#stack]);
    const text = String(stdout);
    const { deployment } = JSON.parse(text) as { deployment: { resources?: StateResource[] } };
    return { text, resources: deployment.resources ?? [] };
  }

  /** Opens a port on loopback to the server for as long as `action` takes. */
  async reach<T>(action: (url: string) => Promise<T>): Promise<T> {
    const { service } = (await this.outputs()) as {
      service: { namespace: string; name: string; port: number };
    };
    const child = execa(
      toolPath('kubectl'),
      [
        ...['--kubeconfig', kubeconfigPath(this.#instance), '--namespace', service.namespace],
        ...['port-forward', `service/${service.name}`, `:${service.port}`],
      ],
      { reject: false },
    );
    return whileForwarded(child, (port) => action(`http://127.0.0.1:${port}`));
  }

  /**
   * Kubernetes deletes the pods of a namespace before anything else in it, and comes back for the rest after half of their
   * grace period. Without pods that takes seconds. Nobody needs what they have not written yet, so they get no time to end;
   * Kubernetes does not shorten what it has begun, so it must not begin by itself.
   */
  async #endPods(): Promise<void> {
    for (const args of [
      ['deployments,replicasets,statefulsets', '--cascade=orphan'],
      ['pods', '--grace-period=1'],
    ])
      await execa(toolPath('kubectl'), [
        ...['--kubeconfig', kubeconfigPath(this.#instance), '--namespace', 'mlflow'],
        ...['delete', ...args, '--all'],
      ]);
  }

  #start(args: string[]) {
    const command = [...args, '--stack', this.#stack, '--non-interactive', '--color', 'never'];
    return pulumi(this.#instance, this.#stack, command, { all: true, reject: false, detached: true });
  }

  /** Writes a stack file with the settings; `action` is told by arguments where it is. */
  async withSettings<T>(overrides: Overrides, action: (fileArgs: string[]) => Promise<T>): Promise<T> {
    const folder = mkdtempSync(join(tmpdir(), 'mlflow-stack-'));
    const file = join(folder, `Pulumi.${this.#stack}.yaml`);
    const document = parseDocument(readFileSync(stackFile(this.#stack), 'utf8'));
    const settings = {
      kubernetes: {
        context: contextName(this.#instance),
        // Other stacks see the kubeconfig of whoever runs them.
        ...(this.#stack !== LOCAL_STACK && { kubeconfig: kubeconfigPath(this.#instance) }),
      },
      // Tests and benchmarks call pods and Services from this machine.
      networkPolicy: { clients: [{ cidr: `${hostAddress(this.#instance)}/32` }] },
      ...overrides,
    };
    for (const [key, value] of Object.entries(settings)) {
      document.setIn(['config', `mlflow-stack:${key}`], value);
    }
    writeFileSync(file, document.toString());
    try {
      return await action(['--config-file', file]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}
