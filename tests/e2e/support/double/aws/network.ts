// Networks, who may talk to whom in them, and addresses.
import * as ec2 from '@aws-sdk/client-ec2';
import type { CloudObject, Props } from '../store.ts';
import type { Context, ServedKind } from '../provider.ts';
import { allTags, asTagList, clientOf, regionOf, saying, sorted, unlessAbsent } from './clients.ts';
import { texts } from './rules.ts';

const client = clientOf((settings) => new ec2.EC2Client(settings));

/** Zones of subnets, which must be there. */
export async function zonesOf(SubnetIds: string[], context: Context): Promise<string[]> {
  const { Subnets = [] } = await client(context).send(new ec2.DescribeSubnetsCommand({ SubnetIds }));
  return [...new Set(sorted(Subnets.map(({ AvailabilityZone }) => AvailabilityZone)))];
}

const tagsFor = (type: ec2.ResourceType, inputs: Props, context: Context) => [
  { ResourceType: type, Tags: asTagList(allTags(inputs, context)) },
];

/** A rule inside a security group, as EC2 takes it. */
function permissionOf(rule: Props, groupId: string): ec2.IpPermission {
  const list = (name: string) => (rule[name] ?? []) as string[];
  const Description = rule.description as string | undefined;
  const groups = [...list('securityGroups'), ...(rule.self === true ? [groupId] : [])];
  const sources = [...groups, ...list('cidrBlocks'), ...list('ipv6CidrBlocks'), ...list('prefixListIds')];
  if (sources.length === 0)
    throw new Error(
      'authorizing Security Group rules: api error InvalidParameterValue: a rule names no group, range or prefix list',
    );
  return {
    IpProtocol: rule.protocol as string,
    FromPort: rule.fromPort as number,
    ToPort: rule.toPort as number,
    UserIdGroupPairs: groups.map((GroupId) => ({ GroupId, Description })),
    IpRanges: list('cidrBlocks').map((CidrIp) => ({ CidrIp, Description })),
    Ipv6Ranges: list('ipv6CidrBlocks').map((CidrIpv6) => ({ CidrIpv6, Description })),
    PrefixListIds: list('prefixListIds').map((PrefixListId) => ({ PrefixListId, Description })),
  };
}

async function setRules(id: string, inputs: Props, olds: Props | undefined, context: Context): Promise<void> {
  const permissions = (props: Props, name: string) =>
    ((props[name] ?? []) as Props[]).map((rule) => permissionOf(rule, id));
  const GroupId = id;
  if (olds !== undefined) {
    const IpPermissions = permissions(olds, 'ingress');
    if (IpPermissions.length > 0)
      await client(context).send(new ec2.RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }));
  }
  const { SecurityGroups = [] } = await client(context).send(
    new ec2.DescribeSecurityGroupsCommand({ GroupIds: [GroupId] }),
  );
  // A new group lets everything out, which the plug-in takes away.
  const out = SecurityGroups[0]?.IpPermissionsEgress ?? [];
  if (out.length > 0)
    await client(context).send(
      new ec2.RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: out.map(withoutEmpty) }),
    );
  const ingress = permissions(inputs, 'ingress');
  if (ingress.length > 0)
    await client(context).send(
      new ec2.AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: ingress }),
    );
  const egress = permissions(inputs, 'egress');
  if (egress.length > 0)
    await client(context).send(
      new ec2.AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions: egress }),
    );
}

const withoutEmpty = (permission: ec2.IpPermission): ec2.IpPermission =>
  Object.fromEntries(
    Object.entries(permission).filter(([, value]) => !Array.isArray(value) || value.length > 0),
  );

const groupOutputs = (found: ec2.SecurityGroup | undefined, inputs: Props, context: Context): Props => ({
  arn: `arn:aws:ec2:${regionOf(context.config)}:${found?.OwnerId ?? ''}:security-group/${found?.GroupId ?? ''}`,
  egress: inputs.egress ?? [],
  ingress: inputs.ingress ?? [],
  ownerId: found?.OwnerId,
  region: regionOf(context.config),
  tagsAll: allTags(inputs, context),
  vpcId: found?.VpcId,
});

async function describeGroup(id: string, context: Context): Promise<ec2.SecurityGroup | undefined> {
  const asked = client(context).send(new ec2.DescribeSecurityGroupsCommand({ GroupIds: [id] }));
  return (await unlessAbsent(asked))?.SecurityGroups?.[0];
}

export const securityGroup: ServedKind = {
  replaceOnChanges: ['name', 'namePrefix', 'description', 'vpcId', 'region'],
  autoname: { property: 'name', maxLength: 255 },
  defaults: () => ({ description: 'Managed by Pulumi', revokeRulesOnDelete: false }),
  check: texts({
    name: (value) =>
      /^(?!sg-)[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/.test(value)
        ? undefined
        : 'InvalidParameterValue: 1 to 255 characters, and no sg- at its beginning',
    description: (value) =>
      /^[0-9A-Za-z_ .:/()#,@[\]+=&;{}!$*-]{0,255}$/.test(value)
        ? undefined
        : 'doesn\'t comply with restrictions ("^[0-9A-Za-z_ .:/()#,@\\\\[\\\\]+=&;{}!$*-]*$")',
  }),
  make: async (inputs, context) => {
    const made = client(context).send(
      new ec2.CreateSecurityGroupCommand({
        GroupName: inputs.name as string,
        Description: inputs.description as string,
        VpcId: inputs.vpcId as string | undefined,
        TagSpecifications: tagsFor('security-group', inputs, context),
      }),
    );
    const what = `creating Security Group (${inputs.name as string})`;
    const { GroupId = '' } = await saying(what, 'EC2: CreateSecurityGroup', made);
    await setRules(GroupId, inputs, undefined, context);
    return { id: GroupId, outputs: groupOutputs(await describeGroup(GroupId, context), inputs, context) };
  },
  look: async ({ id, outputs }, context) => {
    const found = await describeGroup(id, context);
    return found && groupOutputs(found, outputs, context);
  },
  change: async (inputs, { id, inputs: olds }, context) => {
    await setRules(id, inputs, olds, context);
    return groupOutputs(await describeGroup(id, context), inputs, context);
  },
  unmake: async ({ id: GroupId }, context) => {
    const deleted = client(context).send(new ec2.DeleteSecurityGroupCommand({ GroupId }));
    await saying(`deleting Security Group (${GroupId})`, 'EC2: DeleteSecurityGroup', deleted);
  },
};

const subnetProps = (subnet: ec2.Subnet, region: string): Props => ({
  arn: subnet.SubnetArn,
  assignIpv6AddressOnCreation: subnet.AssignIpv6AddressOnCreation ?? false,
  availabilityZone: subnet.AvailabilityZone,
  availabilityZoneId: subnet.AvailabilityZoneId,
  availableIpAddressCount: subnet.AvailableIpAddressCount,
  cidrBlock: subnet.CidrBlock,
  defaultForAz: subnet.DefaultForAz,
  id: subnet.SubnetId,
  ipv6CidrBlock: '',
  ipv6CidrBlockAssociationId: '',
  ipv6Native: false,
  mapCustomerOwnedIpOnLaunch: false,
  mapPublicIpOnLaunch: subnet.MapPublicIpOnLaunch ?? false,
  ownerId: subnet.OwnerId,
  region,
  state: subnet.State,
  tags: Object.fromEntries((subnet.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
  vpcId: subnet.VpcId,
});

export async function getSubnet({ id }: Props, context: Context): Promise<Props> {
  const asked = client(context).send(new ec2.DescribeSubnetsCommand({ SubnetIds: [id as string] }));
  const { Subnets = [] } = await saying('reading EC2 Subnet', 'EC2: DescribeSubnets', asked);
  const [subnet] = Subnets;
  if (subnet === undefined) throw new Error('no matching EC2 Subnet found');
  return subnetProps(subnet, regionOf(context.config));
}

export const elasticIp: ServedKind = {
  replaceOnChanges: ['address', 'domain', 'networkBorderGroup', 'publicIpv4Pool', 'region'],
  defaults: () => ({ domain: 'vpc' }),
  make: async (inputs, context) => {
    const made = await client(context).send(
      new ec2.AllocateAddressCommand({
        Domain: 'vpc',
        TagSpecifications: tagsFor('elastic-ip', inputs, context),
      }),
    );
    const id = made.AllocationId ?? '';
    return { id, outputs: addressOutputs(id, made.PublicIp, inputs, context) };
  },
  look: async ({ id, outputs }: CloudObject, context) => {
    const asked = client(context).send(new ec2.DescribeAddressesCommand({ AllocationIds: [id] }));
    const found = (await unlessAbsent(asked))?.Addresses?.[0];
    return found && addressOutputs(id, found.PublicIp, outputs, context);
  },
  change: async (inputs, { id, outputs }, context) =>
    addressOutputs(id, outputs.publicIp as string, inputs, context),
  unmake: async ({ id: AllocationId }, context) => {
    await client(context).send(new ec2.ReleaseAddressCommand({ AllocationId }));
  },
};

const addressOutputs = (
  id: string,
  publicIp: string | undefined,
  inputs: Props,
  context: Context,
): Props => ({
  allocationId: id,
  publicIp,
  region: regionOf(context.config),
  tagsAll: allTags(inputs, context),
});
