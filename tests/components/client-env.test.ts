import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { ClientEnv, type ClientEnvArgs } from '../../components/index.ts';
import { artifacts, labelsOf, service } from '../support/args.ts';
import { type Run, runStack } from '../support/mocks.ts';

describe('ClientEnv', () => {
  const build = (changes: Partial<ClientEnvArgs> = {}): Promise<Run> =>
    runStack(() => {
      const args = { namespaces: ['team-b', 'team-c'], service, artifacts, users: {}, ...changes };
      new ClientEnv('mlflow-client', args);
      return {};
    });

  it('tells each namespace the tracking URI, and to leave artifacts to the server', async () => {
    const run = await build();
    for (const namespace of ['team-b', 'team-c']) {
      const { inputs } = run.get(`ConfigMap/mlflow-client-${namespace}`);
      expect(inputs.metadata).to.deep.equal({ name: 'mlflow-client', namespace, labels: labelsOf('client') });
      expect(inputs.data).to.deep.equal({
        MLFLOW_TRACKING_URI: 'http://mlflow.team-a.svc:8000',
        MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD: 'false',
        MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD: 'false',
      });
    }
    expect(run.resources.filter(({ type }) => type.endsWith(':Secret'))).to.deep.equal([]);
  });

  it('tells where the store is that clients talk to themselves, and none of its credentials', async () => {
    const settings = {
      AWS_REGION: 'eu-west-1',
      MLFLOW_S3_ENDPOINT_URL: 'https://s3.example',
      GOOGLE_APPLICATION_CREDENTIALS: '/etc/mlflow-stack/credentials/key.json',
    };
    const run = await build({ artifacts: { ...artifacts, mode: 'direct', settings } });
    expect(run.get('ConfigMap/mlflow-client-team-b').inputs.data).to.deep.equal({
      MLFLOW_TRACKING_URI: 'http://mlflow.team-a.svc:8000',
      AWS_REGION: 'eu-west-1',
      MLFLOW_S3_ENDPOINT_URL: 'https://s3.example',
    });
  });

  it('gives each namespace the log-in of its own user alone', async () => {
    const user = (name: string) => ({ username: name, password: pulumi.secret(`password of ${name}`) });
    const run = await build({ users: { 'team-b': user('b'), 'team-c': user('c') } });
    const secret = run.get('Secret/mlflow-client-team-c-log-in');
    expect(secret.inputs.metadata).to.deep.include({ name: 'mlflow-client', namespace: 'team-c' });
    expect(JSON.stringify(secret.inputs.stringData))
      .to.include('password of c')
      .and.not.include('password of b');
  });
});
