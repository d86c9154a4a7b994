import { expect } from 'chai';
import { Auth, type AuthArgs, type AuthConnection } from '../../components/index.ts';
import { authArgs, labelsOf } from '../support/args.ts';
import {
  type Json,
  type JsonObject,
  type Run,
  generatedBytes,
  generatedPassword,
  runStack,
  secret,
  withoutSecrets,
} from '../support/mocks.ts';

const build = (changes: Partial<AuthArgs> = {}): Promise<Run> =>
  runStack(() => {
    const { connection, adminPassword, passwords } = new Auth('auth', {
      ...authArgs,
      ...changes,
    });
    return { connection, adminPassword, passwords };
  });
const wiring = (changes: Partial<AuthArgs['wiring']>) => ({ wiring: { ...authArgs.wiring, ...changes } });
const connectionOf = ({ outputs }: Run) => outputs.connection as unknown as AuthConnection;
const ids = ({ resources }: Run) => resources.map(({ id }) => id);
/** `{SHA}` and the digest of the generated password, which is the same for all under test. */
const hash = '{SHA}r5AK/DwhGNv07uJxtLP/i243u90=';

const ownUser = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace: 'team-a', labels: labelsOf('auth') },
  type: 'kubernetes.io/basic-auth',
  stringData: secret({ username: name, password: generatedPassword }),
});

describe('a server without log-ins', () => {
  it('gets nothing at all', async () => {
    const run = await build({ kind: 'none' });
    expect(run.outputs).to.deep.equal({});
    expect(ids(run)).to.deep.equal(['Auth/auth']);
  });
});

describe("MLflow's own users", () => {
  it('are asked for by the app basic-auth and kept in a database of their own', async () => {
    const { appName, settings } = connectionOf(await build());
    expect(appName).to.equal('basic-auth');
    expect(settings).to.include({ AUTH_APP: 'basic-auth', AUTH_DATABASE: 'mlflow_auth' });
    expect((settings.AUTH_CONFIG as string).split('\n')).to.have.members([
      'default_permission = EDIT',
      'auth_cache_ttl_seconds = 60',
      'grant_default_workspace_access = true',
    ]);
  });

  it('have an administrator with a generated password, shown as a secret output', async () => {
    const run = await build();
    expect(run.outputs.adminPassword).to.deep.equal(secret(generatedPassword));
    const { server, migration } = connectionOf(run);
    for (const { settings, secrets } of [server, migration]) {
      expect(settings).to.include({ MLFLOW_AUTH_ADMIN_USERNAME: 'root-of-all' });
      expect(secrets).to.deep.include({
        MLFLOW_AUTH_ADMIN_PASSWORD: { secretName: 'auth-admin-1a2b3c4d', key: 'password' },
      });
    }
    // Without a name of its own, so that the name changes with the password and pods are made anew.
    expect(run.get('Secret/auth-admin').inputs).to.deep.equal({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: 'team-a', labels: labelsOf('auth') },
      type: 'Opaque',
      stringData: secret({ password: generatedPassword }),
    });
  });

  it('have a user without rights for each namespace of programs, which the migration makes', async () => {
    const run = await build({ wiring: { ...authArgs.wiring, clients: ['team-b', 'team-c'] } });
    const { migration, server } = connectionOf(run);
    expect(migration.settings).to.include({
      CLIENT_0_USERNAME: 'mlflow-client-team-b',
      CLIENT_1_USERNAME: 'mlflow-client-team-c',
    });
    expect(migration.secrets).to.have.nested.property('CLIENT_1_PASSWORD.key', 'password');
    expect(server.settings).not.to.have.property('CLIENT_0_USERNAME');
  });

  it('get another administrator password for a new rotation number', async () => {
    const password = async (rotation: number) =>
      (await build({ rotation })).get('RandomPassword/auth-admin-password').inputs;
    expect(await password(0)).to.deep.equal({ length: 24, special: false, keepers: { rotation: '0' } });
    expect(await password(1)).to.deep.include({ keepers: { rotation: '1' } });
  });

  it('can have an administrator password given by hand, hidden like a generated one', async () => {
    const adminPassword = 'correct horse battery staple';
    const run = await build({ adminPassword });
    expect(run.outputs.adminPassword).to.deep.equal(secret(adminPassword));
    expect(run.get('Secret/auth-admin').inputs.stringData).to.deep.equal(secret({ password: adminPassword }));
    expect(ids(run)).not.to.include('RandomPassword/auth-admin-password');
    const seen: Json = [run.resources.map(({ inputs }) => inputs), run.outputs];
    expect(JSON.stringify(withoutSecrets(seen))).not.to.include(adminPassword);
  });

  it('can have the administrator password of an existing Secret, which is not shown', async () => {
    const adminPasswordFrom = { secretName: 'own', key: 'pw' };
    const run = await build({ adminPasswordFrom });
    expect(run.outputs).not.to.have.property('adminPassword');
    expect(connectionOf(run).server.secrets).to.deep.equal({ MLFLOW_AUTH_ADMIN_PASSWORD: adminPasswordFrom });
    expect(ids(run)).not.to.include.oneOf(['Secret/auth-admin', 'RandomPassword/auth-admin-password']);
  });

  it('include garbage collection and the scraper of metrics, where these are on', async () => {
    const run = await build();
    const { gc, migration, server, scraperSecretName } = connectionOf(run);
    expect(gc).to.deep.equal({
      settings: { MLFLOW_TRACKING_USERNAME: 'mlflow-gc' },
      secrets: { MLFLOW_TRACKING_PASSWORD: { secretName: 'auth-gc-1a2b3c4d', key: 'password' } },
    });
    expect(scraperSecretName).to.equal('auth-metrics-1a2b3c4d');
    // The migration makes the scraper; a run of gc makes its own user, and nobody else sees that password.
    expect(migration.settings).to.include({ METRICS_USERNAME: 'mlflow-metrics' });
    expect(migration.secrets).to.have.property('METRICS_PASSWORD');
    expect(JSON.stringify([server, migration])).not.to.include('auth-gc');
    expect(server.secrets).not.to.have.property('METRICS_PASSWORD');
    expect(run.get('Secret/auth-gc').inputs).to.deep.equal(ownUser('mlflow-gc'));
    expect(run.get('Secret/auth-metrics').inputs).to.deep.equal(ownUser('mlflow-metrics'));

    const off = await build(wiring({ gc: false, metrics: false }));
    expect(connectionOf(off)).not.to.have.property('scraperSecretName');
    expect(connectionOf(off).gc).to.deep.equal({ settings: {}, secrets: {} });
    expect(ids(off)).not.to.include.oneOf(['Secret/auth-gc', 'Secret/auth-metrics']);
  });
});

describe('passwords at the edge', () => {
  it('are generated for each user, and shown as a secret output', async () => {
    const run = await build({ kind: 'edge' });
    expect(run.outputs.passwords).to.deep.equal(secret({ alice: generatedPassword, bob: generatedPassword }));
    for (const user of ['alice', 'bob'])
      expect(run.get(`RandomPassword/auth-user-${user}-password`).inputs).to.deep.equal({
        length: 32,
        special: false,
      });
  });

  it('are in an htpasswd file with the only key that every controller finds, and leave the pods alone', async () => {
    const run = await build({ kind: 'edge' });
    expect(run.outputs).not.to.have.property('connection');
    const { metadata, stringData } = run.get('Secret/auth-htpasswd').inputs;
    // Where annotations of the Ingress refer to it.
    expect(metadata).to.include({ name: 'mlflow-ingress-passwords', namespace: 'team-a' });
    expect(stringData).to.deep.equal(secret({ auth: `alice:${hash}\nbob:${hash}\n` }));
  });
});

describe('single sign-on by oauth2-proxy', () => {
  const proxy = async (changes: Partial<AuthArgs> = {}) => {
    const run = await build({ kind: 'oauth2Proxy', ...changes });
    const { container, volumes } = connectionOf(run).proxy ?? {};
    if (container === undefined) throw new Error('no proxy');
    return { run, container: container as unknown as JsonObject, volumes };
  };
  const args = async (changes: Partial<AuthArgs> = {}) => (await proxy(changes)).container.args as string[];
  const options = (changes: Partial<AuthArgs['oauth2Proxy']>) => ({
    oauth2Proxy: { ...authArgs.oauth2Proxy, ...changes },
  });

  it('lets in by mail and group, asks the provider, and sends people back to the entry', async () => {
    expect(await args()).to.include.members([
      '--provider=oidc',
      '--oidc-issuer-url=https://id.example',
      '--client-id=tracking',
      '--scope=openid email',
      '--email-domain=example.com',
      '--email-domain=example.org',
      '--allowed-group=scientists',
      '--allowed-group=engineers',
      '--redirect-url=http://mlflow.example/oauth2/callback',
      '--cookie-secure=false',
    ]);
    expect(await args(wiring({ url: 'https://mlflow.example' }))).to.include.members([
      '--redirect-url=https://mlflow.example/oauth2/callback',
      '--cookie-secure=true',
    ]);
    expect(await args(options({ emailDomains: [] }))).to.include('--email-domain=*');
    expect(await args(options({ scopes: [], issuerUrl: undefined }))).not.to.include.oneOf([
      '--scope=',
      '--oidc-issuer-url=undefined',
    ]);
  });

  it('takes the place of MLflow, which it alone can reach, and lets probes through', async () => {
    expect(await args()).to.include.members([
      '--http-address=0.0.0.0:5000',
      '--upstream=http://127.0.0.1:5001/',
      '--skip-auth-route=GET=^/health$',
    ]);
    expect((await args()).join())
      .not.to.include('server-info')
      .and.not.to.include('reverse-proxy');
    expect(await args(wiring({ staticPrefix: '/a.b', readinessPath: 'server-info' }))).to.include.members([
      '--proxy-prefix=/a.b/oauth2',
      '--redirect-url=http://mlflow.example/a.b/oauth2/callback',
      '--skip-auth-route=GET=^/a\\.b/health$',
      '--skip-auth-route=GET=^/a\\.b/api/3\\.0/mlflow/server-info$',
    ]);
  });

  it('answers programs with 401 instead of a page, and never the UI', async () => {
    const routes = async (staticPrefix: string) =>
      (await args(wiring({ staticPrefix })))
        .filter((each) => each.startsWith('--api-route='))
        .map((each) => new RegExp(each.replace('--api-route=', '')));
    for (const prefix of ['', '/mlflow']) {
      const isApi = (path: string, found: RegExp[]) => found.some((route) => route.test(path));
      const found = await routes(prefix);
      for (const path of [
        `${prefix}/api/2.0/mlflow/runs/create`,
        `${prefix}/ajax-api/2.0/x`,
        `${prefix}/graphql`,
      ])
        expect(isApi(path, found), path).to.equal(true);
      for (const path of ['/metrics', `${prefix}/v1/traces`, `${prefix}/version?x=1`])
        expect(isApi(path, found), path).to.equal(true);
      for (const path of [`${prefix}/`, `${prefix}/static-files/a.js`, `${prefix}/apis`])
        expect(isApi(path, found), path).to.equal(false);
    }
  });

  it('takes tokens and, after those, names and passwords of programs', async () => {
    const { run, container, volumes } = await proxy();
    expect(container.args).to.include.members([
      '--skip-jwt-bearer-tokens=true',
      // Otherwise a name and a password are refused for being no token.
      '--bearer-token-login-fallback=true',
      '--htpasswd-file=/etc/oauth2-proxy/auth',
      '--htpasswd-user-group=scientists',
      '--display-htpasswd-form=false',
    ]);
    expect(volumes).to.deep.equal([{ name: 'htpasswd', secret: { secretName: 'auth-htpasswd-1a2b3c4d' } }]);
    expect(run.get('Secret/auth-htpasswd').inputs.stringData).to.deep.equal(
      secret({ auth: `mlflow-gc:${hash}\nmlflow-metrics:${hash}\nrobot:${hash}\n` }),
    );
    expect(run.outputs.passwords).to.deep.equal(secret({ robot: generatedPassword }));
    const { gc, scraperSecretName } = connectionOf(run);
    expect(gc.settings).to.deep.equal({ MLFLOW_TRACKING_USERNAME: 'mlflow-gc' });
    expect(scraperSecretName).to.equal('auth-metrics-1a2b3c4d');
  });

  it('has no file of passwords where no program has one, which it would refuse for being empty', async () => {
    const { container, volumes, run } = await proxy({
      ...wiring({ gc: false, metrics: false }),
      ...options({ users: [] }),
    });
    expect(JSON.stringify(container)).not.to.include('htpasswd');
    expect(volumes).to.deep.equal([]);
    expect(run.outputs).not.to.have.property('passwords');
  });

  it('knows its own secrets by Secrets, and the one for cookies never changes', async () => {
    const { run, container } = await proxy();
    expect(container.env).to.deep.equal([
      {
        name: 'OAUTH2_PROXY_CLIENT_SECRET',
        valueFrom: { secretKeyRef: { name: 'client', key: 'secret' } },
      },
      {
        name: 'OAUTH2_PROXY_COOKIE_SECRET',
        valueFrom: { secretKeyRef: { name: 'auth-cookie-1a2b3c4d', key: 'secret' } },
      },
    ]);
    expect(run.get('RandomBytes/auth-cookie').inputs).to.deep.equal({ length: 32 });
    const urlSafe = generatedBytes.replaceAll('+', '-').replaceAll('/', '_');
    expect(run.get('Secret/auth-cookie').inputs.stringData).to.deep.equal(secret({ secret: urlSafe }));
  });

  it('ends with what the user adds, so that it wins', async () => {
    expect((await args()).at(-1)).to.equal('--cookie-refresh=1h');
  });

  it('trusts the authorities of the stack', async () => {
    const { container } = await proxy(wiring({ caBundleKey: 'company.pem' }));
    expect(container.args).to.include.members([
      '--provider-ca-file=/etc/mlflow-stack/ca/company.pem',
      '--use-system-trust-store=true',
    ]);
    expect(JSON.stringify(container.volumeMounts)).to.include('/etc/mlflow-stack/ca');
  });

  it('runs as every other container does', async () => {
    const { container } = await proxy();
    expect(container.securityContext).to.deep.equal({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.resources).to.deep.equal(authArgs.oauth2Proxy.resources);
  });
});

describe('an auth plug-in', () => {
  const plugin = (changes: Partial<AuthArgs['plugin']> = {}, others: Partial<AuthArgs> = {}) =>
    build({ kind: 'plugin', plugin: { ...authArgs.plugin, ...changes }, ...others });
  const oidc = {
    appName: 'oidc-auth',
    env: { OIDC_CLIENT_ID: 'tracking' },
    envFrom: [{ secretRef: { name: 'oidc' } }],
  };

  it('runs behind the guard, with its variables and the log-in of the scraper', async () => {
    const run = await plugin({ envFrom: oidc.envFrom });
    expect(connectionOf(run)).to.deep.equal({
      appName: 'mlflow-stack',
      settings: {},
      server: {
        settings: {
          GUARDED_APP: 'ldap-auth',
          LDAP_URI: 'ldaps://ldap.example',
          METRICS_USERNAME: 'mlflow-metrics',
        },
        secrets: { METRICS_PASSWORD: { secretName: 'auth-metrics-1a2b3c4d', key: 'password' } },
      },
      serverEnvFrom: oidc.envFrom,
      migration: { settings: {}, secrets: {} },
      gc: { settings: {}, secrets: {} },
      scraperSecretName: 'auth-metrics-1a2b3c4d',
    });
  });

  it('lets garbage collection in by an existing Secret', async () => {
    const credentialsFrom = { secretName: 'sweeper', keys: ['MLFLOW_TRACKING_TOKEN'] };
    const log = {
      settings: {},
      secrets: { MLFLOW_TRACKING_TOKEN: { secretName: 'sweeper', key: 'MLFLOW_TRACKING_TOKEN' } },
    };
    expect(connectionOf(await plugin({ credentialsFrom })).gc).to.deep.equal(log);
  });

  it('that is mlflow-oidc-auth has a database, a key and a redirect address that stay', async () => {
    const { settings, server, gc } = connectionOf(await plugin(oidc));
    expect(settings).to.deep.equal({ AUTH_APP: 'oidc-auth', AUTH_DATABASE: 'mlflow_oidc' });
    expect(server.settings).to.include({
      DEFAULT_MLFLOW_PERMISSION: 'EDIT',
      OIDC_CLIENT_ID: 'tracking',
      OIDC_DB_POOL_SIZE: '4',
      OIDC_DB_POOL_MAX_OVERFLOW: '8',
      OIDC_REDIRECT_URI: 'http://mlflow.example/callback',
      SESSION_COOKIE_SECURE: 'false',
    });
    expect(server.secrets).to.deep.include({ SECRET_KEY: { secretName: 'the-keys', key: 'flask' } });
    // A run makes itself a token.
    expect(gc).to.deep.equal({ settings: {}, secrets: {} });
  });

  it('is told another redirect address by the user, and none where there is no way in from outside', async () => {
    const OIDC_REDIRECT_URI = 'https://elsewhere.example/callback';
    const own = await plugin({ ...oidc, env: { ...oidc.env, OIDC_REDIRECT_URI } });
    expect(connectionOf(own).server.settings).to.include({ OIDC_REDIRECT_URI });
    const inside = await plugin(oidc, wiring({ url: undefined }));
    expect(connectionOf(inside).server.settings).not.to.have.any.keys(
      'OIDC_REDIRECT_URI',
      'SESSION_COOKIE_SECURE',
    );
  });
});
