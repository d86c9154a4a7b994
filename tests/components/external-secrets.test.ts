import { expect } from 'chai';
import { ExternalSecrets, type ExternalSecretsArgs, awaitedKey } from '../../components/index.ts';
import { externalSecretsCrds } from '../../tools/toolchain/tools.ts';
import { labelsOf } from '../support/args.ts';
import { customCheck } from '../support/kubernetes-schemas.ts';
import { type Run, type RunOptions, isUnknown, runStack, withoutSecrets } from '../support/mocks.ts';

const database = {
  name: 'db',
  type: 'Opaque',
  data: [
    { key: 'user', from: 'team/db', property: 'username' },
    { key: 'password', from: 'team/db', property: 'password', version: '3' },
  ],
  template: { uri: 'postgresql://{{ .user }}:{{ .password | urlquery }}@db.example/mlflow' },
};
const admin = { name: 'admin', type: 'Opaque', data: [{ key: 'password', from: 'admin' }], template: {} };
const vault = {
  server: 'https://vault.example.com',
  path: 'secret',
  version: 'v2',
  mountPath: 'kubernetes',
  role: 'mlflow',
} as const;
const args: ExternalSecretsArgs = {
  namespace: 'team-a',
  cloud: {},
  store: { name: 'central', kind: 'ClusterSecretStore' },
  refreshInterval: '1h',
  secrets: [database, admin],
  watched: ['db', 'admin'],
  externalRevision: '',
};
const asked: unknown[] = [];
const cloud: ExternalSecretsArgs['cloud'] = {
  secretReader: (_name, { secrets, serviceAccount }) => {
    asked.push({ secrets, serviceAccount });
    const annotations = { 'cloud/identity': 'reader' };
    return {
      identity: { annotations, podLabels: {}, principal: 'reader' },
      provider: { thisCloud: { account: serviceAccount } },
    };
  },
};

const build = (changes: Partial<ExternalSecretsArgs> = {}, options: RunOptions = {}): Promise<Run> =>
  runStack(() => {
    const { externalRevision: revision, secretNames } = new ExternalSecrets('ext', {
      ...args,
      ...changes,
    }).made;
    const awaited = awaitedKey({ secretName: 'db', key: 'password' }, secretNames);
    return { revision, secretNames, awaited };
  }, options);
const holding = (data: Record<string, string>): RunOptions => ({
  states: { 'kubernetes:core/v1:Secret': { data } },
});
const waiting = { 'pulumi.com/patchForce': 'true', 'pulumi.com/waitFor': 'condition=Ready' };

describe('Secrets that are read from elsewhere', () => {
  it('are made by the operator of fields and templates, and waited for', async () => {
    const run = await build();
    expect(run.get('ExternalSecret/ext-db').inputs).to.deep.equal({
      apiVersion: 'external-secrets.io/v1',
      kind: 'ExternalSecret',
      metadata: {
        name: 'db',
        namespace: 'team-a',
        labels: labelsOf('external-secrets'),
        annotations: waiting,
      },
      spec: {
        refreshInterval: '1h',
        secretStoreRef: { name: 'central', kind: 'ClusterSecretStore' },
        target: {
          name: 'db',
          creationPolicy: 'Owner',
          deletionPolicy: 'Retain',
          template: {
            type: 'Opaque',
            engineVersion: 'v2',
            mergePolicy: 'Merge',
            data: { uri: database.template.uri },
          },
        },
        data: [
          { secretKey: 'user', remoteRef: { key: 'team/db', property: 'username' } },
          { secretKey: 'password', remoteRef: { key: 'team/db', property: 'password', version: '3' } },
        ],
      },
    });
    expect(run.resources.map(({ id }) => id)).not.to.include('SecretStore/ext-store');
    expect(run.outputs.secretNames).to.deep.equal({ db: 'db', admin: 'admin' });
  });

  it('are known only once they are there', async () => {
    const { outputs } = await build({}, { preview: true });
    const { revision, awaited } = outputs as {
      revision: string;
      awaited: { secretName: string; key: string };
    };
    expect(isUnknown(revision)).to.equal(true);
    expect(isUnknown(awaited.secretName)).to.equal(true);
    expect(awaited.key).to.equal('password');
    expect((await build()).outputs.awaited).to.deep.equal({ secretName: 'db', key: 'password' });
  });

  it('change a mark of pods with their values, and give none of them away', async () => {
    const marks = await Promise.resolve().then(async () => {
      const first = await build({}, holding({ a: 'eA==', b: 'eQ==' }));
      expect(JSON.stringify(withoutSecrets(first.outputs))).not.to.match(/eA==|\[secret\]/);
      const again = await build({}, holding({ b: 'eQ==', a: 'eA==' }));
      const changed = await build({}, holding({ a: 'eQ==', b: 'eQ==' }));
      const others = await build({ externalRevision: 'other' }, holding({ a: 'eA==', b: 'eQ==' }));
      return [first, again, changed, others].map(({ outputs }) => outputs.revision);
    });
    expect(marks[1]).to.equal(marks[0]);
    expect(new Set(marks).size).to.equal(3);
  });

  it('make no difference to pods that read them while they start', async () => {
    const watched = { watched: [] };
    const [first, second] = [
      await build(watched, holding({ a: 'eA==' })),
      await build(watched, holding({ a: 'eQ==' })),
    ];
    expect(second.outputs.revision).to.equal(first.outputs.revision);
  });

  it('come from a store of the cloud, as a ServiceAccount that may read each of them once', async () => {
    const run = await build({ cloud, store: { kind: 'SecretStore' } });
    expect(asked).to.deep.equal([{ secrets: ['admin', 'team/db'], serviceAccount: 'ext' }]);
    expect(run.get('ServiceAccount/ext-service-account').inputs).to.deep.include({
      metadata: {
        name: 'ext',
        namespace: 'team-a',
        labels: labelsOf('external-secrets'),
        annotations: { 'cloud/identity': 'reader' },
      },
      automountServiceAccountToken: false,
    });
    const { inputs, dependencies } = run.get('SecretStore/ext-store');
    expect(inputs).to.deep.equal({
      apiVersion: 'external-secrets.io/v1',
      kind: 'SecretStore',
      metadata: {
        name: 'ext',
        namespace: 'team-a',
        labels: labelsOf('external-secrets'),
        annotations: waiting,
      },
      spec: { provider: { thisCloud: { account: 'ext' } } },
    });
    expect(dependencies).to.include('ServiceAccount/ext-service-account');
    expect(run.get('ExternalSecret/ext-admin').inputs.spec).to.deep.include({
      secretStoreRef: { name: 'ext', kind: 'SecretStore' },
    });
  });

  it('are objects that the operator knows, field by field', async () => {
    const check = await customCheck(externalSecretsCrds);
    const known = async (changes: Partial<ExternalSecretsArgs>, kind: string) => {
      const { resources } = await build(changes);
      const objects = resources.filter(({ id }) => id.startsWith(`${kind}/`)).map(({ inputs }) => inputs);
      expect(objects).to.have.length.above(0);
      return objects.flatMap((object) => check(object as unknown as { apiVersion: string; kind: string }));
    };
    expect(await known({}, 'ExternalSecret')).to.deep.equal([]);
    const withVault = { kind: 'SecretStore', vault: { ...vault, namespace: 'team' } } as const;
    expect(await known({ store: withVault }, 'SecretStore')).to.deep.equal([]);
    const misread = { cloud, store: { kind: 'SecretStore' } } as const;
    expect(await known(misread, 'SecretStore')).to.deep.equal([
      '/spec/provider must NOT have additional properties {"additionalProperty":"thisCloud"}',
    ]);
  });

  it('come from Vault by its Kubernetes log-in', async () => {
    const run = await build({ store: { kind: 'SecretStore', vault } });
    const { server, path, version, mountPath, role } = vault;
    expect(run.get('SecretStore/ext-store').inputs.spec).to.deep.equal({
      provider: {
        vault: {
          ...{ server, path, version },
          auth: { kubernetes: { mountPath, role, serviceAccountRef: { name: 'ext' } } },
        },
      },
    });
  });
});
