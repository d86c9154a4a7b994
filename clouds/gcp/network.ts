// How the database gets a private address in the network of the cluster.
import type * as pulumi from '@pulumi/pulumi';
import { GlobalAddress } from '@pulumi/gcp/compute/globalAddress.js';
import { Connection } from '@pulumi/gcp/servicenetworking/connection.js';
import { RandomId } from '@pulumi/random/randomId.js';
import { guardOptions } from '../../lib/data-protection.ts';
import { cloudName } from '../../lib/labels.ts';
import type { GcpContext } from './context.ts';

/** A network as Cloud SQL wants it named. */
export const networkId = (network: string, project: string): string =>
  network.includes('/') ? network : `projects/${project}/global/networks/${network}`;

/**
 * The network's connection to Google's own services, with a range of addresses for them. A network has one of it: where it was
 * left behind, its range is put in the place of the former.
 */
export function privateServices(
  context: GcpContext,
  name: string,
  network: string,
  opts: pulumi.ComponentResourceOptions,
): Connection {
  const { settings, gcp, labels } = context;
  const own = {
    ...context.after(['compute', 'servicenetworking'], opts),
    ...guardOptions(settings.dataProtection),
  };
  const id = new RandomId(`${name}-range-id`, { byteLength: 4 }, opts);
  const range = new GlobalAddress(
    `${name}-range`,
    {
      name: id.hex.apply((hex) => `${cloudName(40)}-sql-${hex}`),
      description: 'Private addresses of databases',
      purpose: 'VPC_PEERING',
      addressType: 'INTERNAL',
      prefixLength: gcp.privateServicesPrefixLength,
      network,
      labels,
    },
    own,
  );
  return new Connection(
    `${name}-private-services`,
    {
      network,
      service: 'servicenetworking.googleapis.com',
      reservedPeeringRanges: [range.name],
      updateOnCreationFail: true,
      // Google refuses to delete it for days after the last database is gone.
      deletionPolicy: 'ABANDON',
    },
    own,
  );
}
