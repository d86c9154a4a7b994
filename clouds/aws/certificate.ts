// A certificate of ACM for all hosts, proved by records in Route 53.
import * as pulumi from '@pulumi/pulumi';
import { Certificate } from '@pulumi/aws/acm/certificate.js';
import { CertificateValidation } from '@pulumi/aws/acm/certificateValidation.js';
import { Record as DnsRecord } from '@pulumi/aws/route53/record.js';
import type { AwsContext } from './context.ts';

/** Its ARN, once it is issued. */
export function issuedCertificate(
  { settings }: AwsContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { hosts, dns } = settings.ingress;
  const [domainName = '', ...subjectAlternativeNames] = hosts;
  const certificate = new Certificate(
    `${name}-certificate`,
    { domainName, subjectAlternativeNames, validationMethod: 'DNS' },
    opts,
  );
  const records = hosts.map((host) => {
    const proof = certificate.domainValidationOptions.apply((options) => {
      const found = options.find((option) => option.domainName === host);
      return {
        name: found?.resourceRecordName ?? '',
        type: found?.resourceRecordType ?? '',
        value: found?.resourceRecordValue ?? '',
      };
    });
    return new DnsRecord(
      `${name}-proof-${host}`,
      {
        zoneId: dns.zone ?? '',
        name: proof.name,
        type: proof.type,
        records: [proof.value],
        ttl: 300,
        // Another certificate for the same host has the same proof.
        allowOverwrite: true,
      },
      opts,
    );
  });
  return new CertificateValidation(
    `${name}-issued`,
    { certificateArn: certificate.arn, validationRecordFqdns: records.map(({ fqdn }) => fqdn) },
    opts,
  ).certificateArn;
}
