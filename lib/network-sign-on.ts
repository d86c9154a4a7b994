// Where the server finds the identity provider of single sign-on, as far as settings tell.
import type { Settings } from '../settings/index.ts';

interface IdentityProvider {
  /** A host name: the provider may have its keys and tokens at further hosts, at the same port. */
  readonly host: string | undefined;
  readonly port: number;
}

/** None where nobody is sent to one. */
export function identityProviders({ auth }: Settings): IdentityProvider[] {
  if (auth.kind === 'oauth2Proxy') return [providerAt(auth.oauth2Proxy.issuerUrl)];
  return auth.kind === 'plugin' ? [providerAt(auth.plugin.env.OIDC_DISCOVERY_URL)] : [];
}

function providerAt(address: string | undefined): IdentityProvider {
  if (address === undefined || !URL.canParse(address)) return { host: undefined, port: 443 };
  const { protocol, hostname, port } = new URL(address);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port),
  };
}
