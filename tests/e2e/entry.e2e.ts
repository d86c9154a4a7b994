// Every way in, times everything that people and programs send: what is answered, with and without users, path and TLS.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { nodeAddress } from '../../tools/cluster/index.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import { stateDir } from '../../tools/lib/paths.ts';
import type { Overrides } from '../../tools/lib/scratch-stack.ts';
import { documented } from '../support/documentation.ts';
import { serverCertificate } from '../../lib/certificates.ts';
import {
  type AskOptions,
  apply,
  authorityIn,
  ask,
  eventually,
  runGc,
  servingPods,
  tryKubectl,
} from './support/cluster.ts';
import { type Credentials, authorization } from './support/mlflow.ts';
import { expectNoFindings } from './support/policy.ts';
import { Shell } from './support/shell.ts';
import { instance, stack } from './support/stack.ts';

const pod = { resources: { requests: { cpu: '100m', memory: '512Mi' } } };
const admin: Credentials = { username: 'admin', password: 'correct horse battery' };
const asAdmin = authorization(admin);

/** A trace of one span, as an exporter of OpenTelemetry sends it. */
function trace(): string {
  const id = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex');
  const now = BigInt(Date.now()) * 1_000_000n;
  const span = {
    traceId: id(16),
    spanId: id(8),
    name: 'question',
    kind: 1,
    startTimeUnixNano: String(now),
    endTimeUnixNano: String(now + 1_000_000n),
  };
  return JSON.stringify({ resourceSpans: [{ resource: {}, scopeSpans: [{ spans: [span] }] }] });
}

const json = { 'content-type': 'application/json' };
const search = { method: 'POST', headers: json, body: JSON.stringify({ max_results: 1 }) };
const searchPath = '/ajax-api/2.0/mlflow/experiments/search';

/** What is sent, by what it stands for. `origin` is that of the way in. */
const requests: Record<string, (origin: string) => Omit<AskOptions, 'host'>> = {
  'the page of the UI': () => ({ path: '/' }),
  "a POST of the UI's own": (origin) => ({ ...search, path: searchPath, headers: { ...json, origin } }),
  'a POST of a foreign page': () => ({
    ...search,
    path: searchPath,
    headers: { ...json, origin: 'https://evil.example' },
  }),
  'a request of a client': () => ({ path: '/api/2.0/mlflow/experiments/get?experiment_id=0' }),
  'an artifact': () => ({
    path: '/api/2.0/mlflow-artifacts/artifacts/entry/note.txt',
    method: 'PUT',
    body: 'text',
  }),
  'a trace': () => ({
    path: '/v1/traces',
    method: 'POST',
    headers: { ...json, 'x-mlflow-experiment-id': '0' },
    body: trace(),
  }),
  'a health check': () => ({ path: '/health' }),
};

/** Statuses in the order of the requests. */
type Row = readonly number[];
const welcome: Row = [200, 200, 403, 200, 200, 200, 200];
/** The Host is refused, but for a health check. */
const refused: Row = [403, 403, 403, 403, 403, 403, 200];
/** A foreign page is refused before anybody is asked for a log-in. */
const unknownUser: Row = [401, 401, 403, 401, 401, 401, 200];
/** Traces are asked for a log-in first. */
const refusedUser: Row = [403, 403, 403, 403, 403, 401, 200];
/** Nobody opens the UI by the address of a pod. */
const unknownUserByAddress: Row = [401, 403, 403, 401, 401, 401, 200];
const nowhere: Row = [404, 404, 404, 404, 404, 404, 404];

interface WayIn {
  readonly title: string;
  readonly address: string;
  readonly host: string;
  readonly port: number;
  readonly ca?: string;
  /** What its certificate is for. Default: the host. */
  readonly servername?: string;
  readonly row: Row;
}

/** Sends everything through a way in, below a path, and compares the answers. */
async function expectRow(
  { title, address, host, port, row, ...tls }: WayIn,
  prefix: string,
  headers: Record<string, string> = {},
): Promise<void> {
  const origin = `${tls.ca === undefined ? 'http' : 'https'}://${host}`;
  const statuses: [string, number][] = [];
  for (const [name, make] of Object.entries(requests)) {
    const { path = '', ...rest } = make(origin);
    const options = { ...rest, headers: { ...rest.headers, ...headers }, path: `${prefix}${path}` };
    const answer = await ask(address, { ...options, host, port, ...tls });
    statuses.push([name, answer.status]);
  }
  expect(Object.fromEntries(statuses), title).to.deep.equal(
    Object.fromEntries(Object.keys(requests).map((name, index) => [name, row[index]])),
  );
}

/** Names of the Service, as clients in the cluster put them into Host. */
const serviceNames = ['mlflow', 'mlflow.mlflow', 'mlflow.mlflow.svc', 'mlflow.mlflow.svc.cluster.local'];
const ingress = { enabled: true, className: 'traefik', hosts: ['web.localhost'], port: 80 };
const httpRoute = {
  enabled: true,
  parentRefs: [{ name: 'traefik', namespace: 'traefik', sectionName: 'http' }],
  // In the certificate of the Gateway.
  hosts: ['mlflow.localhost'],
};

/** Ways to the pod itself, by its address. */
async function direct(
  rows: { known: Row; podAddress: Row; unknownHost?: Row },
  ca?: string,
): Promise<WayIn[]> {
  const [{ address } = { address: '' }] = await servingPods();
  const to = { address, port: 5000, ...(ca !== undefined && { ca, servername: 'mlflow.mlflow.svc' }) };
  return [
    ...serviceNames.flatMap((name) => [
      { title: `Service ${name}`, ...to, host: `${name}:5000`, row: rows.known },
      { title: `Service ${name} at the usual port`, ...to, host: name, row: rows.known },
    ]),
    { title: 'the address of the pod', ...to, host: `${address}:5000`, row: rows.podAddress },
    { title: 'an unknown host', ...to, host: 'evil.example', row: rows.unknownHost ?? refused },
  ];
}

const portForward = (row: Row, action: (way: WayIn) => Promise<void>) =>
  stack.reach((url) => {
    const { hostname, port } = new URL(url);
    return action({
      title: 'the port-forward',
      address: hostname,
      port: Number(port),
      host: `${hostname}:${port}`,
      row,
    });
  });

/** The controller learns of a new way in a moment later. */
const reachable = ({ address, host, port, ca }: WayIn, path: string) =>
  eventually(`${host} is served`, async () => {
    const answer = await ask(address, { host, port, path, ...(ca !== undefined && { ca }) }).catch(
      () => undefined,
    );
    return answer?.status === 200;
  });

describe('The ways in', function () {
  this.timeout('8m');
  this.bail(true);

  const node = nodeAddress(instance);

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await tryKubectl('create', 'namespace', 'mlflow');
  });
  after(async () => {
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
  });

  const base: Overrides = { namespace: { name: 'mlflow', create: false } };

  describe('without log-in, path and TLS', () => {
    const settings = { ...base, ingress, httpRoute, server: pod };

    it('come up, and a second up changes nothing', async () => {
      await stack.up(settings);
      await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], settings);
    });

    it('answer who comes by a name that they know, and nobody else', async () => {
      const web = { address: node, port: 80 };
      const public_ = ['web.localhost', 'mlflow.localhost'].map((host) => ({
        title: host,
        ...web,
        host,
        row: welcome,
      }));
      for (const way of public_) await reachable(way, '/health');
      for (const way of [
        ...public_,
        { title: 'an unknown host at the controller', ...web, host: 'evil.example', row: nowhere },
        ...(await direct({ known: welcome, podAddress: refused })),
      ])
        await expectRow(way, '');
      await portForward(welcome, (way) => expectRow(way, ''));
    });

    it('show no metrics that nobody asked for', async () => {
      const answer = await ask(node, { host: 'web.localhost', path: '/metrics' });
      expect(answer.body).not.to.include('mlflow_http_request_total');
    });
  });

  describe('with log-in, path and TLS', () => {
    const prefix = '/tracking';
    const settings = {
      ...base,
      auth: { kind: 'basic', adminPassword: admin.password },
      metrics: { enabled: true },
      ingress: { ...ingress, redirectHttp: false, tls: [{ selfSigned: true }] },
      httpRoute: {
        ...httpRoute,
        tls: true,
        parentRefs: [{ name: 'traefik', namespace: 'traefik', sectionName: 'https' }],
      },
      server: { ...pod, staticPrefix: prefix },
    };
    let ways: WayIn[];

    it('come up, and a second up keeps the certificate that was made', async () => {
      await stack.up(settings);
      await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], settings);
      expect((await stack.exportedState()).text).not.to.include('PRIVATE KEY');
      await expectNoFindings();
      expect(await stack.outputs()).to.include({ trackingUrl: `https://web.localhost${prefix}` });
    });

    it('answer health checks, and ask everybody else for a log-in', async () => {
      const shell = new Shell();
      const { MLFLOW_TRACKING_SERVER_CERT_PATH = '' } = await shell.variables([
        documented('npm run -s kubectl -- --namespace mlflow get secret mlflow-ingress-self-signed…'),
        documented('export MLFLOW_TRACKING_SERVER_CERT_PATH=$PWD/mlflow-ca.crt'),
      ]);
      const ingressCa = readFileSync(MLFLOW_TRACKING_SERVER_CERT_PATH, 'utf8');
      shell.end();
      const gatewayCa = readFileSync(join(stateDir(instance), 'cluster/pki/ca.crt'), 'utf8');
      ways = [
        {
          title: 'Ingress',
          address: node,
          port: 443,
          host: 'web.localhost',
          ca: ingressCa,
          row: unknownUser,
        },
        { title: 'Ingress over HTTP', address: node, port: 80, host: 'web.localhost', row: unknownUser },
        {
          title: 'route',
          address: node,
          port: 443,
          host: 'mlflow.localhost',
          ca: gatewayCa,
          row: unknownUser,
        },
        // A scraper of metrics calls pods by their address.
        ...(await direct({
          known: unknownUser,
          podAddress: unknownUserByAddress,
          unknownHost: refusedUser,
        })),
      ];
      for (const way of ways.slice(0, 3)) await reachable(way, `${prefix}/health`);
      for (const way of ways) await expectRow(way, prefix);
      await portForward(unknownUser, (way) => expectRow(way, prefix));
    });

    it('let users in', async () => {
      const isKnown = ({ row }: WayIn) => row === unknownUser;
      for (const way of ways.filter(isKnown)) await expectRow({ ...way, row: welcome }, prefix, asAdmin);
      await portForward(welcome, (way) => expectRow(way, prefix, asAdmin));
    });

    it('lead nowhere beside the path, where metrics are', async () => {
      for (const { title, address, port, host, ca } of ways.slice(0, 3)) {
        const options = { port, host, headers: asAdmin, ...(ca !== undefined && { ca }) };
        for (const path of ['/', '/metrics', '/health'])
          expect((await ask(address, { ...options, path })).status, `${title} ${path}`).to.equal(404);
      }
      const [{ address } = { address: '' }] = await servingPods();
      const scrape = { port: 5000, host: `${address}:5000`, path: '/metrics' };
      expect((await ask(address, scrape)).status).to.equal(401);
      expect((await ask(address, { ...scrape, headers: asAdmin })).status).to.equal(200);
    });

    it('refuse a certificate that is not for its host before anything changes', async () => {
      const files = await serverCertificate(['other.example'], {});
      const tls = [{ certificate: files['tls.crt'], key: files['tls.key'] }];
      const { exitCode, output } = await stack.try(['preview'], {
        ...settings,
        ingress: { ...settings.ingress, tls },
      });
      expect(exitCode).not.to.equal(0);
      expect(output).to.include('mlflow-stack:ingress.tls[0].certificate is not for web.localhost');
      expect(output).not.to.include('PRIVATE KEY');
    });
  });

  describe('with TLS up to the server', () => {
    const settings = {
      ...base,
      ingress: { enabled: false },
      server: { ...pod, workers: 2, tls: { enabled: true } },
      gc: { olderThan: 'all' },
    };

    it('come up, and a second up changes nothing', async () => {
      const names = [
        'mlflow.mlflow.svc',
        'mlflow.mlflow.svc.cluster.local',
        'mlflow.mlflow',
        'mlflow',
        'localhost',
      ];
      const files = await serverCertificate(names, {});
      await apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'mlflow-tls', namespace: 'mlflow' },
        type: 'kubernetes.io/tls',
        stringData: files,
      });
      await stack.up(settings);
      await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], settings);
      expect(await stack.outputs()).to.include({
        internalTrackingUrl: 'https://mlflow.mlflow.svc:5000',
        trackingUrl: 'https://127.0.0.1:5000',
      });
    });

    it('answer over TLS alone', async () => {
      const ca = await authorityIn('mlflow-tls');
      for (const way of await direct({ known: welcome, podAddress: refused }, ca)) await expectRow(way, '');
      const [{ address } = { address: '' }] = await servingPods();
      const plain = await ask(address, { port: 5000, host: 'mlflow:5000', path: '/health' }).catch(
        () => undefined,
      );
      expect(plain).to.equal(undefined);
    });

    it('serve garbage collection, which knows the server by its authority', () => runGc());
  });
});
