// Kind oauth2Proxy: single sign-on beside MLflow, which listens on the loopback device of its pod alone. People get there by
// the identity provider, programs by its tokens, and the stack's own programs by passwords.
import * as pulumi from '@pulumi/pulumi';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { RandomBytes } from '@pulumi/random/randomBytes.js';
import { objectLabels } from '../lib/labels.ts';
import { podPorts } from '../lib/network.ts';
import { type ProxyOptions, proxyArgs } from '../lib/oauth2-proxy.ts';
import {
  type Resources,
  caBundlePath,
  definedOnly,
  restrictedContainer,
  secretVariables,
} from '../lib/pod.ts';
import { loopbackPort, probePaths } from '../lib/server-paths.ts';
import type { AuthProxy, Mounts, SecretKey } from './connections.ts';
import {
  type AuthWiring,
  type SignIn,
  generatedUser,
  htpasswdKey,
  htpasswdSecret,
  noVariables,
  ownUser,
  userVariables,
} from './sign-in.ts';

export interface OAuth2ProxyArgs extends ProxyOptions {
  readonly clientSecretFrom?: SecretKey | undefined;
  /** Programs that log in by name and password. */
  readonly users: readonly string[];
  readonly image: string;
  readonly resources: Resources;
}

export function oauth2Proxy(
  name: string,
  args: OAuth2ProxyArgs,
  wiring: AuthWiring,
  parent: pulumi.Resource,
): SignIn {
  const users = args.users.map((user) => generatedUser(`${name}-user-${user}`, user, parent));
  const gc = ownUser(name, 'gc', wiring, parent);
  const scraper = ownUser(name, 'metrics', wiring, parent);
  const programs = [gc, scraper].filter((user) => user !== undefined);
  const all = [...programs, ...users];
  const cookie = cookieSecret(name, wiring, parent);
  const htpasswd =
    all.length === 0 ? undefined : htpasswdSecret(name, { namespace: wiring.namespace }, all, parent);
  return {
    users,
    programs,
    generated: { 'cookie-key': cookie.value },
    connection: {
      settings: {},
      server: noVariables,
      serverEnvFrom: [],
      migration: noVariables,
      gc: userVariables('MLFLOW_TRACKING', gc),
      scraperSecretName: scraper?.secretName,
      proxy: proxy(args, wiring, { htpasswd, cookieSecret: cookie.key }),
    },
  };
}

interface ProxySecrets {
  readonly htpasswd: pulumi.Output<string> | undefined;
  readonly cookieSecret: SecretKey;
}

function proxy(args: OAuth2ProxyArgs, wiring: AuthWiring, secrets: ProxySecrets): AuthProxy {
  const { url = '', staticPrefix, readinessPath, caBundleKey } = wiring;
  const mounts = htpasswdMounts(secrets.htpasswd);
  const opened = new Set([probePaths.health, probePaths[readinessPath]]);
  const ping = { httpGet: { path: '/ping', port: podPorts.server } };
  return {
    volumes: mounts.volumes,
    container: {
      name: 'oauth2-proxy',
      image: args.image,
      args: proxyArgs(args, {
        port: podPorts.server,
        upstreamPort: loopbackPort,
        url,
        staticPrefix,
        openPaths: [...opened].map((path) => `${staticPrefix}${path}`),
        htpasswdFile: secrets.htpasswd && `${htpasswdFolder}/${htpasswdKey}`,
        caFile: caBundleKey && `${caBundlePath}/${caBundleKey}`,
      }),
      env: secretVariables({
        ...(args.clientSecretFrom ? { OAUTH2_PROXY_CLIENT_SECRET: args.clientSecretFrom } : {}),
        OAUTH2_PROXY_COOKIE_SECRET: secrets.cookieSecret,
      }),
      // It ends when the provider cannot be reached while it starts, and MLflow starts once it answers.
      startupProbe: { ...ping, periodSeconds: 2, failureThreshold: 30 },
      livenessProbe: { ...ping, periodSeconds: 10, timeoutSeconds: 5 },
      resources: { requests: args.resources.requests, limits: definedOnly(args.resources.limits) },
      securityContext: restrictedContainer,
      terminationMessagePolicy: 'FallbackToLogsOnError',
      volumeMounts: [
        ...mounts.volumeMounts,
        ...(caBundleKey === undefined
          ? []
          : [{ name: 'ca-bundle', mountPath: caBundlePath, readOnly: true }]),
      ],
    },
  };
}

const htpasswdFolder = '/etc/oauth2-proxy';

function htpasswdMounts(secretName: pulumi.Output<string> | undefined): Mounts {
  if (secretName === undefined) return { volumes: [], volumeMounts: [] };
  return {
    volumes: [{ name: 'htpasswd', secret: { secretName } }],
    volumeMounts: [{ name: 'htpasswd', mountPath: htpasswdFolder, readOnly: true }],
  };
}

/** Encrypts the cookies, and is the same for all pods: 32 bytes in url-safe base64. */
function cookieSecret(name: string, { namespace }: AuthWiring, parent: pulumi.Resource) {
  const bytes = new RandomBytes(`${name}-cookie`, { length: 32 }, { parent });
  const value = pulumi.secret(bytes.base64).apply((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const secret = new Secret(
    `${name}-cookie`,
    {
      metadata: { namespace, labels: objectLabels('auth') },
      type: 'Opaque',
      stringData: { secret: value },
    },
    { parent },
  );
  return { key: { secretName: secret.metadata.name, key: 'secret' }, value };
}
