// Single sign-on for people and tokens for programs, by a plug-in and by a proxy: a real identity provider, a real browser.
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { hostAddress, nodeAddress } from '../../tools/cluster/index.ts';
import { mlflowWithOidc } from '../../tools/images/index.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import type { Overrides } from '../../tools/lib/scratch-stack.ts';
import { documented, pulumiArgs } from '../support/documentation.ts';
import { browse, screenshot } from './support/browser.ts';
import {
  apply,
  ask,
  inMlflow,
  inServer,
  kubectl,
  kubectlJson,
  runCronJob,
  servingPods,
  sql,
  tryKubectl,
} from './support/cluster.ts';
import { IdentityProvider, client } from './support/identity-provider.ts';
import { asHost, authorization, mlflow } from './support/mlflow.ts';
import { expectNoFindings } from './support/policy.ts';
import { instance, stack } from './support/stack.ts';

const host = 'mlflow.example.com';
const url = `http://${host}`;
const base: Overrides = {
  namespace: { name: 'mlflow', create: false },
  ingress: { enabled: true, className: 'traefik', hosts: [host] },
  gc: { olderThan: 'all' },
  metrics: { enabled: true },
};
const [repository = '', tag = ''] = mlflowWithOidc.name.split(':');

/** What each way of single sign-on needs, and what it shows to whom it does not let in. */
const ways = {
  plugin: {
    settings: ({ issuer }: IdentityProvider): Overrides => ({
      ...base,
      server: { image: { repository, tag } },
      auth: {
        kind: 'plugin',
        plugin: {
          appName: 'oidc-auth',
          env: {
            OIDC_DISCOVERY_URL: `${issuer}/.well-known/openid-configuration`,
            OIDC_CLIENT_ID: client.id,
            OIDC_AUDIENCE: client.id,
            OIDC_ISSUER: issuer,
            OIDC_PROVISION_ON_BEARER_AUTH: 'true',
            OIDC_SCOPE: 'openid email profile groups',
            OIDC_GROUP_NAME: 'scientists',
          },
          envFrom: [{ secretRef: { name: 'oidc-client' } }],
        },
      },
    }),
    callback: `${url}/callback`,
    refusal: 'not allowed to login',
  },
  oauth2Proxy: {
    settings: ({ issuer }: IdentityProvider): Overrides => ({
      ...base,
      auth: {
        kind: 'oauth2Proxy',
        oauth2Proxy: {
          issuerUrl: issuer,
          clientId: client.id,
          clientSecretFrom: { secretName: 'oidc-client', key: 'OIDC_CLIENT_SECRET' },
          allowedGroups: ['scientists'],
          scopes: ['openid', 'email', 'groups'],
          users: ['robot'],
        },
      },
    }),
    callback: `${url}/oauth2/callback`,
    refusal: 'Forbidden',
  },
};

async function logIn(page: Page, name: string): Promise<void> {
  // The provider's page wants a font of the world.
  await page.route(/googleapis/, (route) => route.abort());
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await page.fill('[name=login]', name);
  await page.fill('[name=password]', 'any');
  await page.click('[type=submit]');
  await page.locator('input[value=consent]').waitFor({ state: 'attached' });
  await page.click('[type=submit]');
}

/** Through the entry, as `host`. */
const request = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  ask(nodeAddress(instance), { host, path, headers, method });
const basic = (username: string, password: string) => authorization({ username, password });
const program = <T>(code: string, variables: Record<string, string>) =>
  mlflow<T>(`http://${nodeAddress(instance)}`, `import as_host\n${code}`, undefined, {
    ...asHost,
    AS_HOST: host,
    ...variables,
  });
const logRun = `
mlflow.set_experiment("from a program")
with mlflow.start_run() as run:
    mlflow.log_text("text", "notes.txt")
assert mlflow.artifacts.load_text(run.info.artifact_uri + "/notes.txt") == "text"
MlflowClient().delete_run(run.info.run_id)
print(json.dumps(run.info.run_id))`;

for (const [kind, way] of Object.entries(ways)) {
  describe(`Single sign-on by ${kind}`, function () {
    this.timeout('10m');
    this.bail(true);

    let provider: IdentityProvider;
    let settings: Overrides;

    before(async () => {
      await prepareEngine(instance);
      await stack.reset();
      await tryKubectl('create', 'namespace', 'mlflow');
      await apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'oidc-client', namespace: 'mlflow' },
        stringData: { OIDC_CLIENT_SECRET: client.secret },
      });
      provider = await IdentityProvider.start(hostAddress(instance), [way.callback]);
      settings = way.settings(provider);
    });
    after(async () => {
      provider.stop();
      await stack.reset();
      await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
    });

    it('comes up, and a second up changes nothing', async () => {
      await stack.up(settings);
      await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], settings);
      expect((await stack.exportedState()).text).not.to.include(client.secret);
      await expectNoFindings();
    });

    it('lets people in by a browser, who can work there', () =>
      browse(async (page) => {
        await logIn(page, 'alice');
        await page.getByText('Welcome to MLflow').waitFor();
        expect(new URL(page.url()).origin).to.equal(url);
        // As the UI does, with the session that the browser now has.
        const create = async (name: string) => {
          const body = JSON.stringify({ name });
          const headers = { 'content-type': 'application/json' };
          return (await fetch('/ajax-api/2.0/mlflow/experiments/create', { method: 'POST', headers, body }))
            .status;
        };
        expect(await page.evaluate(create, `by alice, with ${kind}`)).to.equal(200);
        await page.goto(`${url}/#/experiments`);
        await page.getByText(`by alice, with ${kind}`).waitFor();
        await screenshot(page, `sign-on-${kind}`);
      }));

    it('keeps out whom no allowed group has', () =>
      browse(async (page) => {
        await logIn(page, 'stranger');
        await page.getByText(way.refusal).first().waitFor();
        const status = () =>
          fetch('/ajax-api/2.0/mlflow/experiments/search?max_results=1').then((r) => r.status);
        expect(await page.evaluate(status)).to.equal(401);
      }));

    it('lets programs in by a token of the provider', async () => {
      const MLFLOW_TRACKING_TOKEN = await provider.token();
      expect(await program<string>(logRun, { MLFLOW_TRACKING_TOKEN })).to.match(/^[0-9a-f]{32}$/);
    });

    it('shows nothing to anybody else, and lets probes through', async () => {
      const search = '/api/2.0/mlflow/experiments/search?max_results=1';
      const forged = { authorization: `Bearer ${(await provider.token()).slice(0, -8)}AAAAAAAA` };
      const intruders: Record<string, string>[] = [
        {},
        forged,
        basic('alice', 'any'),
        { 'x-forwarded-uri': '/health' },
      ];
      for (const headers of intruders)
        for (const path of [search, '/metrics', '/version', '/graphql'])
          expect((await request(path, headers)).status, path).to.be.oneOf([401, 403]);
      expect((await request('/v1/traces', {}, 'POST')).status).to.be.oneOf([401, 403]);
      expect((await request('/health')).status).to.equal(200);
    });

    it('answers no other port of the pod, and no other host', async () => {
      const [{ address } = { address: '' }] = await servingPods();
      const token = { authorization: `Bearer ${await provider.token()}` };
      expect(
        (
          await ask(address, {
            port: 5000,
            host: 'evil.example.com',
            path: '/api/2.0/mlflow/experiments/search?max_results=1',
            headers: token,
          })
        ).status,
      ).to.equal(403);
      const elsewhere = await ask(address, { port: 5001, host, path: '/' }).catch(() => undefined);
      expect(elsewhere).to.equal(undefined);
    });

    it('gives the metrics to their scraper', async () => {
      const { items } = await kubectlJson<{
        items: { metadata: { name: string }; data: Record<'username' | 'password', string> }[];
      }>(...inMlflow, 'get', 'secrets', '--selector', 'app.kubernetes.io/component=auth');
      const { data } = items.find(({ metadata }) => metadata.name.startsWith('mlflow-auth-metrics')) ?? {};
      const log = basic(atob(data?.username ?? ''), atob(data?.password ?? ''));
      const [{ address } = { address: '' }] = await servingPods();
      const answer = await ask(address, {
        port: 5000,
        host: `${address}:5000`,
        path: '/metrics',
        headers: log,
      });
      expect(answer.status).to.equal(200);
      expect(answer.body).to.include('mlflow_http_request_total');
    });

    it('collects garbage', async () => {
      await runCronJob('mlflow-gc');
      expect(await sql("SELECT count(*) FROM runs WHERE lifecycle_stage = 'deleted'")).to.deep.equal(['0']);
      expect(await kubectl(...inServer, 'find', '/mlflow/artifacts', '-name', 'notes.txt')).to.equal('');
    });

    it('says how to get in', async () => {
      const { signIn } = (await stack.outputs()) as {
        signIn: { people: { url: string }; programs: { url: string; variables: Record<string, string> } };
      };
      expect(signIn.people.url).to.equal(url);
      expect(signIn.programs.variables).to.include.keys('MLFLOW_TRACKING_URI', 'MLFLOW_TRACKING_TOKEN');
    });

    if (kind === 'oauth2Proxy')
      it('lets programs in by the password that an output shows', async () => {
        const output = documented('npm run pulumi -- stack output passwords --show-secrets');
        const passwords = JSON.parse(await stack.run(pulumiArgs(output))) as Record<string, string>;
        const log = {
          MLFLOW_TRACKING_USERNAME: 'robot',
          MLFLOW_TRACKING_PASSWORD: passwords.robot ?? '',
        };
        expect(await program<string>(logRun, log)).to.match(/^[0-9a-f]{32}$/);
      });
  });
}
