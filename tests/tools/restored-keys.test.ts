// Keys and databases change places together, wherever it stops.
import { expect } from 'chai';
import type { ClusterClient } from '../../cluster/client.ts';
import { ContactLost } from '../../tools/lib/backups.ts';
import { type Keys, exchangeWithKeys } from '../../tools/lib/restored-keys.ts';

const encoded = (text: string) => Buffer.from(text).toString('base64');
const keys: Keys = { MLFLOW_CRYPTO_KEK_PASSPHRASE: 'of the backup' };

/** A cluster whose Secret refuses the given patch, or is not there. */
function clusterWith({ refuses = 0, gone = false } = {}) {
  const secret: Record<string, string> = { 'kek-passphrase': encoded('own'), 'flask-key': encoded('own') };
  const events: string[] = [];
  let patches = 0;
  const client = {
    patch: (path: string, { data = {} }: { data?: Record<string, string> }) => {
      expect(path).to.equal('/api/v1/namespaces/team/secrets/mlflow-keys');
      patches += 1;
      if (gone) return Promise.resolve(undefined);
      if (patches === refuses) return Promise.reject(new Error('PATCH of the Secret was answered with 403'));
      if (Object.keys(data).length > 0) events.push('keys');
      Object.assign(secret, data);
      return Promise.resolve({});
    },
  } as unknown as ClusterClient;
  const exchange = async (outcome?: Error) => {
    events.push('databases');
    if (outcome) throw outcome;
  };
  /** Restores, and gives back what was said. */
  const restore = async (outcome?: Error, wanted = keys) =>
    await exchangeWithKeys(client, 'team', wanted, () => exchange(outcome)).then(
      () => 'restored',
      (error: unknown) => (error as Error).message,
    );
  return { secret, events, restore };
}

describe('keys of a backup', () => {
  it('take the place of others only once the databases that need them are there', async () => {
    const { secret, events, restore } = clusterWith();
    expect(await restore()).to.equal('restored');
    expect(events).to.deep.equal(['databases', 'keys']);
    expect(secret).to.deep.equal({ 'kek-passphrase': encoded('of the backup'), 'flask-key': encoded('own') });
  });

  for (const outcome of [new Error('the disk is full'), new ContactLost('nobody knows')])
    it(`leave the others alone when the exchange ends with: ${outcome.message}`, async () => {
      const { secret, restore } = clusterWith();
      expect(await restore(outcome)).to.equal(outcome.message);
      expect(secret['kek-passphrase']).to.equal(encoded('own'));
    });

  it('that cannot be put in place leave the databases as they are', async () => {
    for (const cluster of [clusterWith({ refuses: 1 }), clusterWith({ gone: true })]) {
      expect(await cluster.restore()).to.match(/answered with 403|Secret mlflow-keys is gone/);
      expect(cluster.events).to.deep.equal([]);
    }
  });

  it('that fail at the last moment are told, with what brings them', async () => {
    const { secret, restore } = clusterWith({ refuses: 2 });
    expect(await restore()).to.match(
      /^The databases are restored, but their keys could not be put into Secret mlflow-keys: .* 403; restore the same backup again, with --replace\.$/,
    );
    expect(secret['kek-passphrase']).to.equal(encoded('own'));
  });

  it('are no matter where the server has them', async () => {
    const { events, restore } = clusterWith({ gone: true });
    expect(await restore(undefined, {})).to.equal('restored');
    expect(events).to.deep.equal(['databases']);
  });
});
