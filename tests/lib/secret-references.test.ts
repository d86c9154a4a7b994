import { expect } from 'chai';
import { parseSettings } from '../../config.ts';
import { credentialVariables, secretReferences } from '../../lib/secret-references.ts';

function references(changes: object) {
  return secretReferences(parseSettings({ cloud: 'local', kubernetes: { context: 'test' }, ...changes }));
}

/** In one line each: `setting: kind name [keys]`. */
const lines = (changes: object): string[] =>
  references(changes).map(({ setting, kind, name, keys }) => `${setting}: ${kind} ${name} [${keys.join()}]`);

const from = (secretName: string) => ({ secretName, key: 'k' });

describe('the Secrets that settings name', () => {
  it('are none by default', () => expect(references({})).to.deep.equal([]));

  for (const [title, changes, expected] of [
    [
      'are those of a database in the cluster',
      { backendStore: { passwordFrom: from('a') }, registryStore: { uriFrom: from('b') } },
      ['backendStore.passwordFrom: Secret a [k]', 'registryStore.uriFrom: Secret b [k]'],
    ],
    [
      'are those of an external one by its address',
      {
        backendStore: {
          kind: 'external',
          uriFrom: from('a'),
          readReplica: { uriFrom: from('b') },
        },
      },
      ['backendStore.uriFrom: Secret a [k]', 'backendStore.readReplica.uriFrom: Secret b [k]'],
    ],
    [
      'are those of an external one by parts',
      { backendStore: { kind: 'external', host: 'db.example', connectionFrom: { secretName: 'a' } } },
      ['backendStore.connectionFrom: Secret a [username,password]'],
    ],
    [
      'have the host where the settings do not',
      { backendStore: { kind: 'external', connectionFrom: { secretName: 'a', hostKey: 'h' } } },
      ['backendStore.connectionFrom: Secret a [username,password,h]'],
    ],
    [
      'are those of the artifacts',
      {
        artifactStore: {
          kind: 's3Compatible',
          endpointUrl: 'https://s3.example',
          credentialsFrom: { secretName: 'a' },
        },
      },
      ['artifactStore.credentialsFrom: Secret a [AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY]'],
    ],
    [
      'are those of users and keys',
      {
        auth: { kind: 'basic', adminPasswordFrom: from('a') },
        secrets: { flaskKeyFrom: from('b'), kekPassphraseFrom: from('c'), webhookKeyFrom: from('d') },
      },
      [
        'auth.adminPasswordFrom: Secret a [k]',
        'secrets.flaskKeyFrom: Secret b [k]',
        'secrets.kekPassphraseFrom: Secret c [k]',
        'secrets.webhookKeyFrom: Secret d [k]',
      ],
    ],
    [
      'include the client of oauth2-proxy',
      {
        ingress: { enabled: true, hosts: ['a.example'] },
        auth: {
          kind: 'oauth2Proxy',
          oauth2Proxy: {
            issuerUrl: 'https://id.example',
            clientId: 'mlflow',
            clientSecretFrom: from('a'),
            emailDomains: ['*'],
          },
        },
      },
      ['auth.oauth2Proxy.clientSecretFrom: Secret a [k]'],
    ],
    [
      'include those of a plug-in',
      {
        auth: {
          kind: 'plugin',
          plugin: {
            appName: 'ldap-auth',
            envFrom: [{ secretRef: { name: 'a' } }, { configMapRef: { name: 'b' } }],
            credentialsFrom: { secretName: 'c' },
          },
        },
      },
      [
        'auth.plugin.envFrom: Secret a []',
        'auth.plugin.envFrom: ConfigMap b []',
        'auth.plugin.credentialsFrom: Secret c [MLFLOW_TRACKING_TOKEN]',
      ],
    ],
    [
      'include certificates',
      { server: { caBundle: { configMapName: 'a' } } },
      ['server.caBundle: ConfigMap a [ca.crt]'],
    ],
    [
      'include those that pods name in the words of Kubernetes',
      {
        server: {
          envFrom: [
            { secretRef: { name: 'a' } },
            { prefix: 'X_', configMapRef: { name: 'b' } },
            { secretRef: { name: 'not-needed', optional: true } },
          ],
          pod: {
            sidecars: [
              {
                name: 'proxy',
                env: [
                  { name: 'A', valueFrom: { secretKeyRef: { name: 'c', key: 'x' } } },
                  {
                    name: 'B',
                    valueFrom: { configMapKeyRef: { name: 'not-needed', key: 'x', optional: true } },
                  },
                  { name: 'secret', value: 'no reference' },
                ],
              },
            ],
          },
        },
        pods: {
          labels: { secret: 'no reference' },
          volumes: [
            { name: 'v', secret: { secretName: 'd', items: [{ key: 'x', path: 'p' }] } },
            { name: 'w', projected: { sources: [{ configMap: { name: 'e' } }, { secret: { name: 'f' } }] } },
            { name: 'x', csi: { driver: 'd', volumeAttributes: { secretName: 'no reference' } } },
          ],
          imagePullSecrets: ['g'],
        },
      },
      [
        'server.envFrom: Secret a []',
        'server.envFrom: ConfigMap b []',
        'server.pod: Secret c [x]',
        'pods: Secret d [x]',
        'pods: ConfigMap e []',
        'pods: Secret f []',
        'pods.imagePullSecrets: Secret g []',
      ],
    ],
    ["do not include the stack's own", { server: { envFrom: [{ secretRef: { name: 'mlflow-keys' } }] } }, []],
  ] as const) {
    it(title, () => expect(lines(changes)).to.deep.equal(expected));
  }

  describe('with a Google service account', () => {
    const artifacts = (credentials: object) => ({
      artifactStore: {
        kind: 'external',
        uri: 'gs://bucket/path',
        credentialsFrom: { secretName: 'a', googleCredentialsKey: 'key.json', ...credentials },
      },
    });

    it('need no keys of S3', () => {
      expect(lines(artifacts({}))).to.deep.equal(['artifactStore.credentialsFrom: Secret a [key.json]']);
    });

    it('may have others beside it', () => {
      expect(lines(artifacts({ keys: ['TOKEN'] }))[0]).to.equal(
        'artifactStore.credentialsFrom: Secret a [TOKEN]',
      );
    });

    it('make no variables of S3', () => {
      const keys = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
      expect(credentialVariables({ keys })).to.deep.equal(keys);
      expect(credentialVariables({ keys, googleCredentialsKey: 'k' })).to.deep.equal([]);
    });
  });

  it('tell which of them matter only while a pod starts', () => {
    const found = references({
      auth: { kind: 'basic', adminPasswordFrom: from('a') },
      pods: { imagePullSecrets: ['b'] },
    });
    expect(found.filter(({ onlyAtStart }) => onlyAtStart).map(({ name }) => name)).to.deep.equal(['b']);
  });
});
