// Runs mocha on the files named in its arguments and tells its parent process how many tests passed and failed. A
// process of its own per kind of test: Pulumi's mocks are global, and handles they leave open end with it.
import Mocha from 'mocha';

const [timeout, ...files] = process.argv.slice(2);
const mocha = new Mocha({ reporter: 'spec', timeout: Number(timeout), forbidOnly: Boolean(process.env.CI) });
for (const file of files) mocha.addFile(file);
await mocha.loadFilesAsync();
const runner = mocha.run((failures) => {
  const { passes = 0 } = runner.stats ?? {};
  process.send?.({ passes, failures }, () => process.exit(failures > 0 ? 1 : 0));
});
