// The policy pack beside a real preview. The engine starts a pack through the language host of its runtime; the host that can be
// built from modules is too old for that, so the pack names a runtime of its own here, whose plug-in starts the SDK's entry
// point as the released host does.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { prepareEngine, pulumiDir } from '../../tools/lib/engine.ts';
import { projectDir } from '../../tools/lib/paths.ts';
import type { Overrides } from '../../tools/lib/scratch-stack.ts';
import { instance, stack } from './support/stack.ts';

describe('A preview with the policy pack', function () {
  this.timeout('3m');
  const folder = mkdtempSync(join(tmpdir(), 'mlflow-stack-'));
  const plugin = join(pulumiDir(instance), 'plugins/analyzer-policy-direct-v1.0.0');

  before(async () => {
    await prepareEngine(instance);
    writeFileSync(join(folder, 'PulumiPolicy.yaml'), 'runtime: direct\n');
    mkdirSync(plugin, { recursive: true });
    const entry = join(projectDir, 'node_modules/@pulumi/pulumi/cmd/run-policy-pack');
    writeFileSync(
      join(plugin, 'pulumi-analyzer-policy-direct'),
      `#!/bin/sh\ncd "${join(projectDir, 'policy')}" && exec "${process.execPath}" "${entry}" "$1" .\n`,
      { mode: 0o755 },
    );
    await stack.reset();
  });

  after(() => {
    for (const each of [folder, plugin]) rmSync(each, { recursive: true });
  });

  const preview = (overrides: Overrides) => stack.try(['preview', '--policy-pack', folder], overrides);

  it('passes where nothing is wrong', async () => {
    const { exitCode, output } = await preview({ dataProtection: 'retain' });
    expect(output).to.match(/Policies:\s+✅ mlflow-stack@v\d/);
    expect(exitCode, output).to.equal(0);
  });

  it('is refused where data could be lost, and names rule and resource', async () => {
    const { exitCode, output } = await preview({ dataProtection: 'delete' });
    expect(exitCode).not.to.equal(0);
    expect(output).to.match(
      /\[mandatory\]\s+protected-data\s+\(kubernetes:core\/v1:PersistentVolumeClaim: mlflow-/,
    );
    expect(output).to.include('set dataProtection to retain or protect');
  });

  it('is refused for a secret among plain settings', async () => {
    const server = { env: { SOME_TOKEN: 'abc' } };
    const { exitCode, output } = await preview({ dataProtection: 'retain', server });
    expect(exitCode).not.to.equal(0);
    expect(output).to.include('key SOME_TOKEN of a ConfigMap holds a secret');
  });
});
