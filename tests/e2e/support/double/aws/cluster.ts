// EKS clusters, and which pods are whom by their agent.
import * as eks from '@aws-sdk/client-eks';
import type { Kind } from '../provider.ts';
import type { Context } from '../provider.ts';
import type { Props } from '../store.ts';
import { allTags, clientOf, regionOf, saying, sorted } from './clients.ts';
import { arn, texts } from './rules.ts';

const client = clientOf((settings) => new eks.EKSClient(settings));

export async function getCluster({ name }: Props, context: Context): Promise<Props> {
  const asked = client(context).send(new eks.DescribeClusterCommand({ name: name as string }));
  const { cluster } = await saying(`reading EKS Cluster (${String(name)})`, 'EKS: DescribeCluster', asked);
  const vpc = cluster?.resourcesVpcConfig;
  return {
    accessConfigs: [],
    arn: cluster?.arn,
    certificateAuthorities: [{ data: cluster?.certificateAuthority?.data ?? '' }],
    clusterId: '',
    computeConfigs: [],
    controlPlaneScalingConfigs: [],
    createdAt: cluster?.createdAt?.toISOString(),
    deletionProtection: false,
    enabledClusterLogTypes: [],
    endpoint: cluster?.endpoint,
    id: name,
    identities: [{ oidcs: [{ issuer: cluster?.identity?.oidc?.issuer ?? '' }] }],
    kubernetesNetworkConfigs: [],
    name,
    platformVersion: cluster?.platformVersion,
    region: regionOf(context.config),
    remoteNetworkConfigs: [],
    roleArn: cluster?.roleArn,
    status: cluster?.status,
    storageConfigs: [],
    tags: cluster?.tags ?? {},
    upgradePolicies: [],
    version: cluster?.version,
    vpcConfig: {
      clusterSecurityGroupId: vpc?.clusterSecurityGroupId ?? '',
      controlPlaneEgressMode: '',
      endpointPrivateAccess: vpc?.endpointPrivateAccess ?? false,
      endpointPublicAccess: vpc?.endpointPublicAccess ?? true,
      publicAccessCidrs: vpc?.publicAccessCidrs ?? [],
      securityGroupIds: sorted(vpc?.securityGroupIds),
      subnetIds: sorted(vpc?.subnetIds),
      vpcId: vpc?.vpcId ?? '',
    },
    zonalShiftConfigs: [],
  };
}

/** Kept in the store: moto does not know them. */
export const podIdentityAssociation: Kind = {
  replaceOnChanges: ['clusterName', 'namespace', 'serviceAccount', 'region'],
  check: texts({ roleArn: arn, targetRoleArn: arn }),
  id: ({ clusterName, namespace, serviceAccount }) =>
    `a-${Buffer.from([clusterName, namespace, serviceAccount].join('/')).toString('hex').slice(-17)}`,
  computed: (inputs, context) => {
    const { clusterName, namespace, serviceAccount } = inputs as Record<string, string>;
    const id = `a-${Buffer.from([clusterName, namespace, serviceAccount].join('/')).toString('hex').slice(-17)}`;
    const account = String(inputs.roleArn).split(':')[4] ?? '';
    const region = regionOf(context.config);
    return {
      associationArn: `arn:aws:eks:${region}:${account}:podidentityassociation/${clusterName ?? ''}/${id}`,
      associationId: id,
      disableSessionTags: inputs.disableSessionTags ?? false,
      region,
      tagsAll: allTags(inputs, context),
    };
  },
};
