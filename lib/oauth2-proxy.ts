// Options of oauth2-proxy: https://oauth2-proxy.github.io/oauth2-proxy/configuration/overview
export interface ProxyOptions {
  readonly provider: string;
  readonly issuerUrl?: string | undefined;
  readonly clientId?: string | undefined;
  readonly emailDomains: readonly string[];
  readonly allowedGroups: readonly string[];
  readonly scopes: readonly string[];
  readonly extraArgs: readonly string[];
}

export interface ProxyWiring {
  /** Port that everybody else uses. */
  readonly port: number;
  /** Port of MLflow on the loopback device. */
  readonly upstreamPort: number;
  /** Address that people open, and where the provider sends them back. */
  readonly url: string;
  readonly staticPrefix: string;
  /** Paths that answer without a log-in, for probes. */
  readonly openPaths: readonly string[];
  /** File with names and passwords of programs. */
  readonly htpasswdFile?: string | undefined;
  /** File with the certificates of further authorities. */
  readonly caFile?: string | undefined;
}

/** What programs and the UI's own scripts ask for: the answer is 401 then, and not a page to log in on. */
const apis = '(ajax-api|api|gateway|get-artifact|graphql|metrics|model-versions|v1|version)';

const literal = (path: string): string => path.replaceAll('.', '\\.');

/** Options with one value, with several, or that are left out. */
type Options = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Arguments without a secret: those are variables. */
export function proxyArgs(options: ProxyOptions, wiring: ProxyWiring): string[] {
  return [
    ...Object.entries(ownOptions(options, wiring)).flatMap(([name, value = []]) =>
      [value].flat().map((each) => `--${name}=${each}`),
    ),
    ...options.extraArgs,
  ];
}

function ownOptions(options: ProxyOptions, wiring: ProxyWiring): Options {
  const { allowedGroups, emailDomains, scopes } = options;
  const { url, htpasswdFile, caFile, staticPrefix } = wiring;
  return {
    provider: options.provider,
    'oidc-issuer-url': options.issuerUrl,
    'client-id': options.clientId,
    'code-challenge-method': 'S256',
    scope: scopes.length === 0 ? undefined : scopes.join(' '),
    'redirect-url': `${url}${staticPrefix}/oauth2/callback`,
    'proxy-prefix': `${staticPrefix}/oauth2`,
    'skip-provider-button': 'true',

    'http-address': `0.0.0.0:${wiring.port}`,
    upstream: `http://127.0.0.1:${wiring.upstreamPort}/`,
    // Until MLflow begins to answer, which it does for an artifact once it has all of it.
    'upstream-timeout': '600s',
    'skip-auth-route': wiring.openPaths.map((path) => `GET=^${literal(path)}$`),
    // MLflow serves its metrics without the prefix.
    'api-route': (staticPrefix === '' ? [''] : [literal(staticPrefix), '']).map(
      (prefix) => `^${prefix}/${apis}([/?]|$)`,
    ),
    'silence-ping-logging': 'true',

    'email-domain': emailDomains.length === 0 ? '*' : emailDomains,
    'allowed-group': allowedGroups,
    // Whoever left the company can get in for so long. The tokens of the provider stay out of the browser.
    'cookie-expire': '12h',
    'cookie-samesite': 'lax',
    'cookie-secure': String(url.startsWith('https:')),
    'session-cookie-minimal': 'true',

    // A request with a name and a password is no valid token either, and must yet go on to the file of passwords.
    'skip-jwt-bearer-tokens': 'true',
    'bearer-token-login-fallback': 'true',
    ...(htpasswdFile === undefined
      ? {}
      : {
          'htpasswd-file': htpasswdFile,
          'htpasswd-user-group': allowedGroups.slice(0, 1),
          'display-htpasswd-form': 'false',
        }),
    ...(caFile === undefined ? {} : { 'provider-ca-file': caFile, 'use-system-trust-store': 'true' }),
  };
}

/** Option by option, the setting to use instead of `extraArgs`; the program may not be able to do without the others. */
const owned: Readonly<Record<string, string>> = {
  'allowed-group': 'auth.oauth2Proxy.allowedGroups',
  'alpha-config': 'auth.oauth2Proxy',
  'bearer-token-login-fallback': 'auth.oauth2Proxy',
  'client-id': 'auth.oauth2Proxy.clientId',
  'client-secret': 'auth.oauth2Proxy.clientSecretFrom',
  'client-secret-file': 'auth.oauth2Proxy.clientSecretFrom',
  config: 'auth.oauth2Proxy',
  'cookie-secret': 'auth.oauth2Proxy',
  'cookie-secret-file': 'auth.oauth2Proxy',
  'email-domain': 'auth.oauth2Proxy.emailDomains',
  'htpasswd-file': 'auth.oauth2Proxy.users',
  'htpasswd-user-group': 'auth.oauth2Proxy.users',
  'http-address': 'server.service',
  'oidc-issuer-url': 'auth.oauth2Proxy.issuerUrl',
  provider: 'auth.oauth2Proxy.provider',
  'proxy-prefix': 'server.staticPrefix',
  scope: 'auth.oauth2Proxy.scopes',
  'skip-jwt-bearer-tokens': 'auth.oauth2Proxy',
  upstream: 'server.service',
};

/** The setting to use instead of an option that the program owns, such as `--scope=openid`; undefined for all others. */
export function ownedProxyOption(argument: string): string | undefined {
  const [name = ''] = argument.replace(/^--/, '').split('=');
  return Object.hasOwn(owned, name) ? `mlflow-stack:${owned[name]}` : undefined;
}
