// Certificates that an authority might have signed, good ones and bad ones.
import 'reflect-metadata';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(crypto);
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const day = 86_400_000;

export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

interface Wish {
  readonly hosts: readonly string[];
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
}

const newKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
const pem = async (keys: Awaited<ReturnType<typeof newKeys>>): Promise<string> =>
  x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
const date = (days: number) => new Date(Date.now() + days * day);

export interface Authority extends Issued {
  /** A certificate with a key of its own. */
  issue(wish: Wish): Promise<Issued>;
  /** A certificate of an hour for a key that somebody else has. */
  certify(publicKey: string, subject: Readonly<Record<string, string>>): Promise<string>;
}

export async function authority(): Promise<Authority> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=authority',
    notBefore: date(-100),
    notAfter: date(100),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return {
    certificate: certificate.toString('pem'),
    key: await pem(keys),
    issue: async ({ hosts, from = -1, to = 30 }) => {
      const own = await newKeys();
      const issued = await x509.X509CertificateGenerator.create({
        subject: 'CN=in-the-subject.example',
        issuer: certificate.subject,
        notBefore: date(from),
        notAfter: date(to),
        signingAlgorithm: algorithm,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.SubjectAlternativeNameExtension(
            hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
          ),
        ],
      });
      return { certificate: issued.toString('pem'), key: await pem(own) };
    },
    certify: async (publicKey, subject) => {
      const issued = await x509.X509CertificateGenerator.create({
        subject: Object.entries(subject).map(([name, value]) => ({ [name]: [value] })),
        issuer: certificate.subject,
        notBefore: date(-1 / 24),
        notAfter: date(1 / 24),
        signingAlgorithm: algorithm,
        publicKey: new x509.PublicKey(publicKey),
        signingKey: keys.privateKey,
      });
      return issued.toString('pem');
    },
  };
}
