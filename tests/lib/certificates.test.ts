import { X509Certificate, createPrivateKey } from 'node:crypto';
import { expect } from 'chai';
import { type CertificateFiles, serverCertificate } from '../../lib/certificates.ts';

// Longer than the 64 characters that a certificate's subject may have.
const long = `mlflow-postgres.${'n'.repeat(60)}.svc`;
const hosts = ['db.team-a.svc', 'db.team-a.svc.cluster.local', 'localhost', long];

describe('a certificate for what runs in the cluster', () => {
  let files: CertificateFiles;
  let server: X509Certificate;
  let authority: X509Certificate;
  before(async () => {
    files = await serverCertificate(hosts, {});
    server = new X509Certificate(files['tls.crt']);
    authority = new X509Certificate(files['ca.crt']);
  });

  it('is signed by an authority of its own', () => {
    expect(server.verify(authority.publicKey)).to.equal(true);
    expect(server.checkIssued(authority)).to.equal(true);
    expect(authority.verify(authority.publicKey)).to.equal(true);
    expect([authority.ca, server.ca]).to.deep.equal([true, false]);
  });

  it('is for these names and no others', () => {
    for (const host of hosts) expect(server.checkHost(host), host).to.equal(host);
    for (const host of ['db.team-b.svc', 'svc', 'example.com'])
      expect(server.checkHost(host), host).to.equal(undefined);
  });

  it('comes with its key, and without that of the authority', () => {
    expect(server.checkPrivateKey(createPrivateKey(files['tls.key']))).to.equal(true);
    expect(Object.keys(files)).to.have.members(['ca.crt', 'tls.crt', 'tls.key']);
    expect(authority.checkPrivateKey(createPrivateKey(files['tls.key']))).to.equal(false);
  });

  it('lasts for years, and not beyond its authority', () => {
    const yearsLeft = (Date.parse(server.validTo) - Date.now()) / (365 * 86_400_000);
    expect(yearsLeft).to.be.within(2, 10);
    expect(Date.parse(authority.validTo)).to.be.at.least(Date.parse(server.validTo));
    expect(Date.parse(server.validFrom)).to.be.below(Date.now());
  });

  it('stays the same while it is good, also for fewer names', async () => {
    expect(await serverCertificate(hosts, files)).to.deep.equal(files);
    expect(await serverCertificate(hosts.slice(1), files)).to.deep.equal(files);
  });

  describe('is made anew', () => {
    const { now } = Date;
    afterEach(() => void (Date.now = now));

    it('for another name', async () => {
      const other = await serverCertificate([...hosts, 'other.svc'], files);
      expect(new X509Certificate(other['tls.crt']).checkHost('other.svc')).to.equal('other.svc');
    });

    for (const [daysLeft, isRenewed] of [
      [89, true],
      [91, false],
    ] as const) {
      it(`${isRenewed ? '' : 'not yet '}when ${daysLeft} days are left`, async () => {
        const moment = Date.parse(server.validTo) - daysLeft * 86_400_000;
        Date.now = () => moment;
        const next = await serverCertificate(hosts, files);
        expect(next['tls.crt'] !== files['tls.crt']).to.equal(isRenewed);
      });
    }

    for (const [title, damage] of [
      ['is a part missing', () => ({ 'tls.crt': files['tls.crt'] })],
      ['is no certificate', () => ({ ...files, 'tls.crt': 'x' })],
      ['is no key', () => ({ ...files, 'tls.key': '' })],
    ] as const) {
      it(`where there ${title}`, async () => {
        const next = await serverCertificate(hosts, damage());
        expect(new X509Certificate(next['tls.crt']).checkHost('localhost')).to.equal('localhost');
      });
    }

    it('where its authority or its key is that of another one', async () => {
      const another = await serverCertificate(hosts, {});
      for (const part of ['ca.crt', 'tls.key'] as const) {
        const mixed = { ...files, [part]: another[part] };
        expect((await serverCertificate(hosts, mixed))['tls.crt'], part).not.to.equal(files['tls.crt']);
      }
    });
  });
});
