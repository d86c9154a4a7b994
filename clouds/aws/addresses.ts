// Addresses that stay, for the server's own load balancer: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/
import * as pulumi from '@pulumi/pulumi';
import { Eip } from '@pulumi/aws/ec2/eip.js';
import { Record as DnsRecord } from '@pulumi/aws/route53/record.js';
import type { AwsContext } from './context.ts';
import { balancer } from './plan.ts';

interface Reserved {
  /** All of them. */
  readonly address: pulumi.Output<string>;
  /** By which the AWS Load Balancer Controller gives them to the load balancer of a Service. */
  readonly annotations: Readonly<Record<string, pulumi.Input<string>>>;
}

export function reservedAddresses(
  { settings, aws }: AwsContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): Reserved {
  const { hosts, dns } = settings.server.service;
  const made = aws.entrySubnetIds.map(
    (subnet) =>
      new Eip(`${name}-address-${subnet}`, { domain: 'vpc', tags: { Name: `${name}-${subnet}` } }, opts),
  );
  const addresses = made.map(({ publicIp }) => publicIp);
  if (dns.zone !== undefined)
    for (const host of hosts)
      new DnsRecord(
        `${name}-record-${host}`,
        { zoneId: dns.zone, name: host, type: 'A', ttl: 300, records: addresses },
        opts,
      );
  return {
    address: pulumi.all(addresses).apply((all) => all.join(',')),
    annotations: {
      [`${balancer}type`]: 'external',
      [`${balancer}scheme`]: 'internet-facing',
      [`${balancer}nlb-target-type`]: 'ip',
      [`${balancer}subnets`]: aws.entrySubnetIds.join(','),
      [`${balancer}eip-allocations`]: pulumi
        .all(made.map(({ allocationId }) => allocationId))
        .apply((ids) => ids.join(',')),
    },
  };
}
