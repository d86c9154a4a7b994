import { expect } from 'chai';
import { warnings } from '../../lib/warnings.ts';
import { settingsWith } from '../support/settings.ts';

const warningsOf = (settings: object) => warnings(settingsWith(settings));

describe('a warning', () => {
  for (const [title, server, expected] of [
    ['is not given for the defaults', {}, undefined],
    [
      'is given for less memory than the workers need',
      memory('768Mi', { workers: 4 }),
      /768Mi, but 4 worker/,
    ],
    [
      'is given for less memory than workers and jobs need',
      memory('1Gi', { jobs: true }),
      /with jobs need 1.6Gi/,
    ],
    ['is not given for enough memory', memory('1Gi', {}), undefined],
    ['is given for an official image without drivers', { image: { tag: 'v3.17.2' } }, /without -full/],
    [
      'is given for a variable that looks like a secret',
      { env: { OPENAI_API_KEY: 'x', LOG_FORMAT: 'y' } },
      /^[^,]*OPENAI_API_KEY, which looks like a secret[^,]*,[^,]*$/,
    ],
    ['is given for pods that sleep', { diagnosticMode: true }, /nobody can use MLflow/],
    ["is not given for an image of one's own", { image: { repository: 'a/b', tag: 'v3.17.2' } }, undefined],
  ] as const) {
    it(title, () => {
      const found = warningsOf({ server });
      if (expected === undefined) expect(found).to.deep.equal([]);
      else expect(found.join()).to.match(expected);
    });
  }

  for (const [title, settings, expected] of [
    [
      'of a server that accepts any host',
      { server: { extraAllowedHosts: ['*'], allowAnyHost: true } },
      /allowAnyHost is true.*DNS rebinding/,
    ],
    [
      'of a Gateway that has to be told to speak TLS',
      {
        server: { tls: { enabled: true } },
        httpRoute: { enabled: true, hosts: ['a.localhost'], parentRefs: [{ name: 'edge' }] },
      },
      /BackendTLSPolicy/,
    ],
    [
      'of the identity of nodes, which all pods share',
      {
        cloud: 'gcp',
        gcp: { project: 'my-team-dev', region: 'europe-west1', network: 'n' },
        identity: { kind: 'node' },
      },
      /identity\.kind is node.*use workload/,
    ],
    [
      'of SQLite, which is for one person',
      { backendStore: { kind: 'sqlite' } },
      /backendStore\.kind is sqlite.*use postgres/,
    ],
    [
      'of the setting that migrations need in MySQL',
      {
        backendStore: { kind: 'external', dialect: 'mysql', uriFrom: { secretName: 'db', key: 'uri' } },
      },
      /log_bin_trust_function_creators/,
    ],
    [
      'of metrics behind a log-in that annotations cannot hold',
      { metrics: { enabled: true }, auth: { kind: 'basic' } },
      /answered with 401; use serviceMonitor/,
    ],
    [
      'of log-ins at the edge, which nobody inside the cluster passes',
      {
        ingress: { enabled: true, className: 'nginx', hosts: ['a.example'] },
        auth: { kind: 'edge' },
      },
      /auth\.kind is edge.*inside the cluster/,
    ],
  ] as const) {
    it(`is given ${title}`, () => expect(warningsOf(settings).join()).to.match(expected));
  }
});

function memory(limit: string, rest: object): object {
  return { ...rest, resources: { requests: { memory: '256Mi' }, limits: { memory: limit } } };
}
