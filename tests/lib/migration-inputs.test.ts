import { expect } from 'chai';
import { parseSettings } from '../../config.ts';
import { shortHash } from '../../lib/hash.ts';
import { migrationInputs } from '../../lib/migration-inputs.ts';
import { runStack } from '../support/mocks.ts';

const external = { kind: 'external', host: 'db.example', connectionFrom: { secretName: 'db' } };
const basic = { kind: 'basic' };
const password = 'correct horse battery staple';

/** Hash of what a migration with these settings depends on. */
async function hash(settings: Record<string, object>, externalRevision?: string): Promise<string> {
  return shortHash(await inputsOf(settings, externalRevision));
}

async function inputsOf(settings: Record<string, object>, externalRevision = ''): Promise<object> {
  let inputs = {};
  const parsed = parseSettings({ cloud: 'local', kubernetes: { context: 'kind' }, ...settings });
  await runStack(() => void (inputs = migrationInputs(parsed, { externalRevision })));
  return inputs;
}

describe('what a migration depends on', () => {
  for (const [title, before, after] of [
    ['the kind of database', {}, { backendStore: external }],
    ['its host', { backendStore: external }, { backendStore: { ...external, host: 'other.example' } }],
    ['its port', { backendStore: external }, { backendStore: { ...external, port: 6432 } }],
    ['its name', { backendStore: external }, { backendStore: { ...external, database: 'other' } }],
    [
      'the Secret that names it',
      { backendStore: external },
      { backendStore: { ...external, connectionFrom: { secretName: 'other' } } },
    ],
    ['the database of the registry', {}, { registryStore: { database: 'models' } }],
    ['whether there are workspaces', {}, { workspaces: { enabled: true } }],
    ['whether there are users', {}, { auth: basic }],
    ['the first administrator', { auth: basic }, { auth: { ...basic, adminUsername: 'boss' } }],
    ['his password, given by hand', { auth: basic }, { auth: { ...basic, adminPassword: password } }],
    [
      'the Secret with it',
      { auth: basic },
      { auth: { ...basic, adminPasswordFrom: { secretName: 'a', key: 'b' } } },
    ],
    ['its rotation', { auth: basic }, { auth: basic, secrets: { rotation: { admin: 1 } } }],
    ['the user of the metrics', { auth: basic }, { auth: basic, metrics: { enabled: true } }],
  ] as const) {
    it(`is ${title}`, async () => expect(await hash(before)).not.to.equal(await hash(after)));
  }

  it('is nothing else', async () => {
    const other = {
      backendStore: { size: '99Gi', maxConnections: 200, sslMode: 'prefer', vacuum: false },
      server: { workers: 2, jobs: true, tmpSize: '9Gi' },
      ingress: { enabled: true, hosts: ['a.localhost'] },
      gc: { enabled: false },
      metrics: { enabled: true },
      secrets: { rotation: { database: 1 } },
    };
    expect(await hash(other)).to.equal(await hash({}));
    const auth = { ...basic, defaultPermission: 'EDIT', cacheSeconds: 9 };
    expect(await hash({ auth })).to.equal(await hash({ auth: basic }));
  });

  it("is what an existing Secret holds, where that is the administrator's password", async () => {
    const auth = { ...basic, adminPasswordFrom: { secretName: 'a', key: 'b' } };
    expect(await hash({ auth }, 'before')).not.to.equal(await hash({ auth }, 'after'));
    expect(await hash({ auth: basic }, 'before')).to.equal(await hash({ auth: basic }, 'after'));
  });

  it('shows no password', async () => {
    expect(JSON.stringify(await inputsOf({ auth: { ...basic, adminPassword: password } }))).not.to.include(
      password,
    );
  });
});
