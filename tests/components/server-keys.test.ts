import { expect } from 'chai';
import { ServerKeys, type ServerKeysArgs } from '../../components/index.ts';
import { keysArgs, labelsOf } from '../support/args.ts';
import {
  type JsonObject,
  type Run,
  generatedBytes,
  generatedPassword,
  runStack,
  secret,
  withoutSecrets,
} from '../support/mocks.ts';

const build = (changes: Partial<ServerKeysArgs> = {}): Promise<Run> =>
  runStack(() => {
    const { variables, sessionKey, generated } = new ServerKeys('keys', { ...keysArgs, ...changes });
    return { ...variables, sessionKey, generated: Object.keys(generated) };
  });
const storedKeys = (run: Run) =>
  (run.get('Secret/keys-secret').inputs.stringData as { value: Record<string, string> }).value;

describe('the keys of the server', () => {
  it('are generated once, into a Secret with a name that never changes', async () => {
    const run = await build();
    expect(run.get('Secret/keys-secret').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: 'mlflow-keys',
        namespace: 'team-a',
        labels: labelsOf('keys'),
        annotations: { 'pulumi.com/patchForce': 'true' },
      },
      type: 'Opaque',
      stringData: secret(storedKeys(run)),
    });
    expect(run.outputs.secrets).to.deep.equal({
      MLFLOW_FLASK_SERVER_SECRET_KEY: { secretName: 'mlflow-keys', key: 'flask-key' },
      MLFLOW_CRYPTO_KEK_PASSPHRASE: { secretName: 'mlflow-keys', key: 'kek-passphrase' },
      MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: { secretName: 'mlflow-keys', key: 'webhook-key' },
    });
    expect(run.outputs.sessionKey).to.deep.equal({ secretName: 'mlflow-keys', key: 'flask-key' });
    expect(run.outputs.settings).to.deep.equal({ MLFLOW_CRYPTO_KEK_VERSION: '1' });
    expect((await build({ kekVersion: 2 })).outputs.settings).to.deep.equal({
      MLFLOW_CRYPTO_KEK_VERSION: '2',
    });
    expect(Object.keys(storedKeys(run))).to.have.members(['flask-key', 'kek-passphrase', 'webhook-key']);
    // No rotation number and nothing else makes them anew.
    for (const key of ['flask-key', 'kek-passphrase'])
      expect(run.get(`RandomPassword/keys-${key}`).inputs).to.deep.equal({ length: 48, special: false });
    expect(run.get('RandomBytes/keys-webhook-key').inputs).to.deep.equal({ length: 32 });
  });

  it('hold a Fernet key for webhooks: 32 bytes in url-safe base64', async () => {
    const key = storedKeys(await build())['webhook-key'] ?? '';
    expect(key).to.match(/^[\w-]{43}=$/);
    expect(Buffer.from(key, 'base64url').toString('base64')).to.equal(generatedBytes);
  });

  it('stay what the cluster holds, so that retained data stays readable', async () => {
    const existing = {
      'flask-key': 'old-flask',
      'kek-passphrase': 'old-passphrase',
      'webhook-key': 'old-webhook',
    };
    const run = await build({ existing });
    expect(storedKeys(run)).to.deep.equal(existing);
    // A key that is new in this version of the program is generated beside those that are there.
    expect(storedKeys(await build({ existing: { 'flask-key': 'old-flask' } }))).to.include({
      'flask-key': 'old-flask',
      'kek-passphrase': generatedPassword,
    });
    expect(JSON.stringify(withoutSecrets(run.resources.map(({ inputs }) => inputs)))).not.to.include('old-');
  });

  for (const [setting, variable] of [
    ['flaskKeyFrom', 'MLFLOW_FLASK_SERVER_SECRET_KEY'],
    ['kekPassphraseFrom', 'MLFLOW_CRYPTO_KEK_PASSPHRASE'],
    ['webhookKeyFrom', 'MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY'],
  ] as const) {
    it(`can be that of an existing Secret by ${setting}, and the others stay`, async () => {
      const before = (await build()).outputs.secrets as JsonObject;
      const own = { secretName: 'vault', key: 'the-key' };
      const { outputs } = await build({ [setting]: own });
      expect(outputs.secrets).to.deep.equal({ ...before, [variable]: own });
      // What that Secret holds is nothing that the stack would keep elsewhere.
      const { key } = before[variable] as { key: string };
      expect(outputs.generated).to.have.length(2).and.not.include(key);
    });
  }

  for (const [dataProtection, protect, retainOnDelete] of [
    ['delete', false, false],
    ['retain', false, true],
    ['protect', true, false],
  ] as const) {
    it(`are kept with the data as dataProtection ${dataProtection} says`, async () => {
      expect((await build({ dataProtection })).get('Secret/keys-secret')).to.include({
        protect,
        retainOnDelete,
      });
    });
  }
});
