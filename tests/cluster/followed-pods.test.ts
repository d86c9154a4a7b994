import { expect } from 'chai';
import { clusterClient } from '../../cluster/client.ts';
import { news } from '../../cluster/followed-pods.ts';
import { type ApiServer, startApiServer } from '../support/api-server.ts';
import { runStack } from '../support/mocks.ts';

describe('what an update says of pods that do not start', () => {
  let api: ApiServer;
  beforeEach(async () => (api = await startApiServer()));
  afterEach(() => api.close());

  const pod = (name: string, component: string, status: object, metadata: object = {}) => ({
    metadata: { name, labels: { 'app.kubernetes.io/component': component }, ...metadata },
    status,
  });
  const waiting = (reason: string, message?: string) => ({
    phase: 'Pending',
    containerStatuses: [{ name: 'it', state: { waiting: { reason, message } } }],
  });

  async function said(pods: object[], events: object[] = [], times = 1): Promise<string[]> {
    api.answers['/api/v1/namespaces/mlflow/pods'] = { items: pods };
    api.answers['/api/v1/namespaces/mlflow/events'] = { items: events };
    const client = clusterClient({
      server: new URL(api.url),
      tls: { rejectUnauthorized: true },
      headers: {},
    });
    const before = new Set<string>();
    const texts: string[] = [];
    await runStack(async () => {
      for (let time = 0; time < times; time++) texts.push(...(await news(client, 'mlflow', before)));
    });
    return texts;
  }

  it('is the reason of each server, once', async () => {
    const pods = [
      pod('mlflow-a', 'tracking-server', waiting('ImagePullBackOff', 'no such image')),
      pod('mlflow-b', 'tracking-server', waiting('ImagePullBackOff', 'no such image')),
      pod('mlflow-postgres-0', 'postgres', waiting('CreateContainerConfigError', 'secret "db" not found')),
    ];
    expect(await said(pods, [], 2)).to.have.members([
      'Pod mlflow-a waits: container it does not start: ImagePullBackOff: no such image',
      'Pod mlflow-postgres-0 waits: container it does not start: CreateContainerConfigError: secret "db" not found',
    ]);
    const { path = '' } = api.requests[0] ?? {};
    expect(decodeURIComponent(path)).to.include('component in (postgres,s3,tracking-server)');
  });

  it('is what events tell of a volume', async () => {
    const about = (reason: string, message: string) => ({
      reason,
      message,
      involvedObject: { name: 'mlflow-a' },
    });
    const events = [about('FailedScheduling', 'of before'), about('FailedMount', 'secret "tls" not found')];
    expect(
      await said([pod('mlflow-a', 'tracking-server', waiting('ContainerCreating'))], events),
    ).to.deep.equal(['Pod mlflow-a waits: secret "tls" not found']);
  });

  it('is nothing where pods are on their way, or go', async () => {
    const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    expect(
      await said([
        pod('mlflow-a', 'tracking-server', waiting('PodInitializing')),
        pod('mlflow-b', 'tracking-server', waiting('CrashLoopBackOff'), going),
      ]),
    ).to.deep.equal([]);
  });
});
