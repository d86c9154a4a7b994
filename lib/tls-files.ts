// What is wrong with a certificate and its key that somebody else made, in words that show no part of either.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

/** What a Secret of type kubernetes.io/tls holds, in PEM. */
export interface TlsFiles {
  /** The server's certificate, followed by those of its issuers. */
  readonly 'tls.crt': string;
  readonly 'tls.key': string;
  /** The authority by which clients know the server, where it is none of the public ones. */
  readonly 'ca.crt'?: string | undefined;
}

export interface TlsProblem {
  readonly file: keyof TlsFiles;
  /** Ends a sentence that begins with the file. */
  readonly text: string;
}

/** Everything that keeps clients from trusting a server of these names, or the server from starting. */
export function tlsProblems(files: TlsFiles, hosts: readonly string[]): TlsProblem[] {
  const chain = certificates(files['tls.crt']);
  const key = privateKey(files['tls.key']);
  const ofCertificate = chainProblems(chain, hosts, key).map((text) => ({ file: 'tls.crt', text }) as const);
  const ofKey = keyProblems(chain, key).map((text) => ({ file: 'tls.key', text }) as const);
  const ofAuthority = authorityProblems(chain, files['ca.crt']).map(
    (text) => ({ file: 'ca.crt', text }) as const,
  );
  return [...ofCertificate, ...ofKey, ...ofAuthority];
}

type Key = KeyObject | string;

const fits = (certificate: X509Certificate | undefined, key: Key): boolean =>
  typeof key !== 'string' && certificate?.checkPrivateKey(key) === true;

function chainProblems(chain: readonly X509Certificate[], hosts: readonly string[], key: Key): string[] {
  const [server, ...issuers] = chain;
  if (server === undefined)
    return ['holds no certificate in PEM; put the certificate there, followed by those of its issuers'];
  const isOrdered = issuers.every((issuer, index) => chain[index]?.checkIssued(issuer));
  const isLater = !fits(server, key) && issuers.some((issuer) => fits(issuer, key));
  return !isOrdered || isLater
    ? [
        "is in the wrong order; put the server's certificate first, and after each certificate that of its issuer",
      ]
    : certificateProblems(server, hosts);
}

function keyProblems(chain: readonly X509Certificate[], key: Key): string[] {
  if (typeof key === 'string') return [key];
  return chain.length === 0 || chain.some((certificate) => fits(certificate, key))
    ? []
    : ['is not the key of the certificate; use the one that the certificate was made for'];
}

function certificateProblems(server: X509Certificate, hosts: readonly string[]): string[] {
  const now = Date.now();
  const day = (text: string) => new Date(text).toISOString().slice(0, 10);
  // Clients have stopped looking at the subject: https://www.rfc-editor.org/rfc/rfc9525#section-2
  const others = hosts.filter((host) => server.checkHost(host, { subject: 'never' }) === undefined);
  return [
    ...(Date.parse(server.validTo) < now ? [`expired on ${day(server.validTo)}; renew it`] : []),
    ...(Date.parse(server.validFrom) > now
      ? [`is not valid before ${day(server.validFrom)}; use one that is valid today`]
      : []),
    ...(others.length > 0
      ? [`is not for ${others.join(', ')}; use one with these names as subject alternative names`]
      : []),
  ];
}

function authorityProblems(chain: readonly X509Certificate[], pem: string | undefined): string[] {
  const last = chain.at(-1);
  if (pem === undefined || last === undefined) return [];
  const isIssuer = (authority: X509Certificate) =>
    last.checkIssued(authority) && last.verify(authority.publicKey);
  return certificates(pem).some(isIssuer)
    ? []
    : ['holds no authority that issued the certificate; put the one there that did'];
}

/** Empty where there is none that can be read. */
function certificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return [];
  }
}

/** The key, or what is wrong with it. */
function privateKey(pem: string): Key {
  // No server would ask for the passphrase.
  if (/ENCRYPTED/.test(pem)) return 'is encrypted with a passphrase; use it without one';
  try {
    return createPrivateKey(pem);
  } catch {
    return 'holds no private key in PEM; put the key of the certificate there';
  }
}
