// Certificates for what runs inside the cluster. Loaded only where a certificate is needed: the library is large.
import { X509Certificate, createPrivateKey } from 'node:crypto';

/** What a Secret of type kubernetes.io/tls holds, in PEM. */
export type CertificateFiles = Record<'ca.crt' | 'tls.crt' | 'tls.key', string>;

const years = 5;
const day = 86_400_000;
/** A certificate is made anew when less than this is left. */
const renewalDays = 90;

/**
 * The certificate that there is, or a new one for these names when it is missing, is for other names or runs out. The
 * authority's key is thrown away once it has signed, so nobody can make another certificate that clients would trust.
 */
export async function serverCertificate(
  hosts: readonly string[],
  existing: Readonly<Record<string, string>>,
): Promise<CertificateFiles> {
  return isGood(existing, hosts) ? existing : await newCertificate(hosts);
}

function isGood(
  files: Readonly<Record<string, string>>,
  hosts: readonly string[],
): files is CertificateFiles {
  try {
    const certificate = new X509Certificate(files['tls.crt'] ?? '');
    const authority = new X509Certificate(files['ca.crt'] ?? '');
    const left = Date.parse(certificate.validTo) - Date.now();
    return (
      left > renewalDays * day &&
      hosts.every((host) => certificate.checkHost(host) !== undefined) &&
      certificate.verify(authority.publicKey) &&
      certificate.checkPrivateKey(createPrivateKey(files['tls.key'] ?? ''))
    );
  } catch {
    // Whatever it is, it is no certificate.
    return false;
  }
}

async function newCertificate(hosts: readonly string[]): Promise<CertificateFiles> {
  // Something that the library builds on, and leaves to its user.
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(crypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const [authorityKeys, serverKeys] = await Promise.all([
    crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']),
    crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']),
  ]);
  const validity = {
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + years * 365 * day),
    signingAlgorithm: algorithm,
  };
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: 'CN=mlflow-stack',
    keys: authorityKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const server = await x509.X509CertificateGenerator.create({
    ...validity,
    // The names are in the extension: this one may have 64 characters at most.
    subject: 'CN=mlflow-stack server',
    issuer: authority.subject,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: 'dns', value }))),
    ],
  });
  const key = await crypto.subtle.exportKey('pkcs8', serverKeys.privateKey);
  return {
    'ca.crt': `${authority.toString('pem')}\n`,
    'tls.crt': `${server.toString('pem')}\n`,
    'tls.key': `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`,
  };
}
