import { expect } from 'chai';
import { htpasswdLine } from '../../lib/htpasswd.ts';
import { signInGuide } from '../../lib/sign-in.ts';
import { settingsWith } from '../support/settings.ts';

const url = 'https://mlflow.example';
const ingress = { enabled: true, className: 'nginx', hosts: ['mlflow.example'] };
const guide = (auth: object) => signInGuide(settingsWith({ ingress, auth }).auth, url);
const proxy = {
  issuerUrl: 'https://id.example',
  clientId: 'mlflow',
  clientSecretFrom: { secretName: 'client', key: 'secret' },
  allowedGroups: ['scientists'],
};

describe('how people and programs get in', () => {
  for (const [auth, by, variables] of [
    [{ acceptPublic: true }, /nobody/, []],
    [{ kind: 'basic' }, /user of MLflow/, ['MLFLOW_TRACKING_USERNAME', 'MLFLOW_TRACKING_PASSWORD']],
    [{ kind: 'edge' }, /edge/, ['MLFLOW_TRACKING_USERNAME', 'MLFLOW_TRACKING_PASSWORD']],
    [{ kind: 'oauth2Proxy', oauth2Proxy: proxy }, /https:\/\/id\.example/, ['MLFLOW_TRACKING_TOKEN']],
    [
      { kind: 'oauth2Proxy', oauth2Proxy: { ...proxy, users: ['robot'] } },
      /https:\/\/id\.example/,
      ['MLFLOW_TRACKING_TOKEN', 'MLFLOW_TRACKING_USERNAME', 'MLFLOW_TRACKING_PASSWORD'],
    ],
    [
      {
        kind: 'plugin',
        plugin: {
          appName: 'oidc-auth',
          env: { OIDC_DISCOVERY_URL: 'https://id.example', OIDC_CLIENT_ID: 'mlflow' },
          envFrom: [{ secretRef: { name: 'client' } }],
        },
      },
      /single sign-on/,
      ['MLFLOW_TRACKING_TOKEN', 'MLFLOW_TRACKING_USERNAME', 'MLFLOW_TRACKING_PASSWORD'],
    ],
    [
      { kind: 'plugin', plugin: { appName: 'ldap-auth', credentialsFrom: { secretName: 'sweeper' } } },
      /ldap-auth/,
      ['MLFLOW_TRACKING_TOKEN'],
    ],
  ] as const) {
    it(`is told for ${JSON.stringify(auth)}`, () => {
      const { people, programs } = guide(auth);
      expect(people.url).to.equal(url);
      expect(people.by).to.match(by);
      expect(programs.url).to.equal(url);
      expect(programs.variables).to.have.all.keys('MLFLOW_TRACKING_URI', ...variables);
    });
  }

  it('names the user whose password an output holds', () => {
    const { variables } = guide({ kind: 'edge', edge: { users: ['alice', 'bob'] } }).programs;
    expect(variables).to.include({ MLFLOW_TRACKING_USERNAME: 'alice' });
    expect(variables.MLFLOW_TRACKING_PASSWORD).to.include('alice');
  });
});

describe('a line of an htpasswd file', () => {
  // As `htpasswd -nbs alice secret` of Apache writes it.
  it('is what Apache makes of it', () =>
    expect(htpasswdLine('alice', 'secret')).to.equal('alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ='));
});
