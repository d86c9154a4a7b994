import { expect } from 'chai';
import { type WayIn, allowedHosts, isAnyHost, publicEntry, publicUrls } from '../../lib/allowed-hosts.ts';
import { waysIn } from '../../lib/entry.ts';
import { settingsWith } from '../support/settings.ts';

const service = { name: 'mlflow', namespace: 'team-a' };
const ownHosts = [
  'mlflow',
  'mlflow.team-a',
  'mlflow.team-a.svc',
  'mlflow.team-a.svc.cluster.local',
  'localhost',
  '127.0.0.1',
];
const withAnyPort = (hosts: string[]) => hosts.flatMap((host) => [host, `${host}:*`]);

describe('allowed hosts', () => {
  for (const [title, publicHosts, jobs, expected] of [
    ['every name of the Service and this machine', [], false, withAnyPort(ownHosts)],
    ['public hosts', ['a.example', 'b.example'], false, withAnyPort(['a.example', 'b.example', ...ownHosts])],
    ['the job runner, which calls 0.0.0.0', [], true, [...withAnyPort(ownHosts), '0.0.0.0:*']],
  ] as const) {
    it(`hold ${title}, with and without port`, () => {
      expect(allowedHosts({ service, publicHosts, jobs })).to.deep.equal(expected);
    });
  }

  it('hold the address of the pod, which a scraper of metrics calls, as IPv4 and IPv6 write it', () => {
    expect(allowedHosts({ service, publicHosts: [], jobs: false, podAddress: '$(POD_IP)' })).to.deep.equal([
      ...withAnyPort(ownHosts),
      '$(POD_IP):5000',
      '[$(POD_IP)]:5000',
    ]);
  });

  it('hold what users add, a bare name with any port, all else as it is written', () => {
    const extraHosts = ['mlflow.example', '10.*', 'b.example:8080', '[[]fd00:*'];
    expect(
      allowedHosts({ service, publicHosts: [], extraHosts, jobs: false }).slice(2 * ownHosts.length),
    ).to.deep.equal(['mlflow.example', 'mlflow.example:*', '10.*', 'b.example:8080', '[[]fd00:*']);
  });

  it('never hold a wildcard for any host', () => {
    const hosts = allowedHosts({ service, publicHosts: ['a.example'], jobs: true });
    expect(hosts.filter((host) => host.startsWith('*'))).to.deep.equal([]);
  });
});

describe('a pattern of hosts', () => {
  for (const host of ['*', '*:*', '**', '*.*', '?*'])
    it(`${host} accepts any host`, () => expect(isAnyHost(host)).to.equal(true));
  for (const host of ['10.*', '*.example', 'a.example:*', 'a.example', '???'])
    it(`${host} does not`, () => expect(isAnyHost(host)).to.equal(false));
});

describe('public addresses', () => {
  const way: WayIn = { hosts: ['a.example'], port: 80, httpsPort: 443, tls: false, redirectHttp: true };
  for (const [title, changes, urls, origins] of [
    ['of nothing', { hosts: [] }, [], []],
    [
      'of HTTP, which a proxy in front may turn into HTTPS',
      { hosts: ['a.example', 'http.example'] },
      ['http://a.example', 'http://http.example'],
      ['http://a.example', 'https://a.example', 'http://http.example', 'https://http.example'],
    ],
    [
      'of HTTP at another port',
      { port: 8080 },
      ['http://a.example:8080'],
      ['http://a.example:8080', 'https://a.example:8080'],
    ],
    ['of HTTPS', { tls: true }, ['https://a.example'], ['https://a.example']],
    [
      'of HTTPS at another port',
      { tls: true, httpsPort: 8443 },
      ['https://a.example:8443'],
      ['https://a.example:8443'],
    ],
    [
      'of HTTPS beside HTTP',
      { tls: true, redirectHttp: false, port: 8080 },
      ['https://a.example'],
      ['https://a.example', 'http://a.example:8080'],
    ],
  ] as const) {
    it(`${title} are those of its hosts, and the origins of the UI's own requests`, () => {
      expect(publicUrls({ ...way, ...changes })).to.deep.equal(urls);
      expect(publicEntry([{ ...way, ...changes }]).origins).to.deep.equal(origins);
    });
  }

  it('of several ways in are accepted together', () => {
    expect(publicEntry([way, { ...way, hosts: ['b.example'], tls: true }])).to.deep.equal({
      hosts: ['a.example', 'b.example'],
      origins: ['http://a.example', 'https://a.example', 'https://b.example'],
    });
  });

  it('are none where Ingress and route are switched off, since their hosts lead nowhere then', () => {
    const way = { hosts: ['a.localhost'] };
    const route = { hosts: ['b.localhost'], parentRefs: [{ name: 'edge' }], tls: true };
    const urls = (enabled: boolean) =>
      waysIn(settingsWith({ ingress: { ...way, enabled }, httpRoute: { ...route, enabled } })).flatMap(
        publicUrls,
      );
    expect(urls(false)).to.deep.equal([]);
    expect(urls(true)).to.deep.equal(['http://a.localhost', 'https://b.localhost']);
  });

  it('are those of a Service that is a load balancer, at its port', () => {
    const service = { type: 'LoadBalancer', hosts: ['a.example'], port: 443 };
    const reachable = { auth: { kind: 'basic' }, networkPolicy: { clients: [{ cidr: '10.0.0.0/16' }] } };
    const urls = (tls: boolean) =>
      waysIn(settingsWith({ ...reachable, server: { service, tls: { enabled: tls } } })).flatMap(publicUrls);
    expect(urls(true)).to.deep.equal(['https://a.example']);
    expect(urls(false)).to.deep.equal(['http://a.example:443']);
  });
});
