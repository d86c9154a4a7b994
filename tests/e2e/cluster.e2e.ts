// The embedded cluster itself: what it does that a stack relies on.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { nodeAddress } from '../../tools/cluster/index.ts';
import { addonsImage } from '../../tools/images/index.ts';
import { stateDir } from '../../tools/lib/paths.ts';
import { type AskOptions, apply, ask, eventually, kubectl, tryKubectl } from './support/cluster.ts';
import { instance } from './support/stack.ts';

const namespace = 'cluster-test';
const inNamespace = ['--namespace', namespace];
const PORT = 8080;

/** A pod of the busybox that the cluster has anyway. */
const pod = (name: string, command: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      { name, image: addonsImage, imagePullPolicy: 'IfNotPresent', command: ['sh', '-c', command] },
    ],
  },
});

const addressOf = (name: string) =>
  kubectl(...inNamespace, 'get', 'pod', name, '--output', 'jsonpath={.status.podIP}');

describe('the embedded cluster', function () {
  this.timeout('2m');

  before(async () => {
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    const page = 'mkdir /pages; echo hello > /pages/index.html';
    await apply(pod('server', `${page}; exec busybox httpd -f -p ${PORT} -h /pages`));
    await apply(pod('client', 'exec sleep 3600'));
    await kubectl(...inNamespace, 'wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s');
  });

  after(() => kubectl('delete', 'namespace', namespace, '--ignore-not-found'));

  describe('NetworkPolicies', () => {
    let server: string;

    before(async () => {
      server = await addressOf('server');
      // A new pod has no place in the packet filter for a moment, and until then no policy.
      await clientReaches(server, true);
    });

    afterEach(() => kubectl(...inNamespace, 'delete', 'networkpolicy', '--all'));

    const setPolicy = (app: string, spec: object) =>
      apply({
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: app, namespace },
        spec: { podSelector: { matchLabels: { app } }, ...spec },
      });

    const clientReaches = (address: string, expected: boolean) =>
      eventually(
        `the client ${expected ? 'reaches' : "doesn't reach"} ${address}`,
        async () => {
          const get = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 2 ${address} ${PORT}`;
          const { output } = await tryKubectl(...inNamespace, 'exec', 'client', '--', 'sh', '-c', get);
          return output.includes('hello') === expected;
        },
        10,
      );

    const hostReaches = () => ask(server, { port: PORT, host: server }).then(({ status }) => status === 200);

    it('leave pods without any open to other pods and to the host', async () => {
      await clientReaches(server, true);
      expect(await hostReaches()).to.equal(true);
    });

    it('close a port to all, the host included, and open it to whom they name', async () => {
      await setPolicy('server', { policyTypes: ['Ingress'] });
      await clientReaches(server, false);
      await eventually(
        'the host is refused',
        () =>
          hostReaches()
            .catch(() => false)
            .then((open) => !open),
        10,
      );
      const client = { podSelector: { matchLabels: { app: 'client' } } };
      await setPolicy('server', { ingress: [{ from: [client], ports: [{ port: PORT }] }] });
      await clientReaches(server, true);
      await setPolicy('server', { ingress: [{ from: [client], ports: [{ port: PORT + 1 }] }] });
      await clientReaches(server, false);
    });

    it('limit where a pod may connect to, by ranges of addresses', async () => {
      const to = (ipBlock: object) => ({ policyTypes: ['Egress'], egress: [{ to: [{ ipBlock }] }] });
      await setPolicy('client', to({ cidr: '0.0.0.0/0', except: [`${server}/32`] }));
      await clientReaches(server, false);
      await setPolicy('client', to({ cidr: `${server}/32` }));
      await clientReaches(server, true);
    });
  });

  describe('its Gateway', () => {
    // One of the names in the Gateway's certificate, and none that a stack has.
    const host = 'localhost';
    let ca: string;

    const answers = (options: AskOptions) =>
      eventually(
        `the route answers at port ${options.ca === undefined ? 80 : 443}`,
        async () => (await ask(nodeAddress(instance), options)).body.includes('hello'),
        20,
      );

    before(async () => {
      ca = readFileSync(join(stateDir(instance), 'cluster/pki/ca.crt'), 'utf8');
      await apply({
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'server', namespace },
        spec: { selector: { app: 'server' }, ports: [{ port: PORT }] },
      });
      await apply({
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'HTTPRoute',
        metadata: { name: 'server', namespace },
        spec: {
          parentRefs: [{ name: 'traefik', namespace: 'traefik' }],
          hostnames: [host],
          rules: [{ backendRefs: [{ name: 'server', port: PORT }] }],
        },
      });
    });

    it('is programmed, at the address of the node', async () => {
      const gateway = ['--namespace', 'traefik', 'wait', 'gateway/traefik', '--timeout=30s'];
      for (const condition of ['Accepted', 'Programmed'])
        await kubectl(...gateway, `--for=condition=${condition}`);
      await kubectl(...gateway, `--for=jsonpath={.status.addresses[0].value}=${nodeAddress(instance)}`);
    });

    it('leads to pods of any namespace, over HTTP', () => answers({ host }));

    it('leads to them over HTTPS, with a certificate of the authority of the cluster', () =>
      answers({ host, ca }));
  });

  it('has a default IngressClass', async () => {
    const isDefault = 'jsonpath={.metadata.annotations.ingressclass\\.kubernetes\\.io/is-default-class}';
    expect(await kubectl('get', 'ingressclass/traefik', '--output', isDefault)).to.equal('true');
  });
});
