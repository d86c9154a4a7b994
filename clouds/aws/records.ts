// Records of Route 53 that make the hosts' names lead to the load balancer.
import * as pulumi from '@pulumi/pulumi';
import { getHostedZoneId } from '@pulumi/aws/lb/getHostedZoneId.js';
import { Record as DnsRecord } from '@pulumi/aws/route53/record.js';
import type { AwsContext } from './context.ts';

export function aliasRecords(
  { settings, region, provider }: AwsContext,
  name: string,
  address: pulumi.Input<string>,
  opts: pulumi.ComponentResourceOptions,
): void {
  const { hosts, dns } = settings.ingress;
  const zoneId = pulumi.output(getHostedZoneId({ region }, { provider })).id;
  for (const host of hosts)
    new DnsRecord(
      `${name}-${host}`,
      {
        zoneId: dns.zone ?? '',
        name: host,
        type: 'A',
        aliases: [{ name: address, zoneId, evaluateTargetHealth: false }],
      },
      opts,
    );
}
