import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { type Answers, type ApiServer, startApiServer } from '../support/api-server.ts';
import { folderOf, kubeconfig } from '../support/kubeconfig.ts';

const secrets = '/api/v1/namespaces/mlflow/secrets';
const data = (values: Record<string, string>) => ({
  metadata: {},
  data: Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  ),
});

describe('npm run verify-secret', () => {
  let api: ApiServer;
  before(async () => (api = await startApiServer()));
  after(() => api.close());

  /** What it prints for a stack file with these settings, and its exit code. */
  async function verify(settings: object, answers: Answers, ...args: string[]): Promise<[string[], number?]> {
    api.answers = answers;
    const config = {
      'mlflow-stack:cloud': 'local',
      'mlflow-stack:kubernetes': { context: 'test' },
      'other:key': 1,
      ...settings,
    };
    const folder = folderOf({
      config: kubeconfig({ cluster: { server: api.url } }),
      settings: stringify({ config }),
    });
    try {
      const { exitCode, all } = await execa(
        process.execPath,
        [
          join(import.meta.dirname, '../../tools/verify-secret.ts'),
          ...['--stack', 'test', '--config-file', folder.path('settings'), ...args],
        ],
        { env: { KUBECONFIG: folder.path('config') }, all: true, reject: false },
      );
      return [all.split('\n').map((line) => line.replaceAll(folder.path(''), '')), exitCode];
    } finally {
      folder.remove();
    }
  }

  const named = {
    'mlflow-stack:auth': { kind: 'basic', adminPasswordFrom: { secretName: 'admin', key: 'pw' } },
    'mlflow-stack:pods': { imagePullSecrets: ['registry'] },
    'mlflow-stack:backendStore': { password: { secure: 'v1:abc' } },
  };

  it('prints a line per key when all is well', async () => {
    const answers = {
      [`${secrets}/admin`]: data({ pw: 'correct horse battery' }),
      [`${secrets}/registry`]: data({}),
    };
    expect(await verify(named, answers)).to.deep.equal([
      [
        '✓ Secret "registry" (mlflow-stack:pods.imagePullSecrets)',
        '✓ Secret "admin", key "pw" (mlflow-stack:auth.adminPasswordFrom)',
      ],
      0,
    ]);
  });

  it('fails and says what is wrong, or cannot be seen', async () => {
    const answers = { [`${secrets}/admin`]: data({ pw: 'short' }), [`${secrets}/registry`]: 403 };
    expect(await verify(named, answers)).to.deep.equal([
      [
        '? Secret "registry" cannot be read with your log-in (mlflow-stack:pods.imagePullSecrets)',
        '✗ key "pw" of Secret "admin", which mlflow-stack:auth.adminPasswordFrom names, has fewer than 12 characters; choose a longer one, made by a generator',
      ],
      1,
    ]);
  });

  it('knows what the next up has made', async () => {
    const externalSecrets = {
      'mlflow-stack:externalSecrets': {
        store: { name: 'team' },
        secrets: [{ name: 'admin', data: [{ key: 'pw', from: 'admin' }] }],
      },
      'mlflow-stack:auth': named['mlflow-stack:auth'],
    };
    expect(await verify(externalSecrets, {})).to.deep.equal([
      [
        '✓ Secret "admin" is made by the next up (mlflow-stack:externalSecrets) (mlflow-stack:auth.adminPasswordFrom)',
      ],
      0,
    ]);
  });

  it('has nothing to do where none is named', async () => {
    const [lines, exitCode] = await verify({}, {});
    expect(lines[0]).to.match(/settings names no Secret and no ConfigMap\.$/);
    expect(exitCode).to.equal(0);
  });

  it('fails in one sentence', async () => {
    const [lines, exitCode] = await verify(named, { [`${secrets}/admin`]: 500 });
    expect(lines).to.deep.equal([
      `The cluster of context "test" could not be read: GET ${secrets}/admin was answered with 500: {}`,
    ]);
    expect(exitCode).to.equal(1);
    const [mistakes] = await verify({ 'mlflow-stack:clod': 'local' }, {});
    expect(mistakes[1]).to.match(/^ {2}mlflow-stack:clod is not known \(did you mean cloud\?\)/);
    const [unknown] = await verify({}, {}, '--stac', 'x');
    expect(unknown[0]).to.equal('--stac is not known; did you mean --stack?');
    const [missing] = await verify({}, {}, '--config-file', 'missing.yaml');
    expect(missing[0]).to.equal('There is no missing.yaml; name a stack with --stack.');
  });
});
