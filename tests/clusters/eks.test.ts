import { expect } from 'chai';
import { parse } from 'yaml';
import { clusterAccess } from '../../clouds/cluster-access.ts';
import { type JsonObject, type Run, isUnknown, runStack } from '../support/mocks.ts';

let runs = 0;

/** One `up` or preview of the program. */
async function eks(settings: Record<string, unknown> = {}, preview = false): Promise<Run> {
  const given = Object.fromEntries(
    Object.entries({ region: 'eu-west-1', ...settings }).map(([key, value]) => [
      `mlflow-stack:${key}`,
      value,
    ]),
  );
  const program = () => import(`../../clusters/eks/index.ts?run=${++runs}`);
  return await runStack(program, { settings: given, stack: 'prod', preview });
}

const cluster = 'Cluster/mlflow-prod-cluster';
const pool = 'NodeGroup/mlflow-prod-nodes';
const kinds = ({ resources }: Run, kind: string) => resources.filter(({ id }) => id.startsWith(`${kind}/`));

describe('clusters/eks', () => {
  let run: Run;

  before(async () => {
    run = await eks();
  });

  it('has nodes in private subnets of two zones, which reach images through one NAT gateway', () => {
    const subnets = kinds(run, 'Subnet').map(({ inputs }) => inputs);
    expect(subnets.map(({ availabilityZone }) => availabilityZone)).to.deep.equal(
      ['a', 'b', 'a', 'b'].map((zone) => `eu-west-1${zone}`),
    );
    expect(subnets.every(({ mapPublicIpOnLaunch }) => mapPublicIpOnLaunch === false)).to.equal(true);
    const closed = ['mlflow-prod-private-0-id', 'mlflow-prod-private-1-id'];
    expect(run.get(pool).inputs.subnetIds).to.deep.equal(closed);
    expect(run.outputs.subnetIds).to.deep.equal(closed);
    expect(run.get('RouteTable/mlflow-prod-private-routes').inputs.routes).to.deep.equal([
      { cidrBlock: '0.0.0.0/0', natGatewayId: 'mlflow-prod-nat-id' },
    ]);
    expect(run.get('NatGateway/mlflow-prod-nat').inputs.subnetId).to.equal('mlflow-prod-public-0-id');
    expect(run.get('VpcEndpoint/mlflow-prod-s3').inputs).to.include({
      serviceName: 'com.amazonaws.eu-west-1.s3',
      vpcEndpointType: 'Gateway',
    });
    expect(run.get(pool).dependencies).to.include.members([
      'RouteTableAssociation/mlflow-prod-private-route-0',
      'RouteTableAssociation/mlflow-prod-private-route-1',
    ]);
  });

  it('tells the load balancer controller which subnets are for whom', () => {
    const tagged = (role: string) =>
      kinds(run, 'Subnet')
        .filter(({ inputs }) => (inputs.tags as JsonObject)[`kubernetes.io/role/${role}`] === '1')
        .map(({ name }) => name);
    expect(tagged('elb')).to.deep.equal(['mlflow-prod-public-0', 'mlflow-prod-public-1']);
    expect(tagged('internal-elb')).to.deep.equal(['mlflow-prod-private-0', 'mlflow-prod-private-1']);
  });

  it('encrypts Secrets, keeps logs of the control plane, and is not deleted by mistake', () => {
    const { inputs, dependencies } = run.get(cluster);
    expect(inputs).to.deep.include({
      encryptionConfig: {
        provider: { keyArn: 'arn:aws:kms:eu-west-1:123456789012:key/mlflow-prod-secrets' },
        resources: ['secrets'],
      },
      accessConfig: { authenticationMode: 'API', bootstrapClusterCreatorAdminPermissions: true },
      deletionProtection: true,
    });
    expect(inputs.enabledClusterLogTypes).to.include.members(['audit', 'authenticator']);
    expect(run.get('Key/mlflow-prod-secrets').inputs.enableKeyRotation).to.equal(true);
    expect(run.get('LogGroup/mlflow-prod-logs').inputs).to.deep.equal({
      name: '/aws/eks/mlflow-prod/cluster',
      retentionInDays: 90,
    });
    expect(dependencies).to.include('LogGroup/mlflow-prod-logs');
  });

  it('trusts pods by IRSA and by the agent of pod identities', () => {
    expect(run.get('OpenIdConnectProvider/mlflow-prod-oidc').inputs).to.deep.equal({
      url: 'https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE',
      clientIdLists: ['sts.amazonaws.com'],
    });
    expect(run.outputs.oidcProviderArn).to.include(':oidc-provider/oidc.eks.eu-west-1');
    expect(kinds(run, 'Addon').map(({ inputs }) => inputs.addonName)).to.have.members([
      'vpc-cni',
      'kube-proxy',
      'eks-pod-identity-agent',
      'coredns',
      'aws-ebs-csi-driver',
    ]);
  });

  it('enforces NetworkPolicies before the first node is there', () => {
    const cni = 'Addon/mlflow-prod-vpc-cni';
    expect(JSON.parse(run.get(cni).inputs.configurationValues as string)).to.deep.equal({
      enableNetworkPolicy: 'true',
    });
    expect(run.get(pool).dependencies).to.include(cni);
    expect(run.get('Addon/mlflow-prod-coredns').dependencies).to.include(pool);
  });

  it('gives nodes an encrypted disk, rights to join and to pull, and no identity to pods', () => {
    const { metadataOptions, blockDeviceMappings } = run.get('LaunchTemplate/mlflow-prod-template')
      .inputs as {
      metadataOptions: object;
      blockDeviceMappings: { ebs: object }[];
    };
    expect(metadataOptions).to.deep.equal({ httpTokens: 'required', httpPutResponseHopLimit: 1 });
    expect(blockDeviceMappings[0]?.ebs).to.include({ encrypted: 'true' });
    const rights = kinds(run, 'RolePolicyAttachment').filter(({ name }) => name.includes('-node-role-'));
    expect(rights.map(({ inputs }) => inputs.policyArn)).to.have.members([
      'arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy',
      'arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy',
      'arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly',
    ]);
    expect(run.get(pool).dependencies).to.include.members(rights.map(({ id }) => id));
    expect(run.get(pool).inputs.launchTemplate).to.deep.equal({
      id: 'mlflow-prod-template-id',
      version: '3',
    });
  });

  it('makes encrypted volumes by default, with a role that the driver alone can take', () => {
    expect(run.get('Addon/mlflow-prod-aws-ebs-csi-driver').inputs.podIdentityAssociations).to.deep.equal([
      {
        serviceAccount: 'ebs-csi-controller-sa',
        roleArn: 'arn:aws:iam::123456789012:role/mlflow-prod-disk-role-1a2b3c4',
      },
    ]);
    const trust = run.get('Role/mlflow-prod-disk-role').inputs.assumeRolePolicy as string;
    expect(trust).to.include('pods.eks.amazonaws.com').and.include('ebs-csi-controller-sa');
    const volumes = run.get('StorageClass/mlflow-prod-gp3');
    expect(volumes.inputs).to.deep.include({
      provisioner: 'ebs.csi.aws.com',
      parameters: { type: 'gp3', encrypted: 'true' },
      volumeBindingMode: 'WaitForFirstConsumer',
    });
    expect((volumes.inputs.metadata as JsonObject).annotations).to.deep.equal({
      'storageclass.kubernetes.io/is-default-class': 'true',
    });
    expect(volumes.dependencies).to.include('Addon/mlflow-prod-aws-ebs-csi-driver');
  });

  it('says how to reach it, without a key', () => {
    const { kubeconfig, clusterName } = run.outputs as { kubeconfig: string; clusterName: string };
    expect(clusterName).to.equal('mlflow-prod');
    const { users, clusters } = parse(kubeconfig) as {
      users: { user: { exec: { command: string; args: string[] } } }[];
      clusters: { cluster: { server: string } }[];
    };
    expect(users[0]?.user).to.have.all.keys('exec');
    expect(users[0]?.user.exec.args).to.include.members(['get-token', 'mlflow-prod', 'eu-west-1']);
    expect(clusters[0]?.cluster.server).to.include('.eks.amazonaws.com');
  });

  it('is found by a stack that names it', async () => {
    const { outputs } = run;
    const settings = { clusterStack: 'organization/mlflow-cluster-eks/prod' };
    let found: unknown;
    await runStack(
      async () => void (found = await clusterAccess(settings as Parameters<typeof clusterAccess>[0])),
      { states: { 'pulumi:pulumi:StackReference': { outputs } } },
    );
    expect(found).to.deep.equal({ kubeconfig: outputs.kubeconfig, context: 'mlflow-prod' });
  });

  it('marks all that it makes', async () => {
    const { defaultTags } = (await eks({ tags: { team: 'ml' } })).get('aws/aws').inputs;
    expect(JSON.parse(defaultTags as string)).to.deep.equal({
      tags: { team: 'ml', project: 'mlflow-stack', stack: 'prod', 'managed-by': 'pulumi' },
    });
    const own = run.resources.filter(({ type }) => type.startsWith('aws:'));
    expect(own.map(({ provider }) => provider)).to.deep.equal(own.map(() => 'aws/aws'));
  });

  it('follows its settings', async () => {
    const changed = await eks({
      privateEndpoint: 'true',
      publicAccessCidrs: ['198.51.100.0/24'],
      instanceType: 'm7i.xlarge',
      kubernetesVersion: '1.34',
      deletionProtection: 'false',
      logRetentionDays: '30',
    });
    const { vpcConfig, ...rest } = changed.get(cluster).inputs;
    expect(vpcConfig).to.include({ endpointPrivateAccess: true, endpointPublicAccess: false });
    expect(vpcConfig).not.to.have.property('publicAccessCidrs');
    expect(rest).to.include({ version: '1.34', deletionProtection: false });
    expect(changed.get(pool).inputs.instanceTypes).to.deep.equal(['m7i.xlarge']);
    expect(changed.get('LogGroup/mlflow-prod-logs').inputs.retentionInDays).to.equal(30);
    const limited = await eks({ publicAccessCidrs: ['198.51.100.0/24'] });
    expect(limited.get(cluster).inputs.vpcConfig).to.deep.include({
      endpointPublicAccess: true,
      publicAccessCidrs: ['198.51.100.0/24'],
    });
  });

  it('is previewed with the same resources while nothing is known', async () => {
    const preview = await eks({}, true);
    expect(preview.resources.map(({ id }) => id).sort()).to.deep.equal(
      run.resources.map(({ id }) => id).sort(),
    );
    expect(isUnknown(preview.outputs.kubeconfig)).to.equal(true);
  });

  it('refuses to guess a region', async () => {
    const failure = await eks({ region: undefined }).catch((error: unknown) => error as Error);
    expect((failure as Error).message).to.include('region');
  });
});
