import { expect } from 'chai';
import type { GoogleAuth } from 'google-auth-library';
import { snapshot } from '../../clouds/gcp/snapshot.ts';

/** Backs up through a pretended API, whose operation ends as told. Resolves to what was asked, and the outcome. */
async function backUp(end: object): Promise<{ asked: string[]; outcome: string }> {
  const asked: string[] = [];
  const request = ({ method, url }: { method: string; url: string }) => {
    asked.push(`${method} ${url}`);
    const operation = { name: 'op-1', status: method === 'POST' ? 'PENDING' : 'DONE' };
    return Promise.resolve({ data: { ...operation, ...(method === 'GET' && end) } });
  };
  const login = { request } as unknown as GoogleAuth;
  const outcome = await snapshot('my-team-dev:europe-west1:mlflow', 'mlflow-3.16.0', login, 1).catch(
    (error: unknown) => `refused: ${(error as Error).message}`,
  );
  return { asked, outcome };
}

describe('a backup of Cloud SQL before a migration', () => {
  const api = 'https://sqladmin.googleapis.com/sql/v1beta4/projects/my-team-dev';

  it('is waited for, and named', async () => {
    expect(await backUp({ backupContext: { backupId: '42' } })).to.deep.equal({
      asked: [`POST ${api}/instances/mlflow/backupRuns`, `GET ${api}/operations/op-1`],
      outcome: 'backup 42 of mlflow',
    });
  });

  it('goes where the plug-in goes', async () => {
    process.env.GOOGLE_SQL_CUSTOM_ENDPOINT = 'http://127.0.0.1:1/sql';
    try {
      const { asked } = await backUp({});
      expect(asked[0]).to.equal(
        'POST http://127.0.0.1:1/sql/projects/my-team-dev/instances/mlflow/backupRuns',
      );
    } finally {
      delete process.env.GOOGLE_SQL_CUSTOM_ENDPOINT;
    }
  });

  it('says why it failed', async () => {
    const { outcome } = await backUp({ error: { errors: [{ message: 'the disk is full' }] } });
    expect(outcome).to.equal('refused: the disk is full');
  });
});
