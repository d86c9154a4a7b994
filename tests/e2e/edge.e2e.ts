// What Traefik does by its own resources: redirect, passwords, ranges of addresses, TLS to a server whose certificate it checks.
import { expect } from 'chai';
import { serverCertificate } from '../../lib/certificates.ts';
import { hostAddress, nodeAddress } from '../../tools/cluster/index.ts';
import { prepareEngine } from '../../tools/lib/engine.ts';
import { authorityIn, type AskOptions, apply, ask, eventually, tryKubectl } from './support/cluster.ts';
import { authorization } from './support/mlflow.ts';
import { instance, stack } from './support/stack.ts';

const host = 'mlflow.example.com';
const settingsFor = (allowedCidr: string) => ({
  namespace: { name: 'mlflow', create: false },
  auth: { kind: 'edge', edge: { users: ['alice', 'robot'] } },
  server: { tls: { enabled: true } },
  ingress: {
    enabled: true,
    className: 'traefik',
    hosts: [host],
    tls: [{ selfSigned: true }],
    redirectHttp: true,
    allowedCidrs: [allowedCidr],
  },
});

describe('Passwords at the Ingress', function () {
  this.timeout('8m');
  this.bail(true);

  const node = nodeAddress(instance);
  const own = settingsFor(`${hostAddress(instance)}/32`);
  // For documentation: nobody calls from there.
  const foreign = settingsFor('192.0.2.0/24');
  const path = '/api/2.0/mlflow/experiments/get?experiment_id=0';
  let ca: string;
  let passwords: Record<string, string>;

  const basic = (username: string, password = '') => authorization({ username, password });
  const https = (headers: Record<string, string> = {}, rest: Partial<AskOptions> = {}) =>
    ask(node, { host, path, ca, headers, ...rest });

  before(async () => {
    await prepareEngine(instance);
    await stack.reset();
    await tryKubectl('create', 'namespace', 'mlflow');
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'mlflow-tls', namespace: 'mlflow' },
      type: 'kubernetes.io/tls',
      stringData: await serverCertificate(['mlflow.mlflow.svc', 'localhost'], {}),
    });
  });
  after(async () => {
    await stack.reset();
    await tryKubectl('delete', 'namespace', 'mlflow', '--ignore-not-found');
  });

  it('come up, and a second up changes nothing', async () => {
    await stack.up(own);
    await stack.run(['up', '--yes', '--skip-preview', '--expect-no-changes'], own);
    const outputs = await stack.outputs();
    expect(outputs).to.include({
      trackingUrl: `https://${host}`,
      internalTrackingUrl: 'https://mlflow.mlflow.svc:5000',
    });
    passwords = outputs.passwords as Record<string, string>;
    expect(passwords).to.have.all.keys('alice', 'robot');
    ca = await authorityIn('mlflow-ingress-self-signed');
  });

  it('lead HTTP to HTTPS before anybody is asked', async () => {
    await eventually('HTTP is answered', async () => (await ask(node, { host, path })).status !== 404);
    const answer = await ask(node, { host, path });
    expect(answer.status).to.equal(301);
    expect(answer.headers.location).to.equal(`https://${host}${path}`);
    expect((await ask(node, { host, path, method: 'POST' })).status).to.equal(308);
  });

  it('refuse who has none or a wrong one', async () => {
    await eventually('HTTPS is answered', async () => (await https()).status === 401);
    expect((await https()).headers['www-authenticate']).to.equal('Basic realm="MLflow"');
    expect((await https(basic('alice', passwords.robot))).status).to.equal(401);
    expect((await https(basic('nobody', passwords.alice))).status).to.equal(401);
    expect((await https({}, { path: '/health' })).status).to.equal(401);
  });

  it('let users through to a server that speaks TLS', async () => {
    for (const [user, password] of Object.entries(passwords)) {
      const answer = await https(basic(user, password));
      expect(answer.status, user).to.equal(200);
      expect(JSON.parse(answer.body)).to.have.nested.property('experiment.experiment_id', '0');
    }
    const artifact = {
      path: '/api/2.0/mlflow-artifacts/artifacts/edge/note.txt',
      method: 'PUT',
      body: 'text',
    };
    expect((await https(basic('robot', passwords.robot), artifact)).status).to.equal(200);
  });

  it('are no use to who comes from outside the allowed ranges', async () => {
    await stack.up(foreign);
    const login = basic('alice', passwords.alice);
    await eventually('the range is refused', async () => (await https(login)).status === 403, 30);
    expect((await https()).status).to.equal(403);
    expect((await ask(node, { host, path })).status).to.equal(403);
  });
});
