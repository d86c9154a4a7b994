// What people see and move: MLflow's UI in a real browser over HTTPS, and a large artifact, both through the Ingress.
import { expect } from 'chai';
import { nodeAddress } from '../../tools/cluster/index.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import { browse, screenshot } from './support/browser.ts';
import { ask, authorityIn, eventually, inMlflow, kubectlJson } from './support/cluster.ts';
import { type Credentials, asHost, mlflow } from './support/mlflow.ts';
import { instance, stack } from './support/stack.ts';

const host = 'mlflow.example.com';
const url = `https://${host}`;
const settings = {
  auth: { kind: 'basic' },
  // Its artifacts pass through the /tmp of the server, those on a claim do not.
  artifactStore: { kind: 's3Compatible' },
  ingress: {
    enabled: true,
    className: 'traefik',
    hosts: [host],
    tls: [{ selfSigned: true }],
    // Programs of this test come over HTTP.
    redirectHttp: false,
  },
};

describe('People and large files', function () {
  this.timeout('8m');
  this.bail(true);

  let admin: Credentials;
  let run: { experiment: string; run: string };
  const program = <T>(code: string) =>
    mlflow<T>(`http://${nodeAddress(instance)}`, `import as_host\n${code}`, admin, {
      ...asHost,
      AS_HOST: host,
    });

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await stack.up(settings);
    const outputs = await stack.outputs();
    admin = { username: String(outputs.adminUsername), password: String(outputs.adminPassword) };
    expect(outputs).to.include({ trackingUrl: url });
    const ca = await authorityIn('mlflow-ingress-self-signed');
    await eventually('the controller serves the host over HTTPS', async () => {
      const request = { host, port: 443, path: '/health', ca };
      return (await ask(nodeAddress(instance), request).catch(() => undefined))?.status === 200;
    });
  });
  after(() => stack.reset());

  it('are refused without a log-in', () =>
    browse(async (page) => {
      // A browser asks the person, and this one has nobody to ask.
      const refusal = await page.goto(url).catch(String);
      expect(refusal).to.include('ERR_INVALID_AUTH_CREDENTIALS');
    }));

  it('see the chart of a run', async () => {
    run = await program(`
mlflow.set_experiment("charts")
with mlflow.start_run() as run:
    for step in range(10):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
print(json.dumps({"experiment": run.info.experiment_id, "run": run.info.run_id}))`);
    await browse(async (page) => {
      await page.goto(`${url}/#/experiments/${run.experiment}/runs/${run.run}/model-metrics`);
      await page.locator('.js-plotly-plot').first().waitFor();
      expect(await page.locator('.js-plotly-plot path.js-line').count()).to.be.above(0);
      await screenshot(page, 'chart');
    }, admin);
  });

  it('make an experiment by hand', async () => {
    await browse(async (page) => {
      await page.goto(`${url}/#/experiments`);
      await page.getByRole('button', { name: 'Create', exact: true }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Experiment Name').fill('by hand');
      await dialog.getByRole('button', { name: 'Create' }).click();
      await page.getByText('by hand').first().waitFor();
      await screenshot(page, 'experiment');
    }, admin);
    const found = await program(
      'print(json.dumps(MlflowClient().get_experiment_by_name("by hand") is not None))',
    );
    expect(found).to.equal(true);
  });

  it('move an artifact of 1 GiB up and down, with the default settings', async () => {
    const same = await program(`
import hashlib, os, tempfile
with tempfile.TemporaryDirectory() as folder:
    file = os.path.join(folder, "large.bin")
    block = os.urandom(1 << 20)
    with open(file, "wb") as out:
        for index in range(1024):
            out.write(index.to_bytes(8, "big") + block[8:])
    client = MlflowClient()
    run = "${run.run}"
    client.log_artifact(run, file)
    digest = lambda path: hashlib.file_digest(open(path, "rb"), "sha256").hexdigest()
    expected = digest(file)
    os.remove(file)
    print(json.dumps(digest(client.download_artifacts(run, "large.bin", folder)) == expected))`);
    expect(same).to.equal(true);
    const { items } = await kubectlJson<{
      items: { status: { containerStatuses: { restartCount: number }[] } }[];
    }>(...inMlflow, 'get', 'pods', '--selector', 'app.kubernetes.io/component=tracking-server');
    expect(items.map(({ status }) => status.containerStatuses[0]?.restartCount)).to.deep.equal([0]);
  });
});
