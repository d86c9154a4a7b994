import { expect } from 'chai';
import { parse } from 'yaml';
import { type Run, type RunOptions, isUnknown, runStack } from '../support/mocks.ts';

const project = 'my-team-dev';
const certificate = Buffer.from('of the cluster').toString('base64');
/** What Google says of what it has made. */
const states = {
  'gcp:compute/network:Network': { name: 'mlflow-dev-network-1a2b3c4' },
  'gcp:container/cluster:Cluster': {
    name: 'mlflow-dev-cluster-1a2b3c4',
    endpoint: '10.10.0.2',
    masterAuth: { clusterCaCertificate: certificate },
  },
};

let runs = 0;
const runOf = (config: object = {}, options: RunOptions = {}): Promise<Run> =>
  // A new address makes Node run the module once more.
  runStack(() => import(`../../clusters/gke/index.ts?run=${++runs}`), {
    stack: 'dev',
    settings: Object.fromEntries(
      Object.entries({ project, region: 'europe-west1', ...config }).map(([key, value]) => [
        `mlflow-stack:${key}`,
        value as unknown,
      ]),
    ),
    ...options,
  });

describe('a cluster of GKE', function () {
  // The first run loads the SDK.
  this.timeout('1m');
  let up: Run;
  let preview: Run;
  before(async () => {
    up = await runOf({}, { states });
    preview = await runOf({}, { preview: true });
  });

  const cluster = (run = up) => run.get('Cluster/mlflow-dev-cluster').inputs;
  const nodes = (run = up) =>
    run.get('NodePool/mlflow-dev-pool').inputs.nodeConfig as Record<string, unknown>;

  it('has a network of its own, in which pods and services have ranges apart', () => {
    expect(up.get('Network/mlflow-dev-network').inputs.autoCreateSubnetworks).to.equal(false);
    const { ipCidrRange, secondaryIpRanges, privateIpGoogleAccess } = up.get(
      'Subnetwork/mlflow-dev-subnetwork',
    ).inputs;
    expect(privateIpGoogleAccess).to.equal(true);
    expect([
      ipCidrRange,
      ...(secondaryIpRanges as { ipCidrRange: string }[]).map((range) => range.ipCidrRange),
    ]).to.deep.equal(['10.10.0.0/20', '10.20.0.0/16', '10.30.0.0/20']);
    expect((secondaryIpRanges as { rangeName: string }[]).map(({ rangeName }) => rangeName)).to.deep.equal(
      Object.values(cluster().ipAllocationPolicy as object),
    );
  });

  it('has nodes without public addresses, which get images through a gateway', () => {
    expect(cluster().privateClusterConfig).to.deep.equal({ enablePrivateNodes: true });
    expect(up.get('RouterNat/mlflow-dev-nat').inputs).to.include({
      natIpAllocateOption: 'AUTO_ONLY',
      sourceSubnetworkIpRangesToNat: 'ALL_SUBNETWORKS_ALL_IP_RANGES',
    });
    expect(up.get('NodePool/mlflow-dev-pool').dependencies).to.include('RouterNat/mlflow-dev-nat');
  });

  it('knows pods by Workload Identity, and shows them nothing of the node', () => {
    expect(cluster().workloadIdentityConfig).to.deep.equal({ workloadPool: `${project}.svc.id.goog` });
    expect(nodes().workloadMetadataConfig).to.deep.equal({ mode: 'GKE_METADATA' });
  });

  it('enforces NetworkPolicies', () => {
    expect(cluster().datapathProvider).to.equal('ADVANCED_DATAPATH');
  });

  it('gives nodes an account of their own with the least role that they need', () => {
    const email = `mlflow-dev-nodes@${project}.iam.gserviceaccount.com`;
    expect(nodes().serviceAccount).to.equal(email);
    const members = up.resources.filter(({ type }) => type.endsWith('IAMMember'));
    expect(members.map(({ inputs: { role, member } }) => [role, member])).to.deep.equal([
      ['roles/container.defaultNodeServiceAccount', `serviceAccount:${email}`],
    ]);
    expect(nodes().shieldedInstanceConfig).to.deep.equal({
      enableSecureBoot: true,
      enableIntegrityMonitoring: true,
    });
  });

  it('is protected from deletion unless told otherwise', async () => {
    expect(cluster().deletionProtection).to.equal(true);
    expect(cluster(await runOf({ deletionProtection: false }, { states })).deletionProtection).to.equal(
      false,
    );
  });

  it('labels what costs money, in letters that Google takes', async () => {
    const labels = { project: 'mlflow-stack', stack: 'dev', 'managed-by': 'pulumi' };
    expect(cluster().resourceLabels).to.deep.equal(labels);
    expect(nodes().resourceLabels).to.deep.equal(labels);
    const { resources } = await runOf({}, { states, stack: 'Team_A.of-the-long-name' });
    const account = resources.find(({ type }) => type.endsWith(':Account'));
    expect(account?.inputs.accountId).to.match(/^[a-z][-a-z0-9]{4,28}[a-z0-9]$/);
    for (const { name, type } of resources.filter((each) => each.type.startsWith('gcp:')))
      expect(name, type).to.match(/^[a-z][-a-z0-9]*$/);
  });

  it('makes all by one provider, for the project and region that are configured', () => {
    expect(up.get('gcp/gcp').inputs).to.deep.include({ project, region: 'europe-west1' });
    for (const { id, type, provider } of up.resources)
      if (type.startsWith('gcp:')) expect(provider, id).to.equal('gcp/gcp');
  });

  it('tells a stack how to reach it, with the log-in of whoever deploys', () => {
    const { kubeconfig, networkName } = up.outputs;
    expect(networkName).to.equal('mlflow-dev-network-1a2b3c4');
    const {
      clusters,
      users,
      contexts,
      'current-context': current,
    } = parse(kubeconfig as string) as {
      clusters: unknown[];
      users: { user: { exec: object } }[];
      contexts: { name: string }[];
      'current-context': string;
    };
    expect(clusters).to.deep.equal([
      {
        name: states['gcp:container/cluster:Cluster'].name,
        cluster: { server: 'https://10.10.0.2', 'certificate-authority-data': certificate },
      },
    ]);
    expect(contexts.map(({ name }) => name)).to.deep.equal([current]);
    expect(Object.keys(users[0]?.user ?? {})).to.deep.equal(['exec']);
    expect(users[0]?.user.exec).to.include({ command: 'gke-gcloud-auth-plugin', provideClusterInfo: true });
  });

  it('is previewed with the same resources, before anything of it is known', () => {
    expect(preview.resources.map(({ id }) => id)).to.have.members(up.resources.map(({ id }) => id));
    expect(isUnknown(preview.outputs.kubeconfig)).to.equal(true);
    expect(cluster(preview).deletionProtection).to.equal(true);
  });
});
