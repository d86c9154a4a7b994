import { expect } from 'chai';
import { mistakes, settingsWith } from '../support/settings.ts';

const key = { secretName: 'own', key: 'value' };
const external = { kind: 'external', host: 'db.example', connectionFrom: { secretName: 'db' } };
const s3 = { kind: 's3Compatible', endpointUrl: 'https://s3.example' };
const backup = { enabled: true, passphrase: 'sixteen letters!' };
const ingress = { ingress: { enabled: true, className: 'nginx', hosts: ['mlflow.example'] } };
const client = {
  issuerUrl: 'https://id.example',
  clientId: 'mlflow',
  clientSecretFrom: key,
  allowedGroups: ['mlflow'],
};
const read = { name: 'db', data: [{ key: 'user', from: 'team-db' }] };
const team = { store: { name: 'team' } };
const oidc = {
  appName: 'oidc-auth',
  env: {
    OIDC_DISCOVERY_URL: 'https://id.example/.well-known/openid-configuration',
    OIDC_CLIENT_ID: 'mlflow',
  },
  envFrom: [{ secretRef: { name: 'oidc' } }],
};
const web = { enabled: true, hosts: ['a.localhost', 'b.localhost'] };
const route = { enabled: true, parentRefs: [{ name: 'edge' }], hosts: ['c.localhost'] };
const tag = (version: string) => ({ image: { tag: `v${version}-full` } });

/** Load balancers send from addresses. */
const networkPolicy = { clients: [{ cidr: '10.0.0.0/16' }] };

describe('settings that do not go together', () => {
  for (const [settings, ...sentences] of [
    // Backups
    [
      { backup: { enabled: true } },
      'backup.passphrase is missing, which locks the keys in a backup without which encrypted values are lost; set it by `pulumi config set --secret --path mlflow-stack:backup.passphrase`, or keep keys of your own, by secrets.kekPassphraseFrom and secrets.webhookKeyFrom',
    ],
    [
      { backup: { ...backup, passphraseFrom: key } },
      'backup.passphrase and passphraseFrom are two sources of one secret; remove one of them',
    ],
    [
      { backup, backendStore: { kind: 'external', dialect: 'mysql', uriFrom: key } },
      'backup.enabled is true, but backendStore.dialect is mysql, which only its own tools can dump; leave backups to its server',
    ],
    [
      { backup, backendStore: { kind: 'sqlite' }, registryStore: { uriFrom: key } },
      'backup.enabled is true, but backendStore.kind is sqlite and registryStore.uriFrom another database; keep both in PostgreSQL, or leave registryStore out',
    ],
    [
      { backup, artifactStore: { kind: 'external', uri: 's3://bucket/folder', mode: 'direct' } },
      'backup.destination is artifactStore, but with artifactStore.mode direct clients have rights in the bucket and could read the backups; choose claim',
    ],
    [
      { backup, artifactStore: { kind: 'external', uri: 's3://bucket' } },
      'backup.destination is artifactStore, but artifactStore.uri is a whole bucket, which the server gives out; name a folder in it, or choose claim',
    ],
    // Artifact store
    [
      { artifactStore: { mode: 'direct' } },
      'artifactStore.mode is direct, but clients cannot reach a claim by themselves; use mode proxy, or a bucket',
    ],
    [
      { artifactStore: { kind: 's3Compatible', mode: 'direct' } },
      'artifactStore.mode is direct, but clients cannot reach a store inside the cluster by themselves; use mode proxy, or a bucket',
    ],
    [{ artifactStore: { kind: 'external' } }, 'artifactStore.uri is missing; kind external needs one'],
    [
      { artifactStore: { uri: 'gs://bucket' } },
      'artifactStore.uri is for kind external, but kind is pvc; remove it or change the kind',
    ],
    [
      { artifactStore: { kind: 'external', uri: 'file:///tmp/artifacts' } },
      'artifactStore.uri is file:///tmp/artifacts, which is lost with its pod; name a store outside the pod, or use kind pvc',
    ],
    [
      { artifactStore: { kind: 'external', uri: 'mlflow-artifacts://server' } },
      'artifactStore.uri is mlflow-artifacts://server, which is lost with its pod; name a store outside the pod, or use kind pvc',
    ],
    [
      { artifactStore: { kind: 'external', uri: 'gs://bucket', endpointUrl: 'https://s3.example' } },
      'artifactStore.endpointUrl is for kind s3Compatible, but kind is external; remove it or change the kind',
    ],
    [
      { artifactStore: s3 },
      'artifactStore.credentialsFrom is missing; name the Secret with the keys of the S3 server',
    ],
    [
      { artifactStore: { credentialsFrom: { secretName: 'own' } } },
      'artifactStore.credentialsFrom is for a store outside the cluster; remove it, or set endpointUrl',
    ],
    [
      { artifactStore: { kind: 's3Compatible', credentialsFrom: { secretName: 'own' } } },
      'artifactStore.credentialsFrom is for a store outside the cluster; remove it, or set endpointUrl',
    ],
    [
      { artifactStore: { kind: 's3Compatible', existingClaim: 'old' } },
      'artifactStore.existingClaim is for kind pvc, but kind is s3Compatible; remove it or change the kind',
    ],

    // Backend store
    [
      { backendStore: { host: 'db.example' } },
      'backendStore.host is for kind external, but kind is postgres; remove it or change the kind',
    ],
    [
      { backendStore: { kind: 'sqlite', port: 5432 } },
      'backendStore.port is for kind external, but kind is sqlite; remove it or change the kind',
    ],
    [
      { backendStore: { uriFrom: key } },
      'backendStore.uriFrom is for kind external, but kind is postgres; remove it or change the kind',
    ],
    [
      { backendStore: { connectionFrom: { secretName: 'db' } } },
      'backendStore.connectionFrom is for kind external, but kind is postgres; remove it or change the kind',
    ],
    [
      { backendStore: { kind: 'external', host: 'db.example' } },
      'backendStore.uriFrom or backendStore.connectionFrom is missing; kind external needs a Secret that tells how to log in',
    ],
    [
      { backendStore: { ...external, uriFrom: key } },
      'backendStore.uriFrom holds the whole address; remove host, port and connectionFrom, or use those instead of it',
    ],
    [
      { backendStore: { ...external, sslMode: 'verify-full' } },
      'backendStore.sslMode is verify-full, but server.caBundle is missing, which holds the authority to verify against; name it',
    ],
    [
      { backendStore: { ...external, passwordFrom: key } },
      'backendStore.password and passwordFrom are for kind postgres; an external database takes connectionFrom or uriFrom',
    ],
    [
      { backendStore: { kind: 'sqlite', passwordFrom: key } },
      'backendStore.password is for kind postgres, but kind is sqlite; remove it or change the kind',
    ],
    [
      { backendStore: { readReplica: { host: 'replica.example' } } },
      'backendStore.readReplica is for kind external, but kind is postgres; remove it or change the kind',
    ],
    [
      { backendStore: { ...external, readReplica: { port: 5433 } } },
      'backendStore.readReplica needs either host or uriFrom, and not both',
    ],
    [
      { backendStore: { ...external, readReplica: { host: 'replica.example', uriFrom: key } } },
      'backendStore.readReplica needs either host or uriFrom, and not both',
    ],
    [
      { backendStore: { kind: 'external', uriFrom: key, readReplica: { host: 'replica.example' } } },
      'backendStore.readReplica.host needs a PostgreSQL that is named by host; use backendStore.readReplica.uriFrom',
    ],
    [
      { backendStore: { ...external, dialect: 'mysql', readReplica: { host: 'replica.example' } } },
      'backendStore.readReplica.host needs a PostgreSQL that is named by host; use backendStore.readReplica.uriFrom',
    ],

    // Registry store
    [{ registryStore: {} }, 'registryStore needs either database or uriFrom, and not both'],
    [
      { registryStore: { database: 'models', uriFrom: key } },
      'registryStore needs either database or uriFrom, and not both',
    ],
    ...[{ kind: 'sqlite' }, { kind: 'external', uriFrom: key }, { ...external, dialect: 'mysql' }].map(
      (backendStore) =>
        [
          { backendStore, registryStore: { database: 'models' } },
          'registryStore.database needs a PostgreSQL that is named by host; use registryStore.uriFrom',
        ] as const,
    ),
    [
      { registryStore: { database: 'mlflow' } },
      'registryStore.database is mlflow, the database of the backend store; leave registryStore out to share it',
    ],
    [
      { backendStore: { ...external, database: 'tracking' }, registryStore: { database: 'tracking' } },
      'registryStore.database is tracking, the database of the backend store; leave registryStore out to share it',
    ],

    // Secrets
    [
      { backendStore: { password: 'mlflow1234567890' } },
      'backendStore.password is a well-known password; leave it out to have one generated',
    ],
    [
      { auth: { kind: 'basic', adminPassword: 'Password1234!' } },
      'auth.adminPassword is a well-known password; leave it out to have one generated',
    ],
    [
      { backendStore: { password: 'correct horse battery', passwordFrom: key } },
      'backendStore.password and backendStore.passwordFrom are two sources of one secret; remove one of them',
    ],
    [
      { auth: { kind: 'basic', adminPassword: 'correct horse', adminPasswordFrom: key } },
      'auth.adminPassword and auth.adminPasswordFrom are two sources of one secret; remove one of them',
    ],
    [
      { externalSecrets: { secrets: [read] } },
      'externalSecrets.store is missing, from which externalSecrets.secrets are read; give its name, or a provider',
    ],
    [
      { externalSecrets: { store: { name: 'team' } } },
      'externalSecrets.secrets is empty, so that nothing is read from externalSecrets.store; name secrets, or remove it',
    ],
    [
      { externalSecrets: { store: {}, secrets: [read] } },
      'externalSecrets.store has neither name nor provider; give the name of a store that is there, or the provider of one that the stack makes',
    ],
    [
      { externalSecrets: { store: { provider: 'gcpSecretManager' }, secrets: [read] } },
      'externalSecrets.store.provider is gcpSecretManager, in which the stack gives rights on cloud gcp, but cloud is local; name a store that is there in externalSecrets.store.name',
    ],
    [
      { externalSecrets: { store: { provider: 'vault' }, secrets: [read] } },
      'externalSecrets.store.vault is missing, which provider vault needs: server and role',
    ],
    [
      {
        externalSecrets: {
          store: { name: 'team', vault: { server: 'https://v', role: 'r' } },
          secrets: [read],
        },
      },
      'externalSecrets.store.vault is for provider vault; remove it or change the provider',
    ],
    [
      {
        externalSecrets: {
          store: { name: 'team', kmsKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd' },
          secrets: [read],
        },
      },
      'externalSecrets.store.kmsKeyArn is for provider awsSecretsManager; remove it or change the provider',
    ],
    [
      { externalSecrets: { ...team, secrets: [read, read] } },
      'externalSecrets.secrets names db more than once; name each once',
    ],
    [
      { externalSecrets: { ...team, secrets: [{ ...read, data: [...read.data, ...read.data] }] } },
      'externalSecrets.secrets[0] names user more than once; name each once',
    ],
    [
      { externalSecrets: { ...team, secrets: [{ name: 'db', data: [] }] } },
      'externalSecrets.secrets[0].data is empty; name at least one value, by key and from',
    ],
    [
      { externalSecrets: { ...team, secrets: [{ ...read, name: 'mlflow-keys' }] } },
      "externalSecrets.secrets[0].name is mlflow-keys, which is the stack's own; choose another",
    ],
    [
      {
        externalSecrets: {
          ...team,
          secrets: [{ ...read, template: { uri: 'postgresql://{{ .usr }}@db/x' } }],
        },
      },
      'externalSecrets.secrets[0].template.uri reads .usr, which is no key of its data (it has user); correct it',
    ],
    [
      {
        externalSecrets: { ...team, secrets: [read] },
        backendStore: { kind: 'external', uriFrom: { secretName: 'db', key: 'uri' } },
      },
      'externalSecrets.secrets makes Secret "db" without key "uri", which backendStore.uriFrom names (it has user); add it',
    ],
    [
      { secrets: { store: 'cloud' } },
      'secrets.store is cloud, but cloud local has no secret manager; use cluster',
    ],
    [
      { secrets: { existing: ['flask-key'] } },
      'secrets.existing is for secrets.store cloud, but store is cluster; set store to cloud, or remove it',
    ],
    [
      { auth: { adminPassword: 'correct horse' } },
      'auth.adminPassword is for kind basic, but auth.kind is none; remove it or change the kind',
    ],
    [
      { auth: { adminPasswordFrom: key } },
      'auth.adminPasswordFrom is for kind basic, but auth.kind is none; remove it or change the kind',
    ],
    [
      { auth: { cacheSeconds: 30 } },
      'auth.cacheSeconds is for kind basic, but auth.kind is none; remove it or change the kind',
    ],

    // Server
    [
      { server: { valueOptions: { static_prefix: '/x' } } },
      'server.valueOptions has static_prefix, which the program sets itself; use mlflow-stack:server.staticPrefix',
    ],
    [
      { server: { flagOptions: ['serve-artifacts'] } },
      'server.flagOptions has serve-artifacts, which the program sets itself; use mlflow-stack:artifactStore.mode',
    ],
    [
      { server: { env: { MLFLOW_WORKERS: '4' } } },
      'server.env has MLFLOW_WORKERS, which the program sets itself; use mlflow-stack:server.workers',
    ],
    [
      { server: { env: { MLFLOW_WORKSPACE: 'team-a' } } },
      'server.env has MLFLOW_WORKSPACE, which the program sets itself; use the same variable of the client',
    ],
    [
      { server: { resources: { requests: { memory: '4Gi' } } } },
      'server.resources.requests.memory is 4Gi, more than limits.memory, 3Gi; raise the limit or lower the request',
    ],
    [
      { backendStore: { resources: { requests: { cpu: '1.5' }, limits: { cpu: 1 } } } },
      'backendStore.resources.requests.cpu is 1.5, more than limits.cpu, 1; raise the limit or lower the request',
    ],
    [
      { artifactStore: { resources: { limits: { memory: '128Mi' } } } },
      'artifactStore.resources.requests.memory is 256Mi, more than limits.memory, 128Mi; raise the limit or lower the request',
    ],
    [
      { gc: { resources: { requests: { cpu: '600m' } } } },
      'gc.resources.requests.cpu is 600m, more than limits.cpu, 500m; raise the limit or lower the request',
    ],
    [{ server: { caBundle: {} } }, 'server.caBundle needs either configMapName or secretName, and not both'],
    [
      { server: { caBundle: { configMapName: 'ca', secretName: 'ca' } } },
      'server.caBundle needs either configMapName or secretName, and not both',
    ],
    [
      { metrics: { alerts: true } },
      'metrics.alerts is true, but there are no metrics; set metrics.enabled to true',
    ],
    [
      { metrics: { dashboard: true } },
      'metrics.dashboard is true, but there are no metrics; set metrics.enabled to true',
    ],
    [
      { pods: { imagePullSecrets: ['a', 'b', 'a'] } },
      'pods.imagePullSecrets names a more than once; name each once',
    ],

    [
      { server: { tls: { enabled: true }, jobs: true } },
      'server.tls.enabled is true, but the job runner of server.jobs calls the server in plain text; switch one of them off',
    ],
    [
      { server: { env: { UVICORN_SSL_KEYFILE: '/key' } } },
      'server.env has UVICORN_SSL_KEYFILE, which the program sets itself; use mlflow-stack:server.tls',
    ],

    // Versions
    [
      { server: tag('3.9.0') },
      'server.image.tag is v3.9.0-full, but this program needs MLflow 3.10.0 or newer; choose a newer tag',
    ],
    [
      { server: tag('3.16.0'), auth: { kind: 'basic' } },
      'server.image.tag is v3.16.0-full, but auth.kind basic needs MLflow 3.16.1 or newer; choose a newer tag, or auth.kind none',
    ],
    [
      { server: tag('3.13.9'), backendStore: { ...external, readReplica: { host: 'replica.example' } } },
      'server.image.tag is v3.13.9-full, but backendStore.readReplica needs MLflow 3.14.0 or newer; choose a newer tag, or remove it',
    ],
    [
      { server: tag('3.12.0'), traceArchival: { enabled: true } },
      'server.image.tag is v3.12.0-full, but traceArchival.enabled needs MLflow 3.17.0 or newer; choose a newer tag, or leave it off',
    ],

    // Scaling
    [
      { backendStore: { kind: 'sqlite' }, server: { replicas: 2 } },
      'server.replicas is 2, but backendStore.kind sqlite serves one pod only; use postgres, or 1 pod',
    ],
    [
      { server: { replicas: 3 } },
      'server.replicas is 3, but artifactStore.accessMode ReadWriteOnce ties the claim to one node; use ReadWriteMany, kind s3Compatible, or 1 pod',
    ],
    [
      { autoscaling: { enabled: true } },
      'autoscaling.max is 2, but artifactStore.accessMode ReadWriteOnce ties the claim to one node; use ReadWriteMany, kind s3Compatible, or 1 pod',
    ],
    [
      { availability: 'high' },
      'server.replicas is 2 (availability is high), but artifactStore.accessMode ReadWriteOnce ties the claim to one node; use ReadWriteMany, kind s3Compatible, or 1 pod',
    ],
    [
      { artifactStore: { kind: 's3Compatible' }, autoscaling: { enabled: true, min: 3, max: 2 } },
      'autoscaling.min is 3, more than autoscaling.max, 2; raise max or lower min',
    ],
    [
      { artifactStore: { kind: 's3Compatible' }, server: { replicas: 2, jobs: true } },
      'server.replicas is 2, but server.jobs is true, and each pod would run every periodic job; use 1 pod, or leave jobs off',
    ],
    [
      {
        artifactStore: { kind: 's3Compatible' },
        server: { jobs: true },
        autoscaling: { enabled: true, max: 3 },
      },
      'autoscaling.max is 3, but server.jobs is true, and each pod would run every periodic job; use 1 pod, or leave jobs off',
    ],
    [
      { backendStore: { kind: 'sqlite' }, workspaces: { enabled: true } },
      'workspaces.enabled needs PostgreSQL, MySQL or MSSQL, but backendStore.kind is sqlite; use postgres or external',
    ],
    [
      {
        artifactStore: { kind: 's3Compatible' },
        backendStore: { maxConnections: 30 },
        server: { replicas: 4 },
      },
      'backendStore.maxConnections is 30, of which 27 can be used, but the stack may open ' +
        '5 pods x (1 workers x 2 stores x (1 + 1) + 3) + 5 for jobs = 40; raise it, or lower replicas, workers or pools',
    ],

    // Log-ins
    [
      { auth: { adminUsername: 'boss', defaultPermission: 'EDIT' } },
      'auth.adminUsername is for kind basic, but auth.kind is none; remove it or change the kind',
      'auth.defaultPermission is for kind basic or plugin, but auth.kind is none; remove it or change the kind',
    ],
    [
      {
        auth: {
          kind: 'basic',
          oauth2Proxy: { issuerUrl: 'https://id.example', resources: { limits: { memory: '1Gi' } } },
          plugin: { appName: 'oidc-auth' },
          edge: { users: ['alice'] },
        },
      },
      'auth.edge.users is for kind edge, but auth.kind is basic; remove it or change the kind',
      'auth.oauth2Proxy.issuerUrl is for kind oauth2Proxy, but auth.kind is basic; remove it or change the kind',
      'auth.oauth2Proxy.resources.limits.memory is for kind oauth2Proxy, but auth.kind is basic; remove it or change the kind',
      'auth.plugin.appName is for kind plugin, but auth.kind is basic; remove it or change the kind',
    ],
    [
      { auth: { kind: 'edge', edge: { users: [] } } },
      'auth.edge.users is empty; name at least one',
      'auth.kind is edge, but ingress.enabled is false, and the Ingress controller is what asks for passwords; switch it on, or use kind basic',
    ],
    [
      { ingress: { enabled: true, className: 'gce', hosts: ['mlflow.example'] }, auth: { kind: 'edge' } },
      'auth.kind is edge, but the controller is gce, which asks for no passwords (those that do: nginx, traefik); name one of them by ingress.controller, or use another kind',
    ],
    [
      { ...ingress, httpRoute: { ...route, hosts: ['c.example'] }, auth: { kind: 'edge' } },
      'auth.kind is edge, which guards the Ingress alone, but httpRoute lets in whoever comes from anywhere; use another kind, or let in known networks only',
    ],
    [
      {
        ingress: {
          ...ingress.ingress,
          annotations: { 'nginx.ingress.kubernetes.io/auth-secret': 'nobody' },
        },
        auth: { kind: 'edge' },
      },
      'ingress.annotations has nginx.ingress.kubernetes.io/auth-secret, which would take the place of auth.kind edge; remove one of them',
    ],
    [
      { auth: { kind: 'oauth2Proxy' } },
      'auth.oauth2Proxy.clientId is missing, without which nobody can log in; name it',
      'auth.oauth2Proxy.clientSecretFrom is missing, without which nobody can log in; name it',
      'auth.oauth2Proxy.issuerUrl is missing, without which nobody can log in; name it',
      "auth.oauth2Proxy names nobody who may enter; set emailDomains or allowedGroups, or emailDomains: ['*'] for whoever the provider knows",
      'auth.kind is oauth2Proxy, but neither ingress nor httpRoute is enabled, and browsers have no address to come back to from the log-in; switch one on',
    ],
    [
      {
        ...ingress,
        auth: { kind: 'oauth2Proxy', oauth2Proxy: client },
        server: { tls: { enabled: true } },
      },
      'server.tls.enabled is true, but auth.kind is oauth2Proxy, whose proxy answers at the port of the server without TLS; leave one of them out',
    ],
    [
      {
        ...ingress,
        auth: {
          kind: 'oauth2Proxy',
          oauth2Proxy: {
            ...client,
            users: ['mlflow-gc', 'robot', 'robot'],
            extraArgs: ['--scope=openid', '--cookie-expire=8h', '--upstream=http://elsewhere'],
          },
        },
      },
      'auth.oauth2Proxy.users names mlflow-gc, which the program makes itself; leave it out',
      'auth.oauth2Proxy.users names robot more than once; name each once',
      'auth.oauth2Proxy.extraArgs has --scope, which the program sets itself; use mlflow-stack:auth.oauth2Proxy.scopes',
      'auth.oauth2Proxy.extraArgs has --upstream, which the program sets itself; use mlflow-stack:server.service',
    ],
    [
      { auth: { kind: 'plugin' }, gc: { enabled: true } },
      'auth.plugin.appName is missing; name the app that the plug-in adds to MLflow, such as oidc-auth',
    ],
    [
      { auth: { kind: 'plugin', plugin: { appName: 'basic-auth' } } },
      'auth.plugin.appName is basic-auth, which is no plug-in; use auth.kind basic',
    ],
    [
      {
        auth: { kind: 'plugin', plugin: { appName: 'ldap-auth' }, defaultPermission: 'EDIT' },
        server: { probes: { readinessPath: 'server-info' } },
      },
      'server.probes.readinessPath is server-info, for which plug-ins ask a log-in; use health',
      'auth.plugin.credentialsFrom is missing, by which garbage collection logs in; name the Secret, or set gc.enabled to false',
      'auth.defaultPermission is for kind basic and the plug-in oidc-auth, but auth.plugin.appName is ldap-auth; remove it',
    ],
    [
      { auth: { kind: 'plugin', plugin: { appName: 'oidc-auth' } } },
      'auth.plugin.env lacks OIDC_DISCOVERY_URL and OIDC_CLIENT_ID, without which nobody can log in; set them, or name their source in envFrom',
      'auth.plugin.envFrom is empty, but the secret of the client, OIDC_CLIENT_SECRET, must come from a Secret; name it',
    ],
    [
      {
        auth: {
          kind: 'plugin',
          plugin: {
            ...oidc,
            env: { ...oidc.env, SECRET_KEY: 'known', OIDC_CLIENT_SECRET: 'known', OIDC_DB_POOL_SIZE: '9' },
            credentialsFrom: { secretName: 'own' },
          },
        },
        artifactStore: { kind: 's3Compatible' },
        server: { replicas: 2, staticPrefix: '/mlflow' },
      },
      'auth.plugin.env has OIDC_CLIENT_SECRET, and anybody who sees the stack file could read it; use envFrom with a Secret',
      'server.replicas is 2, but pods of oidc-auth share what they know of permissions only in Redis; set CACHE_BACKEND to redis in auth.plugin.env and CACHE_REDIS_URL there or in envFrom, or use 1 pod',
      'server.staticPrefix is /mlflow, but oidc-auth has pages of its own outside of it; remove it, and use a host name for MLflow alone',
      'auth.plugin.credentialsFrom is not for oidc-auth, where garbage collection makes itself a token; remove it',
      'auth.plugin.env has SECRET_KEY, which the program sets itself; use mlflow-stack:secrets.flaskKeyFrom',
      'auth.plugin.env has OIDC_DB_POOL_SIZE, which the program sets itself; use mlflow-stack:server.poolSize',
    ],
    [
      { server: tag('3.15.0'), auth: { kind: 'plugin', plugin: oidc } },
      'server.image.tag is v3.15.0-full, but auth.kind plugin needs MLflow 3.16.0 or newer; choose a newer tag, or another kind',
    ],

    // Ingress
    [
      { ingress: { enabled: true } },
      'ingress.hosts is empty; an Ingress needs at least one host, such as mlflow.example.com',
    ],
    [
      { ingress: { hosts: ['a.localhost', 'b.localhost', 'a.localhost'] } },
      'ingress.hosts names a.localhost more than once; name each once',
    ],

    [
      { ingress: { ...web, tls: [{ secretName: 'a', selfSigned: true, certificate: 'c', key: 'k' }] } },
      'ingress.tls[0] has secretName and certificate and selfSigned, which are several sources of one certificate; keep one',
    ],
    [
      { ingress: { ...web, tls: [{ certificate: 'c' }] } },
      'ingress.tls[0] has certificate but no key; give both, the key as a secret',
    ],
    [
      { ingress: { ...web, tls: [{ hosts: ['a.localhost'] }, { hosts: ['b.localhost'], key: 'k' }] } },
      'ingress.tls[1] has key but no certificate; give both, the key as a secret',
    ],
    [
      {
        ingress: {
          ...web,
          tls: ['a.localhost', 'b.localhost'].map((host) => ({ hosts: [host], selfSigned: true })),
        },
      },
      'ingress.tls has several entries with selfSigned; use one with all their hosts',
    ],
    [
      { ingress: { ...web, tls: [{ hosts: [...web.hosts, 'c.example', 'd.example'], secretName: 's' }] } },
      'ingress.tls is for c.example, d.example, which ingress.hosts does not name; add it there, or remove it here',
    ],
    [
      { ingress: { ...web, tls: [{ hosts: ['b.localhost'], secretName: 's' }] } },
      "ingress.tls is not for a.localhost, which would stay open to eavesdroppers; add it to an entry, or give it an entry without a certificate to use the controller's own",
    ],
    [
      { ingress: { ...web, tls: [{}, { hosts: ['b.localhost'], secretName: 's' }] } },
      'ingress.tls names b.localhost more than once; name each once',
    ],
    [
      { ingress: { ...web, tls: [{ secretName: 's' }], certificate: { issuer: 'ca' } } },
      'ingress.tls and ingress.certificate are two sources of one certificate; remove one of them',
    ],
    ...[{}, { issuer: 'ca', clusterIssuer: 'ca' }].map(
      (certificate) =>
        [
          { ingress: { ...web, certificate } },
          'ingress.certificate needs one of issuer, clusterIssuer, googleManaged, acmArn, acm, and no other beside it',
        ] as const,
    ),
    ...['nginx', 'traefik', 'any'].map(
      (className) =>
        [
          { ingress: { ...web, className, internal: true } },
          `ingress.internal is for controllers that make a load balancer for each Ingress (gce, alb), but the controller is ${className === 'any' ? 'other' : className}; make the controller's own load balancer internal, and leave this out`,
        ] as const,
    ),
    [
      { ingress: { ...web, className: 'gce', allowedCidrs: ['10.0.0.0/8'] } },
      'ingress.allowedCidrs with class gce takes Cloud Armor, which the stack sets up with cloud gcp, but cloud is local; limit the sources at the network, and leave this out',
    ],
    [
      { ingress: { ...web, className: 'any', allowedCidrs: ['10.0.0.0/8'] } },
      'ingress.allowedCidrs is for controllers that can limit the sources of one Ingress (nginx, traefik, gce, alb), but the controller is other; limit them at the load balancer or the network, and leave this out',
    ],
    ...[{ tls: [{ secretName: 's' }] }, { certificate: { issuer: 'ca' } }].map(
      (changes) =>
        [
          { ingress: { ...web, className: 'alb', ...changes }, networkPolicy: { enabled: false } },
          'ingress.tls and ingress.certificate make Secrets, but the controller is alb, which takes its certificates elsewhere; use another ingress.certificate, or ingress.tls with hosts alone, and let the controller find the certificate',
        ] as const,
    ),
    [
      {
        ingress: {
          ...web,
          className: 'alb',
          annotations: { 'alb.ingress.kubernetes.io/scheme': 'internal' },
        },
        networkPolicy: { enabled: false },
      },
      'ingress.annotations has alb.ingress.kubernetes.io/scheme, which the program sets itself; use mlflow-stack:ingress.internal',
    ],
    [
      {
        ingress: {
          ...web,
          className: 'nginx',
          allowedCidrs: ['10.0.0.0/8'],
          annotations: { 'nginx.ingress.kubernetes.io/whitelist-source-range': '0.0.0.0/0' },
        },
      },
      'ingress.annotations has nginx.ingress.kubernetes.io/whitelist-source-range, which the program sets itself; use mlflow-stack:ingress.allowedCidrs',
    ],
    [
      {
        ingress: {
          ...web,
          className: 'traefik',
          allowedCidrs: ['10.0.0.0/8'],
          annotations: { 'traefik.ingress.kubernetes.io/router.middlewares': 'default-auth@kubernetescrd' },
        },
      },
      'ingress.annotations has traefik.ingress.kubernetes.io/router.middlewares, which would take the place of ingress.allowedCidrs; remove one of them',
    ],
    [
      { ingress: { ...web, className: 'gce-internal' } },
      'ingress.className is gce-internal; use gce with mlflow-stack:ingress.internal',
    ],

    // Who may come in
    ...(
      [
        [{ ingress: { enabled: true, hosts: ['a.example'] } }, 'ingress lets'],
        [{ ingress: { ...web, hosts: ['a.localhost', 'a.example'] } }, 'ingress lets'],
        [
          { ingress: { ...web, className: 'nginx', hosts: ['a.example'], allowedCidrs: ['0.0.0.0/0'] } },
          'ingress lets',
        ],
        [{ httpRoute: { ...route, hosts: ['a.example'] } }, 'httpRoute lets'],
        [{ server: { service: { type: 'LoadBalancer' } }, networkPolicy }, 'server.service lets'],
        [
          {
            ingress: { enabled: true, hosts: ['a.example'] },
            server: { service: { type: 'LoadBalancer', allowedCidrs: ['10.0.0.0/8', '::/0'] } },
            networkPolicy,
          },
          'ingress and server.service let',
        ],
      ] as const
    ).map(
      ([settings, who]) =>
        [
          settings,
          `auth.kind is none, but ${who} in whoever comes from anywhere; use another auth.kind, let in known networks only, or set mlflow-stack:auth.acceptPublic to true`,
        ] as const,
    ),
    [
      { server: { service: { allowedCidrs: ['10.0.0.0/8'] } } },
      'server.service.allowedCidrs is for type LoadBalancer, but type is ClusterIP; remove it or change the type',
    ],

    // Routes
    [
      { httpRoute: { enabled: true } },
      'httpRoute.parentRefs is empty; name the Gateway that the route belongs to',
      'httpRoute.hosts is empty; a route needs at least one host, such as mlflow.example.com',
    ],
    [
      { httpRoute: { ...route, hosts: ['c.localhost', 'c.localhost'] } },
      'httpRoute.hosts names c.localhost more than once; name each once',
    ],
    [
      { httpRoute: { ...route, hosts: ['b.localhost', 'c.localhost'] }, ingress: web },
      'httpRoute.hosts names b.localhost, which ingress.hosts names, too; choose one way in for each host',
    ],

    // Hosts and origins
    ...['*', '*:*', '*.*'].map(
      (host) =>
        [
          { server: { extraAllowedHosts: ['c.example', host] } },
          `server.extraAllowedHosts has ${host}, which accepts any host; name the hosts, or set mlflow-stack:server.allowAnyHost to true`,
        ] as const,
    ),
    [
      { server: { extraAllowedHosts: ['*.example'], allowAnyHost: true } },
      'server.allowAnyHost is true, but server.extraAllowedHosts has no *; add it there, or remove this',
    ],
    [
      { server: { extraAllowedHosts: ['c.example', 'c.example'] } },
      'server.extraAllowedHosts names c.example more than once; name each once',
    ],

    // Several at once
    [
      {
        backendStore: { kind: 'sqlite', host: 'db.example' },
        server: { replicas: 2, jobs: true, flagOptions: ['dev'] },
        workspaces: { enabled: true },
        auth: { cacheSeconds: 5 },
      },
      'backendStore.host is for kind external, but kind is sqlite; remove it or change the kind',
      'auth.cacheSeconds is for kind basic, but auth.kind is none; remove it or change the kind',
      'server.flagOptions has dev, which the program sets itself; use mlflow-stack:server.logLevel',
      'server.replicas is 2, but backendStore.kind sqlite serves one pod only; use postgres, or 1 pod',
      'server.replicas is 2, but server.jobs is true, and each pod would run every periodic job; use 1 pod, or leave jobs off',
      'workspaces.enabled needs PostgreSQL, MySQL or MSSQL, but backendStore.kind is sqlite; use postgres or external',
    ],
    [
      { server: tag('3.9.0'), workspaces: { enabled: true } },
      'server.image.tag is v3.9.0-full, but this program needs MLflow 3.10.0 or newer; choose a newer tag',
      'server.image.tag is v3.9.0-full, but workspaces.enabled needs MLflow 3.10.0 or newer; choose a newer tag, or leave workspaces off',
    ],
  ] as const) {
    it(`are refused: ${JSON.stringify(settings)}`, () => {
      expect(mistakes(settings)).to.deep.equal(sentences.map((sentence) => `mlflow-stack:${sentence}`));
    });
  }
});

describe('settings that do go together', () => {
  for (const settings of [
    { server: { ...tag('3.10.0') } },
    { server: { ...tag('3.16.1') }, auth: { kind: 'basic' } },
    { server: { jobs: true } },
    { ...ingress, auth: { kind: 'edge' } },
    { ...ingress, auth: { kind: 'oauth2Proxy', oauth2Proxy: client } },
    { httpRoute: route, auth: { kind: 'oauth2Proxy', oauth2Proxy: client } },
    // A provider that oauth2-proxy knows from within.
    {
      ...ingress,
      auth: { kind: 'oauth2Proxy', oauth2Proxy: { ...client, provider: 'github', issuerUrl: undefined } },
    },
    { auth: { kind: 'plugin', plugin: oidc, defaultPermission: 'NO_PERMISSIONS' } },
    { auth: { kind: 'plugin', plugin: { appName: 'ldap-auth' } }, gc: { enabled: false } },
    {
      auth: { kind: 'plugin', plugin: { ...oidc, env: { ...oidc.env, CACHE_BACKEND: 'redis' } } },
      artifactStore: { kind: 's3Compatible' },
      server: { replicas: 2 },
    },
    { server: { replicas: 3 }, artifactStore: { accessMode: 'ReadWriteMany' } },
    { server: { replicas: 2, jobs: false }, artifactStore: { kind: 's3Compatible' } },
    { autoscaling: { enabled: true, kind: 'vertical' } },
    { autoscaling: { min: 3, max: 2 } },
    { availability: 'high', artifactStore: { kind: 'external', uri: 'gs://bucket' } },
    { backendStore: { kind: 'sqlite', maxConnections: 20 }, server: { workers: 8, tmpSize: '1Gi' } },
    { ingress: { hosts: [] } },
    {
      ingress: { ...web, className: 'alb', tls: [{}], internal: true, allowedCidrs: ['10.0.0.0/8'] },
      networkPolicy,
    },
    { ingress: { enabled: true, hosts: ['a.example'] }, auth: { acceptPublic: true } },
    { ingress: { enabled: true, hosts: ['a.example'] }, auth: { kind: 'basic' } },
    { ingress: { enabled: true, hosts: ['a.example'], className: 'gce', internal: true }, networkPolicy },
    {
      ingress: { enabled: true, hosts: ['a.example'], className: 'nginx', allowedCidrs: ['10.0.0.0/8'] },
      server: { service: { type: 'LoadBalancer', allowedCidrs: ['fd00::/8'] } },
      networkPolicy,
    },
    ...[
      { 'networking.gke.io/load-balancer-type': 'Internal' },
      { 'service.beta.kubernetes.io/aws-load-balancer-scheme': 'internal' },
      { 'service.beta.kubernetes.io/azure-load-balancer-internal': 'true' },
    ].map((annotations) => ({ server: { service: { type: 'LoadBalancer', annotations } }, networkPolicy })),
    { server: { service: { type: 'NodePort' } }, networkPolicy },
    { ingress: web, httpRoute: route },
    { ingress: { ...web, enabled: false }, httpRoute: { ...route, hosts: web.hosts } },
    { server: { extraAllowedHosts: ['10.*', '*.example.com', '*'], allowAnyHost: true } },
    {
      ingress: {
        ...web,
        className: 'traefik',
        annotations: { 'traefik.ingress.kubernetes.io/router.middlewares': 'a' },
      },
    },
    {
      ingress: {
        ...web,
        tls: [
          { hosts: ['a.localhost'], secretName: 's' },
          { hosts: ['b.localhost'], selfSigned: true },
        ],
      },
    },
    // A URI names its own.
    { backendStore: { kind: 'external', uriFrom: key, sslMode: 'verify-full' } },
    {
      backendStore: { ...external, sslMode: 'verify-ca' },
      server: { caBundle: { configMapName: 'company-ca' } },
    },
  ]) {
    it(`are accepted: ${JSON.stringify(settings)}`, () => void settingsWith(settings));
  }

  it('are never refused for a password that only contains a well-known word', () => {
    for (const password of ['my mlflow password', 'mlflow-on-the-hill', 'passwordpassword horse'])
      settingsWith({ backendStore: { password } });
  });

  for (const password of ['passwordpassword', 'MLFLOWmlflow1234!', 'changeme12345678', 'admin-1234567890'])
    it(`refuse ${password}`, () => {
      expect(mistakes({ backendStore: { password } })[0]).to.include('well-known');
    });
});

describe('clouds', () => {
  const text = (settings: object) =>
    mistakes(settings).map((sentence) => sentence.replace('mlflow-stack:', ''));

  it('have kinds of stores and sections of their own', () => {
    expect(
      text({
        aws: { region: 'eu-west-1' },
        artifactStore: { kind: 'gcs' },
        backendStore: { kind: 'rds' },
      }),
    ).to.deep.equal([
      'artifactStore.kind is gcs, which cloud gcp has, but cloud is local; choose another kind',
      'aws is for cloud aws, but cloud is local; remove it or change the cloud',
      'backendStore.kind is rds, which cloud aws has, but cloud is local; choose another kind',
    ]);
    for (const cloud of ['gcp', 'aws'])
      expect(text({ cloud })).to.deep.equal([`${cloud} is missing; cloud ${cloud} needs this section`]);
  });

  it('have one cluster', () => {
    expect(text({ kubernetes: {} })).to.deep.equal([
      'kubernetes.context is missing; allowed: the name of a context in your kubeconfig',
    ]);
    expect(
      text({ kubernetes: { kubeconfig: '~/c', clusterStack: 'organization/cluster/dev' } }),
    ).to.deep.equal([
      'kubernetes.kubeconfig and kubernetes.clusterStack both say where the cluster is; remove one of them',
    ]);
  });

  it('decide on stores and on the protection of data', () => {
    const found = [
      settingsWith(),
      settingsWith({ cloud: 'gcp', gcp: { project: 'team-dev', region: 'europe-west1', network: 'ml' } }),
      settingsWith({
        cloud: 'aws',
        aws: {
          region: 'eu-west-1',
          clusterName: 'ml',
          subnetIds: ['subnet-0a1b2c3d', 'subnet-1a1b2c3d'],
        },
      }),
    ].map(({ artifactStore, backendStore, dataProtection }) =>
      [artifactStore.kind, backendStore.kind, dataProtection].join(' '),
    );
    expect(found).to.deep.equal(['pvc postgres delete', 'gcs cloudSql retain', 's3 rds retain']);
  });
});
