// What is in the account before the stack: private subnets, an EKS cluster, and IAM's trust in its tokens.
import { CreateSubnetCommand, DescribeSubnetsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { CreateClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { CreateOpenIDConnectProviderCommand, IAMClient } from '@aws-sdk/client-iam';
import { accountId, clusterIssuer } from './account.ts';

/** The section `aws` of a stack file that fits. */
export async function foundation(region: string): Promise<{
  readonly region: string;
  readonly accountId: string;
  readonly clusterName: string;
  readonly subnetIds: string[];
}> {
  const clusterName = 'mlflow-prod';
  const ec2 = new EC2Client({ region });
  const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
  const VpcId = Subnets[0]?.VpcId;
  const subnetIds: string[] = [];
  // Those that a network has from the beginning give out public addresses.
  for (const [index, zone] of ['a', 'b'].entries()) {
    const CidrBlock = `172.31.${128 + 16 * index}.0/20`;
    const { Subnet } = await ec2.send(
      new CreateSubnetCommand({ VpcId, CidrBlock, AvailabilityZone: `${region}${zone}` }),
    );
    subnetIds.push(Subnet?.SubnetId ?? '');
  }
  await new EKSClient({ region }).send(
    new CreateClusterCommand({
      name: clusterName,
      roleArn: `arn:aws:iam::${accountId}:role/eks`,
      resourcesVpcConfig: { subnetIds },
    }),
  );
  await new IAMClient({ region }).send(
    new CreateOpenIDConnectProviderCommand({ Url: clusterIssuer, ClientIDList: ['sts.amazonaws.com'] }),
  );
  return { region, accountId, clusterName, subnetIds };
}
