import { expect } from 'chai';
import { ArtifactStore, type ArtifactStoreArgs } from '../../components/index.ts';
import { artifactStoreArgs, labelsOf, selectorOf } from '../support/args.ts';
import { container, plainEnv, isKubernetesObject, podTemplate, secretEnv } from '../support/manifests.ts';
import { type JsonObject, type Run, generatedPassword, runStack, secret } from '../support/mocks.ts';

const build = (changes: Partial<ArtifactStoreArgs> = {}): Promise<Run> =>
  runStack(() => {
    const { connection, claimMounts } = new ArtifactStore('files', { ...artifactStoreArgs, ...changes });
    return { connection, claimMounts };
  });

async function connection(changes: Partial<ArtifactStoreArgs>): Promise<JsonObject> {
  return (await build(changes)).outputs.connection as JsonObject;
}

describe('ArtifactStore, kind pvc', () => {
  const mounts = {
    volumes: [{ name: 'artifacts', persistentVolumeClaim: { claimName: 'files' } }],
    volumeMounts: [{ name: 'artifacts', mountPath: '/mlflow' }],
  };

  it('is a claim of the default class, which the server mounts', async () => {
    const run = await build();
    expect(run.get('PersistentVolumeClaim/files-claim').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: 'files',
        namespace: 'team-a',
        labels: labelsOf('artifact-store'),
        // What uses it is waited for, which is enough.
        annotations: {
          'pulumi.com/patchForce': 'true',
          'mlflow-stack/data-protection': 'delete',
          'pulumi.com/skipAwait': 'true',
        },
      },
      // Without a class, the key must be absent: an empty one would ask for no class at all.
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '20Gi' } } },
    });
    expect(run.outputs.connection).to.deep.equal({
      uri: '/mlflow/artifacts',
      mode: 'proxy',
      settings: {},
      secrets: {},
      ...mounts,
    });
    // SQLite may live there, too.
    expect(run.outputs.claimMounts).to.deep.include(mounts);
  });

  it('can be shared by several servers where the class can do it', async () => {
    const run = await build({ accessMode: 'ReadWriteMany', storageClassName: 'nfs' });
    expect(run.outputs.connection).to.include({});
    expect(run.get('PersistentVolumeClaim/files-claim').inputs.spec).to.deep.equal({
      accessModes: ['ReadWriteMany'],
      storageClassName: 'nfs',
      resources: { requests: { storage: '20Gi' } },
    });
  });

  it('uses a claim that is there, and makes none', async () => {
    const run = await build({ existingClaim: 'old-files' });
    expect(run.resources.filter(isKubernetesObject)).to.deep.equal([]);
    expect(run.outputs.connection).to.deep.include({
      volumes: [{ name: 'artifacts', persistentVolumeClaim: { claimName: 'old-files' } }],
    });
  });
});

describe('ArtifactStore, kind s3Compatible', () => {
  const elsewhere: Partial<ArtifactStoreArgs> = {
    kind: 's3Compatible',
    endpointUrl: 'https://s3.example',
    credentialsFrom: { secretName: 's3-keys', keys: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] },
  };

  it('is a bucket of an S3 server that is there', async () => {
    const run = await build(elsewhere);
    expect(run.resources.filter(isKubernetesObject)).to.deep.equal([]);
    expect(run.outputs).not.to.have.property('claimMounts');
    expect(run.outputs.connection).to.deep.equal({
      uri: 's3://files/team/artifacts',
      mode: 'proxy',
      settings: {
        AWS_DEFAULT_REGION: 'eu-west-1',
        AWS_REGION: 'eu-west-1',
        MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE: 'path',
        MLFLOW_S3_ENDPOINT_URL: 'https://s3.example',
      },
      secrets: {
        AWS_ACCESS_KEY_ID: { secretName: 's3-keys', key: 'AWS_ACCESS_KEY_ID' },
        AWS_SECRET_ACCESS_KEY: { secretName: 's3-keys', key: 'AWS_SECRET_ACCESS_KEY' },
      },
      volumes: [],
      volumeMounts: [],
    });
  });

  it('passes mode and addressing style on', async () => {
    expect(
      await connection({ ...elsewhere, mode: 'direct', addressingStyle: 'virtual' }),
    ).to.deep.nested.include({
      mode: 'direct',
      'settings.MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE': 'virtual',
    });
  });

  describe('without an address', () => {
    const inCluster = {
      kind: 's3Compatible',
      accessMode: 'ReadWriteMany',
      storageClassName: 'fast',
    } as const;

    it('runs a server in the cluster, on a claim, with one private bucket and one generated key', async () => {
      const run = await build(inCluster);
      expect(run.resources.filter(isKubernetesObject).map(({ id }) => id)).to.have.members([
        'Secret/files-credentials',
        'PersistentVolumeClaim/files-claim',
        'ServiceAccount/files-service-account',
        'Service/files-service',
        'StatefulSet/files-server',
      ]);
      const key = { secretName: 'files-credentials-1a2b3c4d' };
      expect(run.outputs.connection).to.deep.include({
        uri: 's3://files/team/artifacts',
        secrets: {
          AWS_ACCESS_KEY_ID: { ...key, key: 'AWS_ACCESS_KEY_ID' },
          AWS_SECRET_ACCESS_KEY: { ...key, key: 'AWS_SECRET_ACCESS_KEY' },
        },
        volumes: [],
        volumeMounts: [],
      });
      expect(run.outputs.connection).to.have.nested.property(
        'settings.MLFLOW_S3_ENDPOINT_URL',
        'http://files.team-a.svc:8333',
      );
      // One pod of the server itself uses the claim, whatever the pods of MLflow need.
      expect(run.get('PersistentVolumeClaim/files-claim').inputs.spec).to.deep.include({
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'fast',
      });
    });

    it('lets in nobody but the holder of the key, to this bucket alone', async () => {
      const { inputs } = (await build(inCluster)).get('Secret/files-credentials');
      const { value } = inputs.stringData as { value: Record<string, string> };
      expect(inputs.stringData).to.deep.equal(secret(value));
      expect(value.AWS_SECRET_ACCESS_KEY).to.equal(generatedPassword);
      expect(JSON.parse(value['s3.json'] ?? '')).to.deep.equal({
        identities: [
          {
            name: 'mlflow',
            credentials: [{ accessKey: value.AWS_ACCESS_KEY_ID, secretKey: generatedPassword }],
            actions: ['Read:files', 'Write:files', 'List:files', 'Tagging:files'],
          },
        ],
      });
    });

    it('leaves room for artifacts beside its own notes, whatever its size', async () => {
      for (const [size, most, atOnce] of [
        ['100Mi', '3', '1'],
        ['1Gi', '6', '2'],
        ['10Gi', '64', '7'],
      ] as const) {
        const server = (await build({ ...inCluster, size })).get('StatefulSet/files-server');
        expect(container(server, 's3').args).to.include(`-volume.max=${most}`);
        expect(plainEnv(container(server, 's3'))).to.include({ WEED_MASTER_VOLUME_GROWTH_COPY_1: atOnce });
      }
    });

    it('opens nothing but S3 to other pods', async () => {
      const run = await build({ ...inCluster, image: 'mirror/seaweedfs:5', imagePullSecrets: ['registry'] });
      const server = run.get('StatefulSet/files-server');
      expect(container(server, 's3')).to.deep.include({ image: 'mirror/seaweedfs:5' });
      expect(container(server, 's3').args).to.include.members(['-ip.bind=127.0.0.1', '-s3.ip.bind=0.0.0.0']);
      expect(podTemplate(server)?.spec).to.deep.include({ imagePullSecrets: [{ name: 'registry' }] });
      expect(run.get('Service/files-service').inputs.spec).to.deep.equal({
        selector: selectorOf('s3'),
        ports: [{ name: 's3', port: 8333, targetPort: 's3' }],
      });
      expect(secretEnv(container(server, 's3'))).to.deep.equal({});
    });
  });
});

describe('ArtifactStore, kind external', () => {
  it('is any URI that MLflow knows, with variables from an existing Secret', async () => {
    const changes: Partial<ArtifactStoreArgs> = {
      kind: 'external',
      uri: 'wasbs://files@account.blob.core.windows.net/mlflow',
      credentialsFrom: { secretName: 'azure', keys: ['AZURE_STORAGE_CONNECTION_STRING'] },
    };
    const run = await build(changes);
    expect(run.resources.filter(isKubernetesObject)).to.deep.equal([]);
    expect(run.outputs.connection).to.deep.equal({
      uri: 'wasbs://files@account.blob.core.windows.net/mlflow',
      mode: 'proxy',
      settings: {},
      secrets: {
        AZURE_STORAGE_CONNECTION_STRING: { secretName: 'azure', key: 'AZURE_STORAGE_CONNECTION_STRING' },
      },
      volumes: [],
      volumeMounts: [],
    });
  });

  it('mounts the file of a Google service account, and asks for no keys of S3 then', async () => {
    const credentialsFrom = {
      secretName: 'google',
      keys: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
      googleCredentialsKey: 'key.json',
    };
    expect(await connection({ kind: 'external', uri: 'gs://files', credentialsFrom })).to.deep.include({
      settings: { GOOGLE_APPLICATION_CREDENTIALS: '/etc/mlflow-stack/credentials/key.json' },
      secrets: {},
      volumes: [{ name: 'credentials', secret: { secretName: 'google' } }],
      volumeMounts: [{ name: 'credentials', mountPath: '/etc/mlflow-stack/credentials', readOnly: true }],
    });
  });

  it('needs no credentials where the pod has rights of its own', async () => {
    expect(await connection({ kind: 'external', uri: 'gs://files' })).to.deep.include({
      settings: {},
      secrets: {},
      volumes: [],
    });
  });
});
