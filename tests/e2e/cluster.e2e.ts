// The embedded cluster itself: what it does that a stack relies on.
import { expect } from 'chai';
import { addonsImage } from '../../tools/images/index.ts';
import { apply, ask, eventually, kubectl, tryKubectl } from './support/cluster.ts';

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
});
