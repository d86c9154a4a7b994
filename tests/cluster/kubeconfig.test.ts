import { readFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { expect } from 'chai';
import { type Connection, KubeconfigError, connectionOf } from '../../cluster/kubeconfig.ts';
import { clusterClient } from '../../cluster/client.ts';
import { type ApiServer, startApiServer } from '../support/api-server.ts';
import { folderOf, kubeconfig } from '../support/kubeconfig.ts';
import { selfSigned } from '../support/tls.ts';

const cluster = { server: 'https://10.0.0.1:6443' };
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('a kubeconfig', () => {
  const folders: { remove: () => void }[] = [];
  const before = process.env.KUBECONFIG;
  afterEach(() => {
    if (before === undefined) delete process.env.KUBECONFIG;
    else process.env.KUBECONFIG = before;
    for (const { remove } of folders.splice(0)) remove();
  });

  /** A folder with these files, one of which is the kubeconfig. */
  function files(texts: Record<string, string>): (name: string) => string {
    const folder = folderOf(texts);
    folders.push(folder);
    return folder.path;
  }

  /** The connection of the only context of a kubeconfig with this cluster and user, beside some other files. */
  async function connect(parts: { cluster?: object; user?: object }, others = {}): Promise<Connection> {
    const path = files({ config: kubeconfig({ cluster, ...parts }), ...others });
    return await connectionOf({ context: 'test', kubeconfig: path('config') });
  }

  async function refusal(connection: Promise<unknown>): Promise<string> {
    const error = await connection.then(
      () => new Error('it was accepted'),
      (reason: unknown) => reason as Error,
    );
    expect(error, error.message).to.be.instanceOf(KubeconfigError);
    return error.message;
  }

  for (const [title, user, headers] of [
    ['no log-in', {}, {}],
    ['a token', { token: 'abc' }, { authorization: 'Bearer abc' }],
    ['a token in a file beside it', { tokenFile: 'token' }, { authorization: 'Bearer from-file' }],
    [
      'a token file rather than a token',
      { token: 'abc', tokenFile: 'token' },
      { authorization: 'Bearer from-file' },
    ],
    [
      'a user name and a password',
      { username: 'me', password: 'pä' },
      { authorization: `Basic ${base64('me:pä')}` },
    ],
  ] as const) {
    it(`logs in with ${title}`, async () => {
      expect((await connect({ user }, { token: 'from-file\n' })).headers).to.deep.equal(headers);
    });
  }

  it('takes certificates from its own text or from files beside it', async () => {
    const fromText = await connect({
      cluster: { ...cluster, 'certificate-authority-data': base64('ca') },
      user: { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') },
    });
    const fromFiles = await connect(
      {
        cluster: { ...cluster, 'certificate-authority': 'ca.crt' },
        user: { 'client-certificate': './me.crt', 'client-key': 'me.key' },
      },
      { 'ca.crt': 'ca', 'me.crt': 'cert', 'me.key': 'key' },
    );
    expect(fromText).to.deep.equal(fromFiles);
    const { ca, cert, key, rejectUnauthorized } = fromFiles.tls;
    expect([ca, cert, key].map(String)).to.deep.equal(['ca', 'cert', 'key']);
    expect(rejectUnauthorized).to.equal(true);
  });

  it('may skip the check of the certificate or ask for another name', async () => {
    const { tls } = await connect({
      cluster: { ...cluster, 'insecure-skip-tls-verify': true, 'tls-server-name': 'other' },
    });
    expect(tls).to.deep.include({ rejectUnauthorized: false, servername: 'other' });
  });

  it('may be several files in KUBECONFIG, of which the first that knows a name wins', async () => {
    const first = kubeconfig({ context: 'a', cluster: { server: 'https://first' } });
    const again = kubeconfig({
      context: 'a',
      cluster: { server: 'https://again' },
      user: { token: 'again' },
    });
    const other = kubeconfig({ context: 'b', cluster: { server: 'https://other' } });
    const path = files({ first, again, other });
    process.env.KUBECONFIG = ['first', 'missing', 'again', 'other'].map(path).join(delimiter);
    expect(await connectionOf({ context: 'a' })).to.deep.include({
      server: new URL('https://first'),
      headers: {},
    });
    expect(await connectionOf({ context: 'b' })).to.deep.include({ server: new URL('https://other') });
  });

  it('may be one file for the context and another for its cluster and user', async () => {
    const contexts = JSON.stringify({
      contexts: [{ name: 'c', context: { cluster: 'test', user: 'test' } }],
    });
    const path = files({ contexts, rest: kubeconfig({ cluster, user: { tokenFile: 'token' } }), token: 't' });
    process.env.KUBECONFIG = ['contexts', 'rest'].map(path).join(delimiter);
    expect((await connectionOf({ context: 'c' })).headers).to.deep.equal({ authorization: 'Bearer t' });
  });

  it('may be given as text', async () => {
    const text = `# made by a program\n${kubeconfig({ cluster })}`;
    expect((await connectionOf({ context: 'test', kubeconfig: text })).server.href).to.equal(
      `${cluster.server}/`,
    );
  });

  it('is not asked for its current context', async () => {
    const path = files({
      config: JSON.stringify({
        ...(JSON.parse(kubeconfig({ cluster })) as object),
        'current-context': 'test',
      }),
    });
    expect(await refusal(connectionOf({ context: 'other', kubeconfig: path('config') }))).to.include(
      '"other"',
    );
  });

  it('that lacks the context is refused with the names of those that it has', async () => {
    const path = files({
      one: kubeconfig({ context: 'kind-kind' }),
      two: kubeconfig({ context: 'minikube' }),
      none: '',
    });
    const both = ['one', 'two'].map(path).join(delimiter);
    for (const [kubeconfigs, source, known] of [
      [both, both.replace(delimiter, ', '), 'contexts there: kind-kind, minikube'],
      [path('none'), path('none'), 'there are no contexts in it'],
      [path('gone'), 'your kubeconfig (no file found)', 'there are no contexts in it'],
    ] as const) {
      process.env.KUBECONFIG = kubeconfigs;
      expect(await refusal(connectionOf({ context: 'x' }))).to.equal(
        `mlflow-stack:kubernetes.context is "x", which ${source} does not have; ${known}. ` +
          '`npm run quickstart` starts a local cluster',
      );
    }
  });

  it('whose context names a cluster that is not there is refused', async () => {
    const path = files({ config: kubeconfig({}) });
    expect(await refusal(connectionOf({ context: 'test', kubeconfig: path('config') }))).to.equal(
      `context "test" in ${path('config')} names a cluster or user that is not there; mend the kubeconfig`,
    );
  });

  describe('with a log-in program', () => {
    const program = `#!/bin/sh
      test "$1" = --for && test "$PROFILE" = ml || exit 3
      echo "$KUBERNETES_EXEC_INFO" > "$2"
      echo '{"kind":"ExecCredential","status":{"token":"made","clientCertificateData":"cert","clientKeyData":"key"}}'`;

    it('gets what the program prints, and tells it that nobody can be asked', async () => {
      const path = files({ program, info: '' });
      const connection = await connect({
        user: {
          exec: {
            apiVersion: 'client.authentication.k8s.io/v1',
            command: path('program'),
            args: ['--for', path('info')],
            env: [{ name: 'PROFILE', value: 'ml' }],
          },
        },
      });
      expect(connection.headers).to.deep.equal({ authorization: 'Bearer made' });
      expect([connection.tls.cert, connection.tls.key].map(String)).to.deep.equal(['cert', 'key']);
      expect(JSON.parse(readFileSync(path('info'), 'utf8'))).to.deep.equal({
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        spec: { interactive: false },
      });
    });

    it('names the program when it fails', async () => {
      const path = files({ program });
      for (const command of [path('program'), path('missing')]) {
        const user = {
          exec: { apiVersion: 'client.authentication.k8s.io/v1', command, args: null, env: null },
        };
        expect(await refusal(connect({ user }))).to.match(
          new RegExp(`^the log-in program "${command}" of the kubeconfig failed: `),
        );
      }
    });
  });
});

describe('a connection to an API server', () => {
  let api: ApiServer;
  before(async () => (api = await startApiServer({ tls: true })));
  after(() => api.close());

  async function version(clusterPart: object, user: object = {}): Promise<unknown> {
    const text = `#\n${kubeconfig({ cluster: { server: api.url, ...clusterPart }, user })}`;
    const client = clusterClient(await connectionOf({ context: 'test', kubeconfig: text }));
    try {
      return await client.get('/version');
    } finally {
      client.close();
    }
  }
  const trusted = { 'certificate-authority-data': base64(selfSigned.cert) };

  it('shows the certificate and the token of the user', async () => {
    const { cert, key } = selfSigned;
    const user = { token: 't', 'client-certificate-data': base64(cert), 'client-key-data': base64(key) };
    expect(await version(trusted, user)).to.deep.equal({ major: '1', minor: '36' });
    const seen = api.requests.at(-1);
    expect(seen?.headers.authorization).to.equal('Bearer t');
    expect(seen?.clientCertificate?.subject.CN).to.equal('mlflow-stack-test');
  });

  it('keeps the path of an API server behind a proxy', async () => {
    api.answers['/k8s/clusters/c-1/version'] = { major: '1', minor: '35' };
    for (const server of [`${api.url}/k8s/clusters/c-1`, `${api.url}/k8s/clusters/c-1/`]) {
      expect(await version({ ...trusted, server })).to.deep.equal({ major: '1', minor: '35' });
    }
  });

  for (const [title, parts, problem] of [
    ['trusts its authority', trusted, undefined],
    ['trusts it under another name', { ...trusted, 'tls-server-name': 'kubernetes.test' }, undefined],
    ['trusts anything when told to', { 'insecure-skip-tls-verify': true }, undefined],
    ['refuses an unknown authority', {}, 'self-signed certificate'],
    ['refuses another name', { ...trusted, 'tls-server-name': 'other.test' }, 'altnames'],
  ] as const) {
    it(title, async () => {
      const answer = await version(parts).catch((error: unknown) => error as Error);
      if (problem === undefined) expect(answer).to.have.property('minor', '36');
      else expect((answer as Error).message).to.include(problem);
    });
  }
});
