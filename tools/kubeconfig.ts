// npm run -s kubeconfig: prints the path of the embedded cluster's kubeconfig, and nothing else.
import { existsSync } from 'node:fs';
import { kubeconfigPath } from './cluster/index.ts';
import { main } from './lib/main.ts';
import { QUICKSTART } from './lib/target.ts';

await main(() => {
  const path = kubeconfigPath(QUICKSTART);
  if (!existsSync(path)) throw new Error('There is no embedded cluster yet: npm run quickstart');
  console.log(path);
  return Promise.resolve();
});
