import { expect } from 'chai';
import { check, foreign, namespace, object, own, secret } from './support/check.ts';
import { type Issued, authority } from '../support/certificates.ts';
import type { Answers } from '../support/api-server.ts';

const here = namespace({ labels: own });
const auth = (key = 'password') => ({
  auth: { kind: 'basic', adminPasswordFrom: { secretName: 'admin', key } },
});
const external = (changes: object) => ({ backendStore: { kind: 'external', ...changes } });
const uriFrom = { secretName: 'db', key: 'uri' };

async function mistakes(answers: Answers, changes: object): Promise<string[]> {
  return (await check({ ...here, ...answers }, changes)).mistakes;
}

describe('what settings name and somebody else makes', () => {
  it('may be there with all its keys', async () => {
    const { mistakes: found, warnings } = await check(
      {
        ...here,
        ...secret('admin', { password: 'correct horse battery' }),
        ...secret('db', { uri: 'postgres://mlflow:p%40ss@db.example:5432/mlflow?sslmode=require' }),
        ...object('api/v1/configmaps/ca', { binaryData: { 'ca.crt': base64(certificate) } }, { labels: {} }),
        ...secret('registry'),
      },
      {
        ...auth(),
        ...external({ uriFrom }),
        server: { caBundle: { configMapName: 'ca' } },
        pods: { imagePullSecrets: ['registry'] },
      },
    );
    expect({ found, warnings }).to.deep.equal({ found: [], warnings: [] });
  });

  for (const [title, answers, expected] of [
    [
      'is not there',
      {},
      'Secret "admin", which mlflow-stack:auth.adminPasswordFrom names, does not exist in namespace "mlflow"; create it',
    ],
    [
      'lacks the key',
      secret('admin', { user: 'u', pass: 'p' }),
      'Secret "admin", which mlflow-stack:auth.adminPasswordFrom names, has no key "password" (it has pass, user); add it',
    ],
    [
      'has no key at all',
      secret('admin'),
      'Secret "admin", which mlflow-stack:auth.adminPasswordFrom names, has no key "password" (it has none); add it',
    ],
    [
      'has an empty value',
      secret('admin', { password: ' ' }),
      'key "password" of Secret "admin", which mlflow-stack:auth.adminPasswordFrom names, is empty; give it a value',
    ],
  ] as const) {
    it(`is refused when it ${title}`, async () =>
      expect(await mistakes(answers, auth())).to.deep.equal([expected]));
  }

  it('is told of once, however many keys it lacks', async () => {
    const found = await mistakes(
      {},
      {
        ...external({ host: 'db.example', connectionFrom: { secretName: 'db' } }),
        artifactStore: {
          kind: 'external',
          uri: 'gs://bucket',
          credentialsFrom: {
            secretName: 'cloud',
            keys: ['TOKEN'],
            googleCredentialsKey: 'key.json',
          },
        },
      },
    );
    expect(found.map((text) => text.split(',')[0])).to.deep.equal(['Secret "cloud"', 'Secret "db"']);
  });

  it('cannot be in a namespace that is yet to be made', async () => {
    const { mistakes: found } = await check({}, { ...auth(), pods: { imagePullSecrets: ['registry'] } });
    expect(found).to.deep.equal([
      'namespace "mlflow" does not exist yet, so Secret "registry", Secret "admin" cannot be in it; ' +
        'create the namespace and these, and set mlflow-stack:namespace.create to false',
    ]);
  });

  describe('by the operator of external secrets', () => {
    const operator = {
      '/apis/external-secrets.io/v1': { resources: [{ kind: 'ExternalSecret' }, { kind: 'SecretStore' }] },
    };
    const changes = {
      ...auth(),
      externalSecrets: {
        store: { provider: 'vault', vault: { server: 'https://vault.example', role: 'mlflow' } },
        secrets: [{ name: 'admin', data: [{ key: 'password', from: 'admin' }] }],
      },
    };
    const ofOperator = { ownerReferences: [{ kind: 'ExternalSecret', name: 'admin' }] };
    const path = 'api/v1/namespaces/mlflow/secrets/admin';

    it('need not be there yet, nor its namespace', async () => {
      expect((await check(operator, changes)).mistakes).to.deep.equal([]);
      expect(await mistakes(operator, changes)).to.deep.equal([]);
    });

    it('is looked at once it is there', async () => {
      const short = { [`/${path}`]: { metadata: ofOperator, data: { password: base64('short') } } };
      expect(await mistakes({ ...operator, ...short }, changes)).to.deep.equal([
        'key "password" of Secret "admin", which mlflow-stack:auth.adminPasswordFrom names, has fewer than 12 characters; choose a longer one, made by a generator',
      ]);
      const older = { [`/${path}`]: { metadata: ofOperator, data: { former: base64('x') } } };
      expect(await mistakes({ ...operator, ...older }, changes)).to.deep.equal([]);
    });

    it('takes nothing over that somebody else has made', async () => {
      const taken = {
        ...secret('admin', { password: 'correct horse battery' }),
        '/apis/external-secrets.io/v1/namespaces/mlflow/externalsecrets/admin': { metadata: {} },
      };
      const remedy = 'remove it, or choose another mlflow-stack:externalSecrets.secrets[0].name';
      expect(await mistakes({ ...operator, ...taken }, changes)).to.deep.equal([
        `Secret "admin" exists in namespace "mlflow" and no ExternalSecret has made it; ${remedy}`,
        `ExternalSecret "admin" exists in namespace "mlflow" and is not this stack's own; ${remedy}`,
      ]);
    });

    it('needs that operator', async () => {
      const remedy =
        '(external-secrets.io/v1); install the External Secrets Operator, 0.16 or newer, or leave out mlflow-stack:externalSecrets';
      expect(await mistakes({}, changes)).to.deep.equal([
        `the cluster does not know the kind ExternalSecret ${remedy}`,
        `the cluster does not know the kind SecretStore ${remedy}`,
      ]);
    });

    for (const [kind, place, where] of [
      ['SecretStore', 'namespaces/mlflow/secretstores', ' in namespace "mlflow"'],
      ['ClusterSecretStore', 'clustersecretstores', ''],
    ] as const) {
      it(`needs the ${kind} that is named`, async () => {
        const named = {
          ...changes,
          externalSecrets: { ...changes.externalSecrets, store: { name: 'team', kind } },
        };
        expect(await mistakes(operator, named)).to.deep.equal([
          `${kind} "team", which mlflow-stack:externalSecrets.store.name names, does not exist${where}; create it`,
        ]);
        const there = { [`/apis/external-secrets.io/v1/${place}/team`]: { metadata: {} } };
        expect(await mistakes({ ...operator, ...there }, named)).to.deep.equal([]);
      });
    }
  });

  it('is skipped with a warning when the user may not read it', async () => {
    const { mistakes: found, warnings } = await check(
      { ...here, '/api/v1/namespaces/mlflow/secrets/admin': 403 },
      auth(),
    );
    expect(found).to.deep.equal([]);
    expect(warnings).to.deep.equal(['Not checked, since your log-in may not read it: Secret admin.']);
  });
});

describe('a secret value', () => {
  const webhook = { secrets: { webhookKeyFrom: { secretName: 'hook', key: 'key' } } };
  const database = { backendStore: { passwordFrom: { secretName: 'db', key: 'pw' } } };
  const uri = 'key "uri" of Secret "db", which mlflow-stack:backendStore.uriFrom names,';
  const noUri = (dialect: string) =>
    `is no URI like ${dialect}://user:password@host/database; percent-encode characters such as @ : / % in user and password`;

  for (const [title, name, values, changes, problem] of [
    [
      'too short for an administrator',
      'admin',
      { password: 'elevenchars' },
      auth(),
      'has fewer than 12 characters; choose a longer one, made by a generator',
    ],
    [
      'known to everybody',
      'admin',
      { password: 'password1234' },
      auth(),
      "is MLflow's old default password, which everybody knows; choose another one",
    ],
    [
      'with a line break',
      'admin',
      { password: 'correct horse battery\n' },
      auth(),
      'begins or ends with white space, most likely the line break of a file; make it with `printf %s`',
    ],
    [
      'too short for the database',
      'db',
      { pw: 'fifteen-chars-1' },
      database,
      'has fewer than 16 characters; choose a longer one, made by a generator',
    ],
    [
      'that is no Fernet key',
      'hook',
      { key: 'c2hvcnQ=' },
      webhook,
      'is no Fernet key; make one with `openssl rand -base64 32 | tr +/ -_`',
    ],
    [
      'that is no certificate',
      'ca',
      { 'ca.crt': 'MIIB' },
      { server: { caBundle: { secretName: 'ca' } } },
      'holds no certificate in PEM; put those of the authorities there, one after the other',
    ],
    [
      'that is no service account',
      'cloud',
      { 'key.json': 'key.json' },
      {
        artifactStore: {
          kind: 'external',
          uri: 'gs://bucket',
          credentialsFrom: { secretName: 'cloud', googleCredentialsKey: 'key.json' },
        },
      },
      'is not JSON; put the file there as it was downloaded',
    ],
  ] as const) {
    it(`${title} is refused, and not shown`, async () => {
      const [found = '', ...others] = await mistakes(secret(name, values), changes);
      expect(others).to.deep.equal([]);
      expect(found.endsWith(` names, ${problem}`), found).to.equal(true);
      const [value = ''] = Object.values(values);
      if (value !== 'key.json' && value !== 'password1234') expect(found).not.to.include(value.trim());
    });
  }

  for (const [value, dialect, problem] of [
    [
      'mysql://u:p@h/db',
      'postgresql',
      'does not begin with postgresql:// or postgres://; mend it, or change mlflow-stack:backendStore.dialect',
    ],
    [
      'postgresql://u:p@h/db',
      'mysql',
      'does not begin with mysql://; mend it, or change mlflow-stack:backendStore.dialect',
    ],
    ['postgresql://u:p@ss@h/db', 'postgresql', noUri('postgresql')],
    ['postgresql://u:p/ss@h/db', 'postgresql', noUri('postgresql')],
    ['postgresql://u:p%ss@h/db', 'postgresql', noUri('postgresql')],
    ['postgresql://u:p#ss@h/db', 'postgresql', noUri('postgresql')],
    ['postgresql://u:p ss@h/db', 'postgresql', noUri('postgresql')],
    ['h/db', 'mssql', noUri('mssql')],
    ['host=h user=u', 'postgresql', noUri('postgresql')],
  ] as const) {
    it(`${value} is no address of ${dialect}`, async () => {
      const found = await mistakes(secret('db', { uri: value }), external({ uriFrom, dialect }));
      expect(found).to.deep.equal([`${uri} ${problem}`]);
    });
  }

  for (const [value, dialect] of [
    ['postgresql://mlflow:secret@db.example/mlflow', 'postgresql'],
    ['postgres://mlflow:secret@db.example:5432/mlflow\n', 'postgresql'],
    ['postgresql+psycopg2://mlflow:p%40%2Fss@[fd00::1]:5432/mlflow?sslmode=verify-full', 'postgresql'],
    ["postgresql://a-b_c.d:!$&'()*+,;=~@h/db", 'postgresql'],
    ['postgresql:///mlflow?host=/var/run/postgresql', 'postgresql'],
    ['postgresql://', 'postgresql'],
    ['mysql+pymysql://u:p@h:3306/db?charset=utf8mb4', 'mysql'],
    ['mssql+pymssql://u:p@h:1433/db', 'mssql'],
  ] as const) {
    it(`${value.trim()} is an address of ${dialect}`, async () => {
      expect(await mistakes(secret('db', { uri: value }), external({ uriFrom, dialect }))).to.deep.equal([]);
    });
  }

  it('of another database may be of any dialect', async () => {
    const registry = { registryStore: { uriFrom } };
    expect(await mistakes(secret('db', { uri: 'mysql://u:p@h/db' }), registry)).to.deep.equal([]);
    expect(await mistakes(secret('db', { uri: 'oracle://u:p@h/db' }), registry)).to.deep.equal([
      'key "uri" of Secret "db", which mlflow-stack:registryStore.uriFrom names, does not begin with postgresql:// or postgres:// or mysql:// or mssql://; mend it',
    ]);
  });

  it('that is a Fernet key may end in a line break', async () => {
    const key = `${Buffer.alloc(32, 255).toString('base64').replaceAll('/', '_')}\n`;
    expect(await mistakes(secret('hook', { key }), webhook)).to.deep.equal([]);
  });
});

describe('the facts about a cluster', () => {
  const none = {
    keys: {},
    database: {},
    databaseTls: {},
    ingressTls: {},
    deployed: undefined,
    externalRevision: '',
    databasePorts: {},
  };

  it('are none in an empty one', async () => {
    expect((await check({})).facts).to.deep.equal(none);
    expect((await check(here)).facts).to.deep.equal(none);
  });

  it('are the keys that an earlier stack left', async () => {
    const { facts } = await check({
      ...here,
      ...secret('mlflow-keys', { 'flask-key': 'a', 'kek-passphrase': 'b' }, own),
      ...secret('mlflow-postgres-tls', { 'tls.crt': 'c' }, own),
      ...secret('mlflow-ingress-self-signed', { 'tls.crt': 'd' }, own),
    });
    expect(facts).to.deep.equal({
      ...none,
      keys: { 'flask-key': 'a', 'kek-passphrase': 'b' },
      databaseTls: { 'tls.crt': 'c' },
      ingressTls: { 'tls.crt': 'd' },
    });
  });

  it('are the ports of databases whose URIs it holds, where they may be read', async () => {
    const from = (name: string) => ({ uriFrom: { secretName: name, key: 'uri' } });
    const settings = {
      ...external({ ...from('tracking'), readReplica: from('replica') }),
      registryStore: from('registry'),
    };
    const { facts } = await check(
      {
        ...here,
        ...secret('tracking', { uri: 'postgresql://u:p%40%3A1@db.example:6432/db\n' }),
        ...secret('replica', { uri: 'postgres:///db?host=db.example&port=6433' }),
        '/api/v1/namespaces/mlflow/secrets/registry': 403,
      },
      settings,
    );
    expect(facts?.databasePorts).to.deep.equal({
      'backendStore.uriFrom': 6432,
      'backendStore.readReplica.uriFrom': 6433,
    });
  });

  it('are also those of URIs that are yet to be made', async () => {
    const settings = {
      ...external({ uriFrom }),
      externalSecrets: {
        store: { name: 'team' },
        secrets: [
          {
            name: 'db',
            data: [{ key: 'password', from: 'db' }],
            template: { uri: 'postgresql://u:{{ .password }}@db.example:6543/db' },
          },
        ],
      },
    };
    const operator = {
      '/apis/external-secrets.io/v1': { resources: [{ kind: 'ExternalSecret' }] },
      '/apis/external-secrets.io/v1/namespaces/mlflow/secretstores/team': { metadata: {} },
    };
    for (const answers of [operator, { ...here, ...operator }])
      expect((await check(answers, settings)).facts?.databasePorts).to.deep.equal({
        'backendStore.uriFrom': 6543,
      });
  });

  const deployment = (annotations: object, spec: object = {}) => ({
    ...here,
    ...object(
      'apis/apps/v1/deployments/mlflow',
      {
        spec: {
          template: {
            spec: { containers: [{ name: 'mlflow', image: 'r:5000/mlflow:v3.16.1-full@sha256:00' }] },
          },
          ...spec,
        },
      },
      { annotations },
    ),
  });

  it('are what the server was deployed with', async () => {
    const annotations = {
      'mlflow-stack/mlflow-version': '3.17.0',
      'mlflow-stack/schema-revision': '1a2b',
      'mlflow-stack/migration': 'mlflow-migration-0a1b2c3d-abc',
      'mlflow-stack/snapshot': 'copy',
      'mlflow-stack/stopped-replicas': '3',
    };
    expect((await check(deployment(annotations, { replicas: 0 }))).facts?.deployed).to.deep.equal({
      version: '3.17.0',
      revision: '1a2b',
      migration: 'mlflow-migration-0a1b2c3d-abc',
      snapshot: 'copy',
      replicas: 0,
      stoppedReplicas: 3,
    });
  });

  it('include servers from before there were notes', async () => {
    expect((await check(deployment({ 'mlflow-stack/snapshot': '' }))).facts?.deployed).to.deep.equal({
      version: '3.16.1',
      revision: undefined,
      migration: undefined,
      snapshot: undefined,
      replicas: 1,
      stoppedReplicas: undefined,
    });
  });

  it("do not include somebody else's server", async () => {
    const answers = {
      ...namespace(),
      ...deployment({}),
      ...object('apis/apps/v1/deployments/mlflow', {}, { labels: foreign }),
    };
    const { facts, mistakes: found } = await check(answers, { namespace: { create: false } });
    expect(facts).to.equal(undefined);
    expect(found[0]).to.match(/^Deployment "mlflow" exists/);
  });

  describe('change their revision', () => {
    const settings = {
      ...auth(),
      pods: { imagePullSecrets: ['registry'] },
      server: { envFrom: [{ secretRef: { name: 'env' } }] },
    };
    const answers = (changes: Answers = {}): Answers => ({
      ...here,
      ...secret('admin', { password: 'correct horse battery', other: '1' }),
      ...secret('env', { A: '1', B: '2' }),
      ...secret('registry', { '.dockerconfigjson': '{}' }),
      ...changes,
    });
    const revision = async (changes?: Answers) =>
      (await check(answers(changes), settings)).facts?.externalRevision;

    it('with values that pods read', async () => {
      const before = await revision();
      expect(before).to.match(/^[0-9a-f]{16}$/);
      expect(await revision(secret('admin', { password: 'another horse battery', other: '1' }))).not.to.equal(
        before,
      );
      expect(await revision(secret('env', { A: '1', B: '3' }))).not.to.equal(before);
    });

    it('with nothing else', async () => {
      const before = await revision();
      expect(await revision(secret('admin', { other: '2', password: 'correct horse battery' }))).to.equal(
        before,
      );
      expect(await revision(secret('env', { B: '2', A: '1' }))).to.equal(before);
      expect(await revision(secret('registry', { '.dockerconfigjson': '{"auths":{}}' }))).to.equal(before);
    });
  });
});

const certificate = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('the certificate of the server', () => {
  const settings = { server: { tls: { enabled: true } } };
  const files = ({ certificate, key }: Issued, ca: Issued) =>
    secret('mlflow-tls', { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': ca.certificate });
  let issuer: Awaited<ReturnType<typeof authority>>;
  let good: Issued;
  before(async () => {
    issuer = await authority();
    good = await issuer.issue({ hosts: ['mlflow.mlflow.svc'] });
  });

  it('is for the Service, and a new one makes new pods', async () => {
    const { mistakes: found, facts } = await check({ ...here, ...files(good, issuer) }, settings);
    expect(found).to.deep.equal([]);
    const other = await issuer.issue({ hosts: ['mlflow.mlflow.svc'] });
    const { facts: later } = await check({ ...here, ...files(other, issuer) }, settings);
    expect(facts?.externalRevision).to.match(/^[0-9a-f]+$/);
    expect(later?.externalRevision).not.to.equal(facts?.externalRevision);
  });

  it('is refused for another name, or where clients would not know it', async () => {
    const named = 'of Secret "mlflow-tls", which mlflow-stack:server.tls.secretName names,';
    const others = await issuer.issue({ hosts: ['mlflow.example'] });
    expect(await mistakes(files(others, await authority()), settings)).to.deep.equal([
      `key "tls.crt" ${named} is not for mlflow.mlflow.svc; use one with these names as subject alternative names`,
      `key "ca.crt" ${named} holds no authority that issued the certificate; put the one there that did`,
    ]);
  });

  it('is of no interest while the server speaks plain HTTP', async () => {
    expect(await mistakes({}, { server: { tls: { enabled: false } } })).to.deep.equal([]);
  });
});

describe('the certificate of an Ingress', () => {
  const hosts = ['a.localhost', 'b.localhost'];
  const ingress = (tls: object[]) => ({
    ingress: { enabled: true, className: 'traefik', redirectHttp: false, hosts, tls },
  });
  const files = ({ certificate, key }: Issued) => ({ 'tls.crt': certificate, 'tls.key': key });
  let good: Issued;
  let other: Issued;
  before(async () => {
    const issuer = await authority();
    good = await issuer.issue({ hosts });
    other = await issuer.issue({ hosts: ['a.localhost'], to: -0.5 });
  });

  it('may be in a Secret, which pods do not read', async () => {
    const { mistakes: found, facts } = await check(
      { ...here, ...secret('web', files(good)) },
      ingress([{ secretName: 'web' }]),
    );
    expect(found).to.deep.equal([]);
    expect(facts?.externalRevision).to.equal('');
  });

  it('is refused with all that is wrong with it', async () => {
    const named = 'of Secret "web", which mlflow-stack:ingress.tls[1].secretName names,';
    const found = await mistakes(
      secret('web', { ...files(other), 'tls.key': good.key }),
      ingress([
        { hosts: ['a.localhost'], secretName: 'none' },
        { hosts: ['b.localhost'], secretName: 'web' },
      ]),
    );
    expect(found).to.have.members([
      'Secret "none", which mlflow-stack:ingress.tls[0].secretName names, does not exist in namespace "mlflow"; create it',
      `key "tls.crt" ${named} expired on ${new Date(Date.now() - 43_200_000).toISOString().slice(0, 10)}; renew it`,
      `key "tls.crt" ${named} is not for b.localhost; use one with these names as subject alternative names`,
      `key "tls.key" ${named} is not the key of the certificate; use the one that the certificate was made for`,
    ]);
  });

  it('lacks its key', async () => {
    expect(
      await mistakes(secret('web', { 'tls.crt': good.certificate }), ingress([{ secretName: 'web' }])),
    ).to.deep.equal([
      'Secret "web", which mlflow-stack:ingress.tls[0].secretName names, has no key "tls.key" (it has tls.crt); add it',
    ]);
  });

  it('may be given, and is then refused in the same words, without showing it', async () => {
    const given = ({ certificate, key }: Issued) => mistakes({}, ingress([{ certificate, key }]));
    expect(await given(good)).to.deep.equal([]);
    const found = await given({ certificate: good.certificate, key: other.key });
    expect(found).to.deep.equal([
      'mlflow-stack:ingress.tls[0].key is not the key of the certificate; use the one that the certificate was made for',
    ]);
  });

  it('is of no interest while the Ingress is switched off', async () => {
    const off = { ingress: { ...ingress([{ secretName: 'none' }]).ingress, enabled: false } };
    expect(await mistakes({}, off)).to.deep.equal([]);
  });
});
