// main.ts CLOUD: the test double of a cloud's plug-in as a process. DOUBLE_STATE is the folder of its pretended cloud.
import { join } from 'node:path';
import { Declarations } from './inputs.ts';
import { type DoubledCloud, pluginVersion } from './install.ts';
import { type CloudTable, serve } from './provider.ts';
import { Store } from './store.ts';

const cloud = process.argv[2] as DoubledCloud;
const dir = process.env.DOUBLE_STATE;
if (dir === undefined) throw new Error('DOUBLE_STATE is not set');
// By this name tools find the plug-ins that a killed engine left behind.
process.title = `pulumi-resource-${cloud}`;
const { table } = (await import(`./${cloud}/table.ts`)) as { table: CloudTable };
const version = pluginVersion(cloud);
await serve({
  ...table,
  version,
  declarations: new Declarations(cloud, join(dir, `declarations-${version}.json`)),
  store: new Store(dir),
});
