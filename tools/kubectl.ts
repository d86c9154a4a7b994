// npm run kubectl -- ARGS: kubectl on the embedded cluster, and on no other.
import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { kubeconfigPath } from './cluster/index.ts';
import { main } from './lib/main.ts';
import { QUICKSTART } from './lib/target.ts';
import { toolPath } from './toolchain/index.ts';

await main(async (args, signal) => {
  const kubeconfig = kubeconfigPath(QUICKSTART);
  if (!existsSync(kubeconfig)) throw new Error('The embedded cluster is not running: npm run quickstart');
  const env = { KUBECONFIG: kubeconfig };
  const { exitCode } = await execa(toolPath('kubectl'), args, {
    env,
    stdio: 'inherit',
    reject: false,
    cancelSignal: signal,
  });
  return exitCode ?? 1;
});
