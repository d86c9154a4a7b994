// Runs mocha on the files named in its arguments and tells its parent process how many tests passed and failed. A
// process of its own per kind of test: Pulumi's mocks are global, and handles they leave open end with it. Of several
// files each has a process of its own, as many at a time as there are processors.
import { availableParallelism } from 'node:os';
import Mocha from 'mocha';

const [timeout, ...files] = process.argv.slice(2);
const parallel = files.length > 1;
const mocha = new Mocha({
  reporter: 'spec',
  timeout: Number(timeout),
  forbidOnly: Boolean(process.env.CI),
  parallel,
  jobs: availableParallelism(),
});
for (const file of files) mocha.addFile(file);
if (!parallel) await mocha.loadFilesAsync();
const runner = mocha.run((failures) => {
  const { passes = 0 } = runner.stats ?? {};
  process.send?.({ passes, failures }, () => process.exit(failures > 0 ? 1 : 0));
});
