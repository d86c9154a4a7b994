// What the stack builds on in AWS: account, cluster, network. Looked up before anything is registered, in previews, too, and
// refused where it does not fit.
import * as pulumi from '@pulumi/pulumi';
import { getSubnet } from '@pulumi/aws/ec2/getSubnet.js';
import { getCluster } from '@pulumi/aws/eks/getCluster.js';
import { getCallerIdentity } from '@pulumi/aws/getCallerIdentity.js';
import { getOpenIdConnectProvider } from '@pulumi/aws/iam/getOpenIdConnectProvider.js';
import { Provider } from '@pulumi/aws/provider.js';
import type { Settings } from '../../config.ts';
import { ownTags } from '../../lib/labels.ts';
import { reasonOf } from '../reason.ts';
import { databaseAuthorities } from './certificates.ts';

type AwsSettings = NonNullable<Settings['aws']>;

export interface AwsContext extends Pick<AwsSettings, 'region'> {
  readonly settings: Settings;
  readonly aws: AwsSettings;
  readonly provider: Provider;
  readonly accountId: string;
  /** `aws`, or what ARNs of China and of the government's regions begin with. */
  readonly partition: string;
  readonly cluster: ClusterFacts | undefined;
  /** OIDC provider that stands for the cluster in IAM. */
  readonly oidcProviderArn: string | undefined;
  /** Network of the database's subnets. */
  readonly vpcId: string | undefined;
  /** Authorities of RDS in this region, in PEM. */
  readonly databaseCa: string | undefined;
}

interface ClusterFacts {
  readonly name: string;
  readonly arn: string;
  readonly vpcId: string;
  readonly securityGroupId: string;
  /** Host and path of the issuer of ServiceAccount tokens. */
  readonly issuer: string;
}

/**
 * @throws RunError with every mistake in one message.
 */
export async function lookUp(settings: Settings): Promise<AwsContext> {
  const { aws } = settings;
  if (aws === undefined) throw new Error('settings without a section aws');
  const provider = new Provider('aws', {
    region: aws.region,
    ...(aws.accountId !== undefined && { allowedAccountIds: [aws.accountId] }),
    defaultTags: {
      tags: {
        ...aws.tags,
        ...ownTags(),
      },
    },
  });
  const opts = { provider };
  const mistakes: string[] = [];
  const found = async <T>(asked: Promise<T>, mistake: (reason: string) => string): Promise<T | undefined> =>
    await asked.catch((error: unknown) => void mistakes.push(mistake(reasonOf(error))));

  const caller = await found(
    getCallerIdentity({}, opts),
    (reason) =>
      `AWS does not say who you are${aws.accountId === undefined ? '' : `, or you are not of account ${aws.accountId} (mlflow-stack:aws.accountId)`}: ${reason}; log in, such as by aws sso login`,
  );
  if (caller === undefined) throw refusal(mistakes);
  const { accountId } = caller;
  const partition = caller.arn.split(':')[1] ?? 'aws';
  const { clusterName } = aws;
  const subnetsOf = (setting: 'subnetIds' | 'entrySubnetIds') =>
    Promise.all(
      aws[setting].map((id) =>
        found(
          getSubnet({ id }, opts),
          (reason) =>
            `${id}, which mlflow-stack:aws.${setting} names, cannot be read in ${aws.region}: ${reason}; correct it`,
        ),
      ),
    );
  const [cluster, subnets, entrySubnets] = await Promise.all([
    clusterName === undefined
      ? undefined
      : found(
          clusterFacts(clusterName, opts),
          (reason) =>
            `the EKS cluster "${clusterName}", which mlflow-stack:aws.clusterName names, cannot be read in ${aws.region}: ${reason}; correct the name or the region`,
        ),
    subnetsOf('subnetIds'),
    subnetsOf('entrySubnetIds'),
  ]);
  const known = subnets.filter((each) => each !== undefined);
  if (known.length === aws.subnetIds.length) mistakes.push(...subnetMistakes(known, cluster));
  mistakes.push(
    ...entrySubnetMistakes(
      entrySubnets.filter((each) => each !== undefined),
      cluster,
    ),
  );
  const oidcProviderArn =
    aws.oidcProviderArn ?? (cluster && `arn:${partition}:iam::${accountId}:oidc-provider/${cluster.issuer}`);
  if (settings.identity.kind === 'workload' && oidcProviderArn !== undefined)
    await found(
      getOpenIdConnectProvider({ arn: oidcProviderArn }, opts),
      (reason) =>
        `IAM has no OIDC provider ${oidcProviderArn}, by which it would trust the cluster: ${reason}; make it (docs/aws.md#identities), or set mlflow-stack:identity.kind to podIdentity`,
    );
  const { kind, sslMode } = settings.backendStore;
  const verifies = kind === 'rds' && sslMode.startsWith('verify-');
  const databaseCa = verifies ? await databaseAuthorities(aws.region) : undefined;
  if (verifies && databaseCa === undefined)
    mistakes.push(
      `mlflow-stack:backendStore.sslMode is ${sslMode}, but the authority of RDS in ${aws.region} is not known; set it to require`,
    );
  if (mistakes.length > 0) throw refusal(mistakes);
  return {
    settings,
    aws,
    region: aws.region,
    provider,
    accountId,
    partition,
    cluster,
    oidcProviderArn,
    vpcId: known[0]?.vpcId,
    databaseCa,
  };
}

async function clusterFacts(name: string, opts: pulumi.InvokeOptions): Promise<ClusterFacts> {
  const { arn, vpcConfig, identities } = await getCluster({ name }, opts);
  const issuer = identities[0]?.oidcs[0]?.issuer ?? '';
  return {
    name,
    arn,
    vpcId: vpcConfig.vpcId,
    securityGroupId: vpcConfig.clusterSecurityGroupId,
    issuer: issuer.replace(/^https:\/\//, ''),
  };
}

interface Subnet {
  readonly id: string;
  readonly vpcId: string;
  readonly availabilityZone: string;
  readonly mapPublicIpOnLaunch: boolean;
}

function subnetMistakes(subnets: readonly Subnet[], cluster: ClusterFacts | undefined): string[] {
  const zones = new Set(subnets.map(({ availabilityZone }) => availabilityZone));
  const networks = new Set(subnets.map(({ vpcId }) => vpcId));
  const [vpcId] = networks;
  const isPublic = subnets.filter(({ mapPublicIpOnLaunch }) => mapPublicIpOnLaunch).map(({ id }) => id);
  const key = 'mlflow-stack:aws.subnetIds';
  return [
    ...(subnets.length > 1 && zones.size < 2
      ? [
          `${key} are all in zone ${[...zones].join()}, but a database needs at least two zones; add a subnet of another`,
        ]
      : []),
    ...(networks.size > 1
      ? [
          `${key} are in the networks ${[...networks].join(', ')}; name subnets of one network, that of the cluster`,
        ]
      : []),
    ...(networks.size === 1 && cluster !== undefined && cluster.vpcId !== vpcId
      ? [
          `${key} are in ${vpcId ?? ''}, but the cluster is in ${cluster.vpcId}; name private subnets of the cluster's network`,
        ]
      : []),
    ...(isPublic.length > 0
      ? [
          `${key} has ${isPublic.join(', ')}, which give${isPublic.length > 1 ? '' : 's'} out public addresses; name private subnets`,
        ]
      : []),
  ];
}

/** A load balancer has one subnet in a zone. */
function entrySubnetMistakes(subnets: readonly Subnet[], cluster: ClusterFacts | undefined): string[] {
  const zones = new Set(subnets.map(({ availabilityZone }) => availabilityZone));
  const elsewhere = subnets.filter(({ vpcId }) => cluster !== undefined && vpcId !== cluster.vpcId);
  const key = 'mlflow-stack:aws.entrySubnetIds';
  return [
    ...(zones.size < subnets.length
      ? [`${key} has several subnets of one zone, but a load balancer has one in each; keep one of each zone`]
      : []),
    ...(elsewhere.length > 0
      ? [
          `${key} has ${elsewhere.map(({ id }) => id).join(', ')}, outside the cluster's network ${cluster?.vpcId ?? ''}; name public subnets of that network`,
        ]
      : []),
  ];
}

const refusal = (mistakes: readonly string[]): Error =>
  new pulumi.RunError(
    ['AWS is not ready for this stack:', ...mistakes.map((mistake) => `  ${mistake}`)].join('\n'),
  );
