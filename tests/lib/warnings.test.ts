import { expect } from 'chai';
import { parseSettings } from '../../config.ts';
import { warnings } from '../../lib/warnings.ts';

const warningsOf = (server: object, backendStore: object = {}) =>
  warnings(parseSettings({ cloud: 'local', kubernetes: { context: 'kind-kind' }, server, backendStore }));

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
    ["is not given for an image of one's own", { image: { repository: 'a/b', tag: 'v3.17.2' } }, undefined],
  ] as const) {
    it(title, () => {
      const found = warningsOf(server);
      if (expected === undefined) expect(found).to.deep.equal([]);
      else expect(found.join()).to.match(expected);
    });
  }

  for (const [title, backendStore, expected] of [
    ['of SQLite, which is for one person', { kind: 'sqlite' }, /backendStore\.kind is sqlite.*use postgres/],
    [
      'of the setting that migrations need in MySQL',
      { kind: 'external', dialect: 'mysql', uriFrom: { secretName: 'db', key: 'uri' } },
      /log_bin_trust_function_creators/,
    ],
  ] as const) {
    it(`tells ${title}`, () => expect(warningsOf({}, backendStore).join()).to.match(expected));
  }
});

function memory(limit: string, rest: object): object {
  return { ...rest, resources: { requests: { memory: '256Mi' }, limits: { memory: limit } } };
}
