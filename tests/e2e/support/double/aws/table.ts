// The pretended AWS: what the stack uses of it, by moto. For tests.
import * as sts from '@aws-sdk/client-sts';
import type { CloudTable, Context } from '../provider.ts';
import type { Props } from '../store.ts';
import { clientOf, parsed, regionOf, saying } from './clients.ts';
import * as cluster from './cluster.ts';
import * as entry from './entry.ts';
import * as iam from './iam.ts';
import * as logs from './logs.ts';
import * as network from './network.ts';
import * as rds from './rds.ts';
import * as s3 from './s3.ts';
import * as secrets from './secrets.ts';

const identityClient = clientOf((settings) => new sts.STSClient(settings));

async function getCallerIdentity(_: Props, context: Context): Promise<Props> {
  const asked = identityClient(context).send(new sts.GetCallerIdentityCommand({}));
  const { Account, Arn, UserId } = await saying(
    'reading STS Caller Identity',
    'STS: GetCallerIdentity',
    asked,
  );
  return { accountId: Account, arn: Arn, id: Account, userId: UserId };
}

export const table: CloudTable = {
  kinds: {
    'aws:acm/certificate:Certificate': entry.certificate,
    'aws:acm/certificateValidation:CertificateValidation': entry.certificateValidation,
    'aws:cloudtrail/trail:Trail': logs.trail,
    'aws:cloudwatch/logGroup:LogGroup': logs.logGroup,
    'aws:ec2/eip:Eip': network.elasticIp,
    'aws:ec2/securityGroup:SecurityGroup': network.securityGroup,
    'aws:eks/podIdentityAssociation:PodIdentityAssociation': cluster.podIdentityAssociation,
    'aws:iam/openIdConnectProvider:OpenIdConnectProvider': iam.openIdConnectProvider,
    'aws:iam/policy:Policy': iam.policy,
    'aws:iam/role:Role': iam.role,
    'aws:iam/rolePolicy:RolePolicy': iam.rolePolicy,
    'aws:iam/rolePolicyAttachment:RolePolicyAttachment': iam.rolePolicyAttachment,
    'aws:rds/instance:Instance': rds.instance,
    'aws:rds/parameterGroup:ParameterGroup': rds.parameterGroup,
    'aws:rds/subnetGroup:SubnetGroup': rds.subnetGroup,
    'aws:route53/record:Record': entry.record,
    'aws:s3/bucket:Bucket': s3.bucket,
    'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration': s3.bucketLifecycle,
    'aws:s3/bucketLogging:BucketLogging': s3.bucketLogging,
    'aws:s3/bucketOwnershipControls:BucketOwnershipControls': s3.bucketOwnershipControls,
    'aws:s3/bucketPolicy:BucketPolicy': s3.bucketPolicy,
    'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': s3.bucketPublicAccessBlock,
    'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration':
      s3.bucketEncryption,
    'aws:s3/bucketVersioning:BucketVersioning': s3.bucketVersioning,
    'aws:secretsmanager/secret:Secret': secrets.secret,
    'aws:secretsmanager/secretVersion:SecretVersion': secrets.secretVersion,
  },
  functions: {
    'aws:ec2/getSubnet:getSubnet': network.getSubnet,
    'aws:eks/getCluster:getCluster': cluster.getCluster,
    'aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider': iam.getOpenIdConnectProvider,
    'aws:index/getCallerIdentity:getCallerIdentity': getCallerIdentity,
    'aws:index/getPartition:getPartition': async () => ({
      dnsSuffix: 'amazonaws.com',
      id: 'aws',
      partition: 'aws',
      reverseDnsPrefix: 'com.amazonaws',
    }),
    'aws:index/getRegion:getRegion': async (_, { config }) => ({
      id: regionOf(config),
      region: regionOf(config),
    }),
    'aws:lb/getHostedZoneId:getHostedZoneId': entry.getHostedZoneId,
    'aws:rds/getInstance:getInstance': rds.getInstance,
    'aws:secretsmanager/getSecretVersion:getSecretVersion': secrets.getSecretVersion,
  },
  configure: async (config, context) => {
    const allowed = parsed(config.allowedAccountIds);
    if (!Array.isArray(allowed)) return;
    const { accountId } = await getCallerIdentity({}, context);
    if (!allowed.includes(accountId)) throw new Error(`AWS account ID not allowed: ${accountId as string}`);
  },
};
