// A small GKE cluster with a network of its own, for a stack that names this one in `kubernetes.clusterStack`.
import * as pulumi from '@pulumi/pulumi';
import { Network } from '@pulumi/gcp/compute/network.js';
import { Router } from '@pulumi/gcp/compute/router.js';
import { RouterNat } from '@pulumi/gcp/compute/routerNat.js';
import { Subnetwork } from '@pulumi/gcp/compute/subnetwork.js';
import { Cluster } from '@pulumi/gcp/container/cluster.js';
import { NodePool } from '@pulumi/gcp/container/nodePool.js';
import { IAMMember } from '@pulumi/gcp/projects/iammember.js';
import { Account } from '@pulumi/gcp/serviceaccount/account.js';
import { Provider } from '@pulumi/gcp/provider.js';
import { kubeconfigOf } from '../kubeconfig.ts';

const config = new pulumi.Config();
const project = config.require('project');
const region = config.require('region');
const machineType = config.get('machineType') ?? 'e2-standard-4';
const plain = (text: string) => text.toLowerCase().replace(/[^-a-z0-9]/g, '-');
const name = `mlflow-${plain(pulumi.getStack())}`;
/** Of all that can have some and costs money. */
const labels = {
  project: plain(pulumi.getProject()),
  stack: plain(pulumi.getStack()),
  'managed-by': 'pulumi',
};
const provider = new Provider('gcp', { project, region });
const opts = { provider };

const network = new Network(`${name}-network`, { autoCreateSubnetworks: false }, opts);
const subnetwork = new Subnetwork(
  `${name}-subnetwork`,
  {
    network: network.id,
    ipCidrRange: '10.10.0.0/20',
    secondaryIpRanges: [
      { rangeName: 'pods', ipCidrRange: '10.20.0.0/16' },
      { rangeName: 'services', ipCidrRange: '10.30.0.0/20' },
    ],
    privateIpGoogleAccess: true,
  },
  opts,
);
// Nodes have private addresses only, and get images through it.
const router = new Router(`${name}-router`, { network: network.id }, opts);
const nat = new RouterNat(
  `${name}-nat`,
  {
    router: router.name,
    natIpAllocateOption: 'AUTO_ONLY',
    sourceSubnetworkIpRangesToNat: 'ALL_SUBNETWORKS_ALL_IP_RANGES',
  },
  opts,
);

// 30 letters at most.
const accountId = `${name.slice(0, 24).replace(/-$/, '')}-nodes`;
const nodes = new Account(`${name}-nodes`, { accountId, displayName: 'Nodes of MLflow' }, opts);
new IAMMember(
  `${name}-nodes-role`,
  {
    project,
    role: 'roles/container.defaultNodeServiceAccount',
    member: pulumi.interpolate`serviceAccount:${nodes.email}`,
  },
  opts,
);
const cluster = new Cluster(
  `${name}-cluster`,
  {
    location: region,
    network: network.id,
    subnetwork: subnetwork.id,
    ipAllocationPolicy: { clusterSecondaryRangeName: 'pods', servicesSecondaryRangeName: 'services' },
    privateClusterConfig: { enablePrivateNodes: true },
    workloadIdentityConfig: { workloadPool: `${project}.svc.id.goog` },
    // Enforces NetworkPolicies.
    datapathProvider: 'ADVANCED_DATAPATH',
    releaseChannel: { channel: 'REGULAR' },
    // Nodes are in a pool of their own, which can be replaced.
    initialNodeCount: 1,
    removeDefaultNodePool: true,
    resourceLabels: labels,
    deletionProtection: config.getBoolean('deletionProtection') ?? true,
  },
  opts,
);
const pool = new NodePool(
  `${name}-pool`,
  {
    cluster: cluster.id,
    // In each zone of the region.
    autoscaling: { minNodeCount: 0, maxNodeCount: 2, locationPolicy: 'BALANCED' },
    initialNodeCount: 1,
    nodeConfig: {
      machineType,
      resourceLabels: labels,
      serviceAccount: nodes.email,
      oauthScopes: ['https://www.googleapis.com/auth/cloud-platform'],
      workloadMetadataConfig: { mode: 'GKE_METADATA' },
      shieldedInstanceConfig: { enableSecureBoot: true, enableIntegrityMonitoring: true },
    },
  },
  { ...opts, dependsOn: [nat] },
);

/** For `gcp.network`. */
export const networkName = network.name;
/** By gke-gcloud-auth-plugin. */
export const kubeconfig = pulumi
  .all([cluster.name, cluster.endpoint, cluster.masterAuth, pool.id])
  .apply(([clusterName, endpoint, { clusterCaCertificate }]) =>
    kubeconfigOf(
      clusterName,
      { server: `https://${endpoint}`, authority: clusterCaCertificate },
      { command: 'gke-gcloud-auth-plugin', provideClusterInfo: true },
    ),
  );
