// A small EKS cluster with a network of its own, for a stack that names this one in `kubernetes.clusterStack`.
import * as pulumi from '@pulumi/pulumi';
import { LogGroup } from '@pulumi/aws/cloudwatch/logGroup.js';
import { Addon, type AddonArgs } from '@pulumi/aws/eks/addon.js';
import { Cluster } from '@pulumi/aws/eks/cluster.js';
import { getAvailabilityZones } from '@pulumi/aws/getAvailabilityZones.js';
import { getPartition } from '@pulumi/aws/getPartition.js';
import { OpenIdConnectProvider } from '@pulumi/aws/iam/openIdConnectProvider.js';
import { Key } from '@pulumi/aws/kms/key.js';
import { Provider } from '@pulumi/aws/provider.js';
import { Provider as KubernetesProvider } from '@pulumi/kubernetes/provider.js';
import { StorageClass } from '@pulumi/kubernetes/storage/v1/storageClass.js';
import { podIdentityTrust, serviceTrust } from '../../clouds/aws/policies.ts';
import { ownTags } from '../../lib/labels.ts';
import { kubeconfigOf } from '../kubeconfig.ts';
import { network } from './network.ts';
import { nodes, roleWith } from './nodes.ts';

const config = new pulumi.Config();
const region = config.require('region');
const instanceType = config.get('instanceType') ?? 'm7i.large';
const version = config.get('kubernetesVersion');
/** Whether the API server is reached from the network alone. */
const isPrivate = config.getBoolean('privateEndpoint') ?? false;
const publicAccessCidrs = config.getObject<string[]>('publicAccessCidrs');
const name = `mlflow-${pulumi.getStack()}`;
const provider = new Provider('aws', {
  region,
  defaultTags: {
    tags: {
      ...config.getObject<Record<string, string>>('tags'),
      ...ownTags(),
    },
  },
});
const opts = { provider };

const { partition } = await getPartition({}, opts);
const { names } = await getAvailabilityZones(
  { state: 'available', filters: [{ name: 'opt-in-status', values: ['opt-in-not-required'] }] },
  opts,
);
const zones = names.slice(0, 2);
const managed = (...policies: string[]) =>
  policies.map((policy) => `arn:${partition}:iam::aws:policy/${policy}`);

const { publicSubnetIds, privateSubnetIds, wayOut } = network(name, { region, zones }, opts);

const key = new Key(
  `${name}-secrets`,
  { description: `Secrets of the cluster ${name}`, enableKeyRotation: true, deletionWindowInDays: 30 },
  opts,
);
const clusterRole = roleWith(
  `${name}-cluster-role`,
  serviceTrust('eks.amazonaws.com'),
  managed('AmazonEKSClusterPolicy'),
  opts,
);
// EKS would make it, and keep it for ever.
const logs = new LogGroup(
  `${name}-logs`,
  { name: `/aws/eks/${name}/cluster`, retentionInDays: config.getNumber('logRetentionDays') ?? 90 },
  opts,
);
const cluster = new Cluster(
  `${name}-cluster`,
  {
    name,
    roleArn: clusterRole.arn,
    ...(version !== undefined && { version }),
    vpcConfig: {
      subnetIds: privateSubnetIds,
      endpointPrivateAccess: true,
      endpointPublicAccess: !isPrivate,
      ...(!isPrivate && publicAccessCidrs !== undefined && { publicAccessCidrs }),
    },
    // Whoever makes the cluster administers it; all others by access entries.
    accessConfig: { authenticationMode: 'API', bootstrapClusterCreatorAdminPermissions: true },
    encryptionConfig: { provider: { keyArn: key.arn }, resources: ['secrets'] },
    enabledClusterLogTypes: ['api', 'audit', 'authenticator', 'controllerManager', 'scheduler'],
    bootstrapSelfManagedAddons: false,
    deletionProtection: config.getBoolean('deletionProtection') ?? true,
  },
  { ...opts, dependsOn: [...clusterRole.rights, logs] },
);
const issuer = cluster.identities.apply((identities) => identities[0]?.oidcs[0]?.issuer ?? '');
const trusted = new OpenIdConnectProvider(
  `${name}-oidc`,
  { url: issuer, clientIdLists: ['sts.amazonaws.com'] },
  opts,
);

const addon = (addonName: string, dependsOn: pulumi.Resource[], more: Partial<AddonArgs> = {}) =>
  new Addon(
    `${name}-${addonName}`,
    { clusterName: cluster.name, addonName, ...more },
    { ...opts, dependsOn },
  );
const beforeNodes = [
  // Enforces NetworkPolicies.
  addon('vpc-cni', [], { configurationValues: JSON.stringify({ enableNetworkPolicy: 'true' }) }),
  addon('kube-proxy', []),
  addon('eks-pod-identity-agent', []),
];
const nodeRole = roleWith(
  `${name}-node-role`,
  serviceTrust('ec2.amazonaws.com'),
  managed('AmazonEKSWorkerNodePolicy', 'AmazonEKS_CNI_Policy', 'AmazonEC2ContainerRegistryPullOnly'),
  opts,
);
const pool = nodes(
  name,
  {
    cluster,
    role: nodeRole,
    subnetIds: privateSubnetIds,
    instanceType,
    after: [...wayOut, ...beforeNodes],
  },
  opts,
);
addon('coredns', [pool]);
const diskAccount = 'ebs-csi-controller-sa';
const diskRole = roleWith(
  `${name}-disk-role`,
  cluster.arn.apply((arn) => podIdentityTrust(arn, 'kube-system', diskAccount)),
  managed('service-role/AmazonEBSCSIDriverPolicy'),
  opts,
);
const disks = addon('aws-ebs-csi-driver', [pool, ...diskRole.rights], {
  podIdentityAssociations: [{ serviceAccount: diskAccount, roleArn: diskRole.arn }],
});

/** By the AWS CLI. */
export const kubeconfig = pulumi
  .all([cluster.name, cluster.endpoint, cluster.certificateAuthority, pool.id])
  .apply(([clusterName, server, { data }]) =>
    kubeconfigOf(
      clusterName,
      { server, authority: data },
      {
        command: 'aws',
        args: ['eks', 'get-token', '--region', region, '--cluster-name', clusterName, '--output', 'json'],
      },
    ),
  );
/** For `aws.clusterName`. */
export const clusterName = cluster.name;
/** For `aws.subnetIds`. */
export const subnetIds = privateSubnetIds;
/** Where load balancers that the world reaches have their addresses. */
export const entrySubnetIds = publicSubnetIds;
/** For `aws.oidcProviderArn`, where it is not found by the cluster's name. */
export const oidcProviderArn = trusted.arn;

new StorageClass(
  `${name}-gp3`,
  {
    metadata: { name: 'gp3', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'ebs.csi.aws.com',
    parameters: { type: 'gp3', encrypted: 'true' },
    volumeBindingMode: 'WaitForFirstConsumer',
    allowVolumeExpansion: true,
  },
  { provider: new KubernetesProvider('kubernetes', { kubeconfig }), dependsOn: [disks] },
);
