// A network in two zones: nodes and databases in private subnets, load balancers in public ones.
import * as pulumi from '@pulumi/pulumi';
import { Eip } from '@pulumi/aws/ec2/eip.js';
import { InternetGateway } from '@pulumi/aws/ec2/internetGateway.js';
import { NatGateway } from '@pulumi/aws/ec2/natGateway.js';
import { RouteTable } from '@pulumi/aws/ec2/routeTable.js';
import { RouteTableAssociation } from '@pulumi/aws/ec2/routeTableAssociation.js';
import { Subnet } from '@pulumi/aws/ec2/subnet.js';
import { Vpc } from '@pulumi/aws/ec2/vpc.js';
import { VpcEndpoint } from '@pulumi/aws/ec2/vpcEndpoint.js';

interface Network {
  readonly publicSubnetIds: pulumi.Output<string>[];
  readonly privateSubnetIds: pulumi.Output<string>[];
  /** What nodes need to get images. */
  readonly wayOut: pulumi.Resource[];
}

export function network(
  name: string,
  { region, zones }: { readonly region: string; readonly zones: readonly string[] },
  opts: pulumi.CustomResourceOptions,
): Network {
  const tags = (each: string) => ({ Name: `${name}-${each}` });
  const vpc = new Vpc(
    `${name}-vpc`,
    { cidrBlock: '10.40.0.0/16', enableDnsSupport: true, enableDnsHostnames: true, tags: tags('vpc') },
    opts,
  );
  const gateway = new InternetGateway(`${name}-gateway`, { vpcId: vpc.id, tags: tags('gateway') }, opts);
  const table = (
    kind: string,
    route: { gatewayId: pulumi.Input<string> } | { natGatewayId: pulumi.Input<string> },
  ) =>
    new RouteTable(
      `${name}-${kind}-routes`,
      { vpcId: vpc.id, routes: [{ cidrBlock: '0.0.0.0/0', ...route }], tags: tags(kind) },
      opts,
    );
  /** The tag tells the AWS Load Balancer Controller what a subnet is for. */
  const subnets = (kind: string, role: string, block: (index: number) => string) =>
    zones.map(
      (availabilityZone, index) =>
        new Subnet(
          `${name}-${kind}-${index}`,
          {
            vpcId: vpc.id,
            availabilityZone,
            cidrBlock: block(index),
            mapPublicIpOnLaunch: false,
            tags: { ...tags(`${kind}-${index}`), [`kubernetes.io/role/${role}`]: '1' },
          },
          opts,
        ),
    );
  const joined = (kind: string, members: readonly Subnet[], { id: routeTableId }: RouteTable) =>
    members.map(
      ({ id: subnetId }, index) =>
        new RouteTableAssociation(`${name}-${kind}-route-${index}`, { subnetId, routeTableId }, opts),
    );

  const open = subnets('public', 'elb', (index) => `10.40.${index}.0/24`);
  const closed = subnets('private', 'internal-elb', (index) => `10.40.${64 * (index + 1)}.0/18`);
  const openRoutes = joined('public', open, table('public', { gatewayId: gateway.id }));
  // One for all zones; nodes have private addresses only.
  const address = new Eip(`${name}-nat-address`, { domain: 'vpc', tags: tags('nat') }, opts);
  const nat = new NatGateway(
    `${name}-nat`,
    { subnetId: open[0]?.id ?? '', allocationId: address.id, tags: tags('nat') },
    { ...opts, dependsOn: [gateway, ...openRoutes] },
  );
  const closedTable = table('private', { natGatewayId: nat.id });
  const closedRoutes = joined('private', closed, closedTable);
  // Artifacts do not pass through the NAT gateway, which costs by the byte.
  const endpoint = new VpcEndpoint(
    `${name}-s3`,
    {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${region}.s3`,
      vpcEndpointType: 'Gateway',
      routeTableIds: [closedTable.id],
      tags: tags('s3'),
    },
    opts,
  );
  return {
    publicSubnetIds: open.map(({ id }) => id),
    privateSubnetIds: closed.map(({ id }) => id),
    wayOut: [...closedRoutes, endpoint],
  };
}
