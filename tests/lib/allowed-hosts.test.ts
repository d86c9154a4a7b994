import { expect } from 'chai';
import { allowedHosts, allowedOrigins, publicEntry, publicUrls } from '../../lib/allowed-hosts.ts';

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

  it('never hold a wildcard for any host', () => {
    const hosts = allowedHosts({ service, publicHosts: ['a.example'], jobs: true });
    expect(hosts.filter((host) => host.startsWith('*'))).to.deep.equal([]);
  });
});

describe('public addresses', () => {
  for (const [hosts, port, urls, origins] of [
    [[], 80, [], []],
    [['a.example'], 80, ['http://a.example'], ['http://a.example', 'https://a.example']],
    [['a.example'], 8080, ['http://a.example:8080'], ['http://a.example:8080', 'https://a.example:8080']],
    [
      ['a.example', 'http.example'],
      80,
      ['http://a.example', 'http://http.example'],
      ['http://a.example', 'https://a.example', 'http://http.example', 'https://http.example'],
    ],
  ] as const) {
    it(`of ${hosts.join(' and ') || 'no host'} at port ${port} are also the allowed origins, as http and https`, () => {
      expect(publicUrls({ hosts, port })).to.deep.equal(urls);
      expect(allowedOrigins({ hosts, port })).to.deep.equal(origins);
    });
  }

  it('are none where the Ingress is switched off, since its hosts lead nowhere then', () => {
    const ingress = { hosts: ['a.example'], port: 8080 };
    expect(publicEntry({ ...ingress, enabled: true })).to.deep.equal(ingress);
    expect(publicEntry({ ...ingress, enabled: false })).to.deep.equal({ hosts: [], port: 8080 });
  });
});
