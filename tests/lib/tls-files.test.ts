import { createPrivateKey } from 'node:crypto';
import { expect } from 'chai';
import { tlsProblems } from '../../lib/tls-files.ts';
import { type Issued, authority } from '../support/certificates.ts';

const hosts = ['a.example', 'b.wild.example'];

describe('a certificate that somebody else made', () => {
  let issuer: Awaited<ReturnType<typeof authority>>;
  let good: Issued;
  let other: Issued;
  before(async () => {
    issuer = await authority();
    good = await issuer.issue({ hosts: ['a.example', '*.wild.example'] });
    other = await issuer.issue({ hosts });
  });

  const problems = ({ certificate, key }: Issued, names: readonly string[] = hosts) =>
    tlsProblems({ 'tls.crt': certificate, 'tls.key': key }, names).map(({ file, text }) => `${file} ${text}`);
  const date = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

  it('may be for several hosts, by name or by wildcard, with the certificate of its issuer', () => {
    expect(problems(good)).to.deep.equal([]);
    expect(problems({ ...good, certificate: `${good.certificate}\n${issuer.certificate}` })).to.deep.equal(
      [],
    );
  });

  for (const [title, make, expected] of [
    [
      'has expired',
      () => issuer.issue({ hosts, from: -20, to: -10 }),
      () => [`tls.crt expired on ${date(-10)}; renew it`],
    ],
    [
      'is not valid yet',
      () => issuer.issue({ hosts, from: 2, to: 10 }),
      () => [`tls.crt is not valid before ${date(2)}; use one that is valid today`],
    ],
    [
      'is for other hosts, whatever its subject says',
      () => issuer.issue({ hosts: ['a.example', '*.example', 'wild.example'] }),
      () => [
        'tls.crt is not for b.wild.example, in-the-subject.example; use one with these names as subject alternative names',
      ],
    ],
    [
      'comes with the key of another one',
      async () => ({ ...good, key: other.key }),
      () => ['tls.key is not the key of the certificate; use the one that the certificate was made for'],
    ],
    [
      'comes after that of its issuer',
      async () => ({ ...good, certificate: `${issuer.certificate}\n${good.certificate}` }),
      () => [
        "tls.crt is in the wrong order; put the server's certificate first, and after each certificate that of its issuer",
      ],
    ],
    [
      'is followed by one that is not its issuer',
      async () => ({ ...good, certificate: `${good.certificate}\n${other.certificate}` }),
      () => [
        "tls.crt is in the wrong order; put the server's certificate first, and after each certificate that of its issuer",
      ],
    ],
    [
      'is none, and its key neither',
      async () => ({ certificate: good.key, key: good.certificate }),
      () => [
        'tls.crt holds no certificate in PEM; put the certificate there, followed by those of its issuers',
        'tls.key holds no private key in PEM; put the key of the certificate there',
      ],
    ],
    [
      'is damaged',
      async () => ({ ...good, certificate: good.certificate.replace(/\n[^-\n]+\n/, '\n') }),
      () => [
        'tls.crt holds no certificate in PEM; put the certificate there, followed by those of its issuers',
      ],
    ],
    [
      'has a key with a passphrase',
      async () => {
        const key = createPrivateKey(good.key);
        const options = {
          type: 'pkcs8',
          format: 'pem',
          cipher: 'aes-256-cbc',
          passphrase: 'secret',
        } as const;
        return { ...good, key: key.export(options) as string };
      },
      () => ['tls.key is encrypted with a passphrase; use it without one'],
    ],
  ] as const) {
    it(`is refused when it ${title}`, async () => {
      const names = title.includes('subject') ? [...hosts, 'in-the-subject.example'] : hosts;
      expect(problems(await make(), names)).to.deep.equal(expected());
    });
  }
});
