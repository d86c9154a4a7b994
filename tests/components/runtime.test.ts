import { expect } from 'chai';
import { MlflowRuntime, type MlflowRuntimeArgs } from '../../components/index.ts';
import { scripts } from '../../lib/scripts.ts';
import { artifacts, auth, backend, labelsOf, noParts, runtimeArgs } from '../support/args.ts';
import { type JsonObject, type Run, runStack } from '../support/mocks.ts';

const build = (changes: Partial<MlflowRuntimeArgs> = {}): Promise<Run> =>
  runStack(() => ({ pods: new MlflowRuntime('shared', { ...runtimeArgs, ...changes }).pods }));

async function settings(changes?: Partial<MlflowRuntimeArgs>): Promise<Record<string, string>> {
  const { inputs } = (await build(changes)).get('ConfigMap/shared-settings');
  return inputs.data as Record<string, string>;
}

async function pods(changes?: Partial<MlflowRuntimeArgs>): Promise<JsonObject> {
  return (await build(changes)).outputs.pods as JsonObject;
}

describe('what all pods that run MLflow share', () => {
  it('is written once: variables without secrets, and files', async () => {
    const run = await build();
    expect(run.get('ConfigMap/shared-settings').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      // No names: Pulumi gives them some that change with the content, and with them the pods.
      metadata: { namespace: 'team-a', labels: labelsOf('runtime') },
      data: {
        AWS_REGION: 'eu-west-1',
        HOME: '/tmp',
        MLFLOW_ARTIFACTS_DESTINATION: 's3://bucket/prefix',
        MLFLOW_BACKEND_STORE_URI: 'postgresql+psycopg2://',
        MLFLOW_DISABLE_TELEMETRY: 'true',
        MLFLOW_ENABLE_WORKSPACES: 'false',
        PGHOST: 'db.example',
      },
    });
    expect(run.get('ConfigMap/shared-files').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'team-a', labels: labelsOf('runtime') },
      data: scripts,
    });
    expect(run.outputs.pods).to.deep.equal({
      ...noParts,
      namespace: 'team-a',
      identities: {},
      image: 'mlflow:v3.17.2',
      imagePullPolicy: 'IfNotPresent',
      imagePullSecrets: [],
      runAsUser: 1000,
      settingsName: 'shared-settings-1a2b3c4d',
      filesName: 'shared-files-1a2b3c4d',
      secrets: { PGPASSWORD: { secretName: 'db-secret', key: 'pw' } },
      envFrom: [],
    });
  });

  it('holds the certificate by which the database is known', async () => {
    const ca = '-----BEGIN CERTIFICATE-----';
    const { inputs } = (await build({ backend: { ...backend, ca } })).get('ConfigMap/shared-files');
    expect(inputs.data).to.deep.equal({ ...scripts, 'database-ca.crt': ca });
  });

  it('names the artifact store as root of the experiments only where clients may talk to it', async () => {
    expect(await settings()).not.to.have.property('MLFLOW_DEFAULT_ARTIFACT_ROOT');
    const direct = await settings({ artifacts: { ...artifacts, mode: 'direct' } });
    expect(direct.MLFLOW_DEFAULT_ARTIFACT_ROOT).to.equal('s3://bucket/prefix');
    expect(direct).not.to.have.property('MLFLOW_ARTIFACTS_DESTINATION');
  });

  it("adds the user's variables, which win", async () => {
    expect(await settings({ env: { HOME: '/home', TEAM: 'a' } })).to.include({ HOME: '/home', TEAM: 'a' });
    const envFrom = [{ secretRef: { name: 'proxy' } }];
    expect(await pods({ envFrom })).to.deep.include({ envFrom });
  });

  it('switches workspaces on everywhere, so that a run finds all of them', async () => {
    expect(await settings({ workspaces: true })).to.include({ MLFLOW_ENABLE_WORKSPACES: 'true' });
  });

  for (const [title, registry, variable, reference] of [
    [
      'beside the backend store, whose log-in it shares',
      { database: 'models' },
      'postgresql+psycopg2:///models',
      undefined,
    ],
    [
      'anywhere, by a URI in a Secret',
      { uriFrom: { secretName: 'registry', key: 'uri' } },
      undefined,
      { secretName: 'registry', key: 'uri' },
    ],
  ] as const) {
    it(`knows a model registry ${title}`, async () => {
      const run = await build({ registry });
      const { data } = run.get('ConfigMap/shared-settings').inputs as { data: Record<string, string> };
      expect(data.MLFLOW_REGISTRY_STORE_URI).to.equal(variable);
      const { secrets } = run.outputs.pods as { secrets: Record<string, unknown> };
      expect(secrets.MLFLOW_REGISTRY_STORE_URI).to.deep.equal(reference);
    });
  }

  it('says where users are kept', async () => {
    expect(await settings({ auth })).to.include(auth.settings);
    expect(await settings()).not.to.have.any.keys('AUTH_APP', 'AUTH_DATABASE');
  });

  it('makes new pods where something changes that the stack does not manage', async () => {
    const annotations = { team: 'a' };
    const parts = { ...noParts, annotations };
    expect(await pods({ parts })).to.deep.include({ annotations });
    expect(await pods({ parts, externalRevision: 'abc' })).to.deep.include({
      annotations: { ...annotations, 'mlflow-stack/external-revision': 'abc' },
    });
  });

  it('mounts what the database and the user bring', async () => {
    const mounts = (name: string) => ({
      volumes: [{ name, emptyDir: {} }],
      volumeMounts: [{ name, mountPath: `/${name}` }],
    });
    const shared = await pods({
      backend: { ...backend, ...mounts('sqlite') },
      parts: { ...noParts, ...mounts('extra') },
    });
    expect(shared.volumes).to.deep.equal([...mounts('sqlite').volumes, ...mounts('extra').volumes]);
    expect(shared.volumeMounts).to.deep.equal([
      ...mounts('sqlite').volumeMounts,
      ...mounts('extra').volumeMounts,
    ]);
  });
});

describe('certificates of further authorities', () => {
  for (const [title, source, volume] of [
    ['a ConfigMap', { configMapName: 'company-ca' }, { configMap: { name: 'company-ca' } }],
    ['a Secret', { secretName: 'company-ca' }, { secret: { secretName: 'company-ca' } }],
  ] as const) {
    it(`come from ${title}, for every client in the pod`, async () => {
      const run = await build({ caBundle: { ...source, key: 'bundle.pem' } });
      const path = '/etc/mlflow-stack/ca/bundle.pem';
      expect(run.get('ConfigMap/shared-settings').inputs.data).to.include({
        AWS_CA_BUNDLE: path,
        PGSSLROOTCERT: path,
        REQUESTS_CA_BUNDLE: path,
        SSL_CERT_FILE: path,
      });
      expect(run.outputs.pods).to.deep.include({
        volumes: [{ name: 'ca-bundle', ...volume }],
        volumeMounts: [{ name: 'ca-bundle', mountPath: '/etc/mlflow-stack/ca', readOnly: true }],
      });
    });
  }

  it('do not stand in for that of the database in the cluster', async () => {
    const ownCa = { ...backend.settings, PGSSLROOTCERT: '/opt/mlflow-stack/database-ca.crt' };
    const changes = {
      caBundle: { configMapName: 'ca', key: 'ca.crt' },
      backend: { ...backend, settings: ownCa },
    };
    expect(await settings(changes)).to.include(ownCa);
  });
});
