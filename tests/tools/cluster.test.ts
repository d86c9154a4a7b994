import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { V1DeploymentSpec } from '@kubernetes/client-node';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { missing, type KubernetesObject } from '../../tools/cluster/api.ts';
import { certificates, cgroupOf, configuration, render } from '../../tools/cluster/config.ts';
import { chooseNetwork, occupiedRanges, overlaps } from '../../tools/cluster/network.ts';
import { makePki } from '../../tools/cluster/pki.ts';
import { manifestOf } from '../../tools/images/oci.ts';

const settingsOf = (instance: string, occupied: string[] = []) => ({
  ...chooseNetwork(instance, occupied),
  dir: `/state/${instance}/cluster`,
  nodeName: 'node',
  cgroup: cgroupOf(instance),
  pauseImage: 'localhost/pause:1',
});
type Settings = ReturnType<typeof settingsOf>;
const filesOf = (settings: Settings) => configuration(settings, (name) => `/tools/${name}`);
const everything = (settings: Settings) => Object.values(filesOf(settings)).join('\n');

describe('cluster network', () => {
  it('is the same for the same instance, and another for another one', () => {
    expect(chooseNetwork('e2e', [])).to.deep.equal(chooseNetwork('e2e', []));
    const quickstart = chooseNetwork('quickstart', []);
    expect(overlaps(quickstart.slice, chooseNetwork('e2e', [quickstart.slice]).slice)).to.equal(false);
  });

  it('avoids what the machine routes elsewhere', () => {
    const first = chooseNetwork('e2e', []);
    for (const route of [
      first.slice,
      first.nodeAddress,
      first.serviceCidr,
      first.slice.replace('/22', '/20'),
    ]) {
      expect(overlaps(chooseNetwork('e2e', [route]).slice, route), route).to.equal(false);
    }
  });

  it('moves to another range where a VPN has the whole of the first', () => {
    expect(chooseNetwork('e2e', ['10.0.0.0/8']).nodeAddress).to.match(/^172\.29\./);
    expect(() => chooseNetwork('e2e', ['10.0.0.0/8', '172.16.0.0/12', '198.18.0.0/15'])).to.throw(
      'needs a /22',
    );
  });

  it('keeps link, pods and services apart, with a link name that Linux accepts', () => {
    const names = new Set<string>();
    const occupied: string[] = [];
    for (let count = 0; count < 100; count++) {
      const { link, nodeAddress, podCidr, serviceCidr, apiServiceAddress, dnsAddress, slice } = chooseNetwork(
        'e2e',
        occupied,
      );
      expect(link.length + 1).to.be.at.most(15);
      for (const part of [nodeAddress, podCidr, serviceCidr]) expect(overlaps(part, slice)).to.equal(true);
      expect(overlaps(podCidr, serviceCidr) || overlaps(nodeAddress, podCidr)).to.equal(false);
      expect(overlaps(apiServiceAddress, serviceCidr) && overlaps(dnsAddress, serviceCidr)).to.equal(true);
      names.add(link);
      occupied.push(slice);
    }
    expect(names.size).to.equal(100);
  });

  it('ignores the default route, IPv6 and its own link', () => {
    const routes = [
      { dst: 'default', dev: 'eth0' },
      { dst: 'fe80::/64' },
      { dst: '10.1.0.0/16', dev: 'mine' },
    ];
    expect(occupiedRanges(routes, 'mine')).to.deep.equal(['default', 'fe80::/64']);
    for (const range of ['default', 'fe80::/64', '0.0.0.0/0']) {
      expect(overlaps(range, '10.245.0.0/22'), range).to.equal(false);
    }
  });
});

describe('cluster configuration', () => {
  const settings = settingsOf('e2e');

  it('gives each instance folders, addresses and control groups of its own', () => {
    const other = settingsOf('quickstart', [settings.slice]);
    expect(everything(settings))
      .to.include('/state/e2e/')
      .and.not.include('quickstart')
      .and.not.include(other.nodeAddress);
    expect(everything(other)).to.include('/mlflow-stack-quickstart').and.not.include('e2e');
  });

  it('keeps what must end with the node in memory', () => {
    expect(everything(settings)).to.include('state = "/run/').and.include('"dataDir": "/run/cni"');
  });

  it('certifies every address under which the API server is called', () => {
    const names = certificates(settings).find(({ name }) => name === 'kube-apiserver')?.alternativeNames;
    const addresses = ['127.0.0.1', settings.nodeAddress, settings.apiServiceAddress].map(
      (address) => `IP:${address}`,
    );
    expect(names).to.include.members([...addresses, 'DNS:kubernetes.default.svc']);
  });

  it('refers only to certificates that are made', () => {
    const made = new Set([...certificates(settings).map(({ name }) => name), 'ca', 'service-account']);
    for (const [, name] of everything(settings).matchAll(/pki\/([\w-]+)\./g)) expect(made).to.include(name);
  });

  it('quotes what the shell would take apart', () => {
    const script = filesOf({ ...settings, dir: "/a b/it's" })['daemons/kubelet'];
    expect(script)
      .to.match(/^#!\/bin\/sh\nexec \/tools\/kubelet /)
      .and.include(`'--config=/a b/it'\\''s/kubelet.yaml'`);
  });

  it('refuses a template with an unknown name', () => {
    expect(() => render('resolv.conf', {})).to.throw('nothing is known about dnsAddress');
  });
});

describe('cluster services', () => {
  const unknown = { addonsImage: 'a', traefikImage: 'b', gatewayCertificate: 'c', gatewayKey: 'd' };
  const addons = parseAllDocuments(render('addons.yaml', { ...settingsOf('e2e'), ...unknown })).map(
    (document) => document.toJS() as { kind: string; metadata: { name: string }; spec: unknown },
  );
  const specOf = (kind: string, name: string) =>
    addons.find((each) => each.kind === kind && each.metadata.name === name)?.spec;

  it('have a Gateway at the ports of Traefik, which would ignore any other', () => {
    const { template } = specOf('Deployment', 'traefik') as V1DeploymentSpec;
    const [container] = template.spec?.containers ?? [];
    const ports = container?.ports?.map(({ containerPort }) => containerPort) ?? [];
    for (const port of ports) expect(container?.args?.join(' ')).to.match(new RegExp(`address=:${port} `));
    const { listeners } = specOf('Gateway', 'traefik') as { listeners: { port: number }[] };
    expect(listeners.map(({ port }) => port)).to.deep.equal(ports);
  });
});

describe('cluster certificates', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'pki-'))));
  afterEach(() => rmSync(dir, { recursive: true }));

  it('keep their authority when a newer version needs one more', async () => {
    const read = () =>
      Object.fromEntries(
        readdirSync(join(dir, 'pki')).map((name) => [name, readFileSync(join(dir, 'pki', name), 'utf8')]),
      );
    // A child process can write to a file only.
    const log = createWriteStream('/dev/null');
    await once(log, 'open');
    const context = { log, signal: new AbortController().signal, report: () => undefined };
    await makePki({ ...settingsOf('e2e'), dir }, context);
    const before = read();
    for (const kind of ['crt', 'key', 'kubeconfig']) rmSync(join(dir, 'pki', `kube-router.${kind}`));
    await makePki({ ...settingsOf('e2e'), dir }, context);
    const after = read();
    const changed = Object.keys(before).filter((name) => after[name] !== before[name]);
    expect(changed.sort()).to.deep.equal(['kube-router.crt', 'kube-router.key', 'kube-router.kubeconfig']);
    const certificate = new X509Certificate(after['kube-router.crt'] ?? '');
    expect(certificate.verify(new X509Certificate(before['ca.crt'] ?? '').publicKey)).to.equal(true);
    expect(readdirSync(dir)).to.deep.equal(['pki']);
  });
});

describe('cluster readiness', () => {
  const booted = new Date('2026-01-01T12:00:00Z');
  const [before, after] = ['2026-01-01T11:59:59Z', '2026-01-01T12:00:05Z'];
  const node = (lastHeartbeatTime: string, status = 'True'): KubernetesObject => ({
    metadata: { name: 'node' },
    status: { conditions: [{ type: 'Ready', status, message: 'no network', lastHeartbeatTime }] },
  });
  const pod = (startedAt: string, ready = 'True'): KubernetesObject => ({
    metadata: { name: 'coredns-1', labels: { 'mlflow-stack/addon': 'coredns' } },
    status: {
      conditions: [{ type: 'Ready', status: ready }],
      containerStatuses: [{ state: { running: { startedAt } } }],
    },
  });

  const rules = '-A KUBE-ROUTER-FORWARD -m comment --comment "rule ... to POD name:coredns-1 namespace: x"';

  it('is complete when node and services reported since the boot, and their traffic is filtered', () => {
    expect(missing(node(after), [pod(after)], ['coredns'], rules, booted)).to.deep.equal([]);
  });

  it('waits until policies would be enforced', () => {
    for (const other of ['', rules.replace('coredns-1', 'coredns-12')])
      expect(missing(node(after), [pod(after)], ['coredns'], other, booted)).to.deep.equal(['kube-router']);
  });

  it('does not believe what was reported before it', () => {
    expect(missing(node(before), [pod(before)], ['coredns'], rules, booted)).to.deep.equal([
      'the node (no word from the kubelet)',
      'coredns',
    ]);
  });

  it('names what is not ready', () => {
    expect(
      missing(node(after, 'False'), [pod(after, 'False')], ['coredns', 'traefik'], rules, booted),
    ).to.deep.equal(['the node (no network)', 'coredns', 'traefik']);
  });
});

describe('image manifest', () => {
  const layer = { file: '/cache/layer.tar', digest: `sha256:${'0'.repeat(64)}`, size: 10 };
  const image = { name: 'docker.io/library/thing:1', config: { User: '1000' }, layers: [layer] };

  it('is decided by layers and configuration, and refers to its configuration', () => {
    const { descriptor, documents } = manifestOf(image);
    expect(manifestOf(image).descriptor).to.deep.equal(descriptor);
    expect(manifestOf({ ...image, config: {} }).descriptor.digest).to.not.equal(descriptor.digest);
    const manifest = JSON.parse(documents[descriptor.digest] ?? '') as {
      config: { digest: string };
      layers: object[];
    };
    expect(documents).to.have.property(manifest.config.digest).that.includes('assembled from packages');
    expect(manifest.layers).to.have.length(1);
  });
});
