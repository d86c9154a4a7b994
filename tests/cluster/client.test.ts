import { expect } from 'chai';
import { ForbiddenError, clusterClient } from '../../cluster/client.ts';
import type { Connection } from '../../cluster/kubeconfig.ts';
import { type ApiServer, startApiServer } from '../support/api-server.ts';

describe('the client of the API server', () => {
  let api: ApiServer;
  beforeEach(async () => (api = await startApiServer()));
  afterEach(() => api.close());

  const connection = (token?: string): Connection => ({
    server: new URL(api.url),
    tls: { rejectUnauthorized: true },
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

  it('merges changes in the name of the stack', async () => {
    api.answers['/api/v1/x'] = { a: 1, b: { c: 2, d: 3 } };
    const changed = await clusterClient(connection()).patch('/api/v1/x', { b: { c: null, e: 'ü' } });
    expect(changed).to.deep.equal({ a: 1, b: { d: 3, e: 'ü' } });
    const [seen] = api.requests;
    expect(seen).to.deep.include({
      method: 'PATCH',
      path: '/api/v1/x?fieldManager=mlflow-stack',
      body: { b: { c: null, e: 'ü' } },
    });
    expect(seen?.headers['content-type']).to.equal('application/merge-patch+json');
  });

  it('deletes an object after what it owns', async () => {
    api.answers['/api/v1/x'] = {};
    const client = clusterClient(connection());
    await client.delete('/api/v1/x');
    expect(api.requests[0]).to.deep.include({ method: 'DELETE', body: { propagationPolicy: 'Foreground' } });
    expect(await client.get('/api/v1/x')).to.equal(undefined);
  });

  it('takes what is not there for nothing', async () => {
    const client = clusterClient(connection());
    expect(await client.get('/api/v1/x')).to.equal(undefined);
    expect(await client.patch('/api/v1/x', {})).to.equal(undefined);
    await client.delete('/api/v1/x');
  });

  it('tells a missing right from a server that is not well', async () => {
    api.answers['/api/v1/x'] = 403;
    api.answers['/api/v1/y'] = 500;
    const client = clusterClient(connection());
    const refusal = await client.patch('/api/v1/x', {}).catch((error: unknown) => error);
    expect(refusal).to.be.instanceOf(ForbiddenError);
    expect((refusal as Error).message).to.equal('PATCH /api/v1/x was answered with 403');
    expect(String(await client.get('/api/v1/y').catch((error: unknown) => error))).to.equal(
      'Error: GET /api/v1/y was answered with 500: {}',
    );
  });

  it('logs in again when the log-in has run out', async () => {
    api.answers['/api/v1/x'] = ({ headers }: { headers: { authorization?: string } }) =>
      headers.authorization === 'Bearer new' ? { a: 1 } : 401;
    expect(
      await clusterClient(connection('old'), async () => connection('new')).get('/api/v1/x'),
    ).to.deep.equal({
      a: 1,
    });
    for (const renew of [undefined, async () => connection('older')]) {
      const client = clusterClient(connection('old'), renew);
      expect(await client.get('/api/v1/x').catch((error: unknown) => error)).to.be.instanceOf(ForbiddenError);
    }
  });
});
