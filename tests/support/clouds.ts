// What clouds answer under test: to whom asks, and as outputs of what they make.
import type { JsonObject } from './mocks.ts';

const accountId = '123456789012';
const issuer = 'oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';

/** Authority of a Cloud SQL instance. */
export const databaseCa = '-----BEGIN CERTIFICATE-----\nof-the-instance\n-----END CERTIFICATE-----';

/** Answers to invokes, by token, beside what was asked with. */
export const cloudAnswers: Partial<Record<string, (asked: Readonly<Record<string, unknown>>) => object>> = {
  'aws:index/getCallerIdentity:getCallerIdentity': () => ({
    accountId,
    arn: `arn:aws:iam::${accountId}:user/deployer`,
  }),
  'aws:eks/getCluster:getCluster': () => ({
    arn: `arn:aws:eks:eu-west-1:${accountId}:cluster/mlflow-prod`,
    identities: [{ oidcs: [{ issuer: `https://${issuer}` }] }],
    vpcConfig: { vpcId: 'vpc-0123456789abcdef0', clusterSecurityGroupId: 'sg-0123456789abcdef0' },
  }),
  'aws:index/getAvailabilityZones:getAvailabilityZones': () => ({
    names: ['a', 'b', 'c'].map((zone) => `eu-west-1${zone}`),
  }),
  'aws:index/getPartition:getPartition': () => ({ partition: 'aws' }),
  // Each in a zone of its own, by the last digit of its id.
  'aws:ec2/getSubnet:getSubnet': ({ id }) => ({
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZone: `eu-west-1${'abcdef'[parseInt(String(id).slice(-1), 16) % 6] ?? ''}`,
    mapPublicIpOnLaunch: false,
  }),
  'gcp:sql/getDatabaseInstance:getDatabaseInstance': () => ({
    privateIpAddress: '10.9.8.7',
    dnsName: '',
    serverCaCerts: [{ cert: databaseCa }],
  }),
  'gcp:storage/getProjectServiceAccount:getProjectServiceAccount': () => ({
    emailAddress: 'service-1234567890@gs-project-accounts.iam.gserviceaccount.com',
  }),
  'gcp:secretmanager/getSecretVersion:getSecretVersion': ({ secret }) => ({
    secretData: `kept ${secret as string}`,
  }),
  'aws:secretsmanager/getSecretVersion:getSecretVersion': ({ secretId }) => ({
    secretString: `kept ${secretId as string}`,
  }),
  'aws:lb/getHostedZoneId:getHostedZoneId': () => ({ id: 'ZALB' }),
  'aws:rds/getInstance:getInstance': () => ({
    address: 'old.eu-west-1.rds.amazonaws.com',
    masterUsername: 'owner',
    resourceId: 'db-OLD',
  }),
};

type Outputs = (name: string, given: JsonObject) => object;

/** Outputs that resources have beside their inputs, by type. */
export const cloudOutputs: Partial<Record<string, Outputs>> = {
  'random:index/randomId:RandomId': (_name, { byteLength }) => ({ hex: '0f'.repeat(Number(byteLength)) }),
  'gcp:serviceaccount/account:Account': (_name, { accountId }) => ({
    email: `${accountId as string}@my-team-dev.iam.gserviceaccount.com`,
  }),
  'gcp:sql/databaseInstance:DatabaseInstance': (_name, { name, region }) => ({
    connectionName: `my-team-dev:${region as string}:${name as string}`,
    privateIpAddress: '10.1.2.3',
    dnsName: '',
    dnsNames: [
      {
        connectionType: 'PRIVATE_SERVICES_ACCESS',
        dnsScope: 'INSTANCE',
        name: 'abc.def.europe-west1.sql.goog.',
      },
    ],
    serverCaCerts: [{ cert: databaseCa }],
  }),
  'gcp:compute/globalAddress:GlobalAddress': (name, given) => ({
    name: `${name}-1a2b3c4`,
    address: '203.0.113.7',
    ...given,
  }),
  'gcp:compute/securityPolicy:SecurityPolicy': (name) => ({ name: `${name}-1a2b3c4` }),
  'gcp:compute/address:Address': (name) => ({ name: `${name}-1a2b3c4`, address: '10.0.0.7' }),
  'aws:s3/bucket:Bucket': (_name, { bucket }) => ({ arn: `arn:aws:s3:::${bucket as string}` }),
  'aws:iam/role:Role': (name) => ({
    name: `${name}-1a2b3c4`,
    arn: `arn:aws:iam::${accountId}:role/${name}-1a2b3c4`,
  }),
  'aws:eks/cluster:Cluster': (_name, { name }) => ({
    arn: `arn:aws:eks:eu-west-1:${accountId}:cluster/${name as string}`,
    endpoint: 'https://0123456789ABCDEF.gr7.eu-west-1.eks.amazonaws.com',
    certificateAuthority: { data: 'Y2EK' },
    identities: [{ oidcs: [{ issuer: `https://${issuer}` }] }],
  }),
  'aws:iam/openIdConnectProvider:OpenIdConnectProvider': () => ({
    arn: `arn:aws:iam::${accountId}:oidc-provider/${issuer}`,
  }),
  'aws:kms/key:Key': (name) => ({ arn: `arn:aws:kms:eu-west-1:${accountId}:key/${name}` }),
  'aws:ec2/launchTemplate:LaunchTemplate': () => ({ latestVersion: 3 }),
  'aws:rds/instance:Instance': (_name, { identifier }) => ({
    address: `${identifier as string}.eu-west-1.rds.amazonaws.com`,
    resourceId: 'db-RESOURCE',
    arn: `arn:aws:rds:eu-west-1:${accountId}:db:${identifier as string}`,
  }),
  'aws:ec2/eip:Eip': (name) => ({
    allocationId: `eipalloc-${name.slice(-1)}`,
    publicIp: `203.0.113.${name.slice(-1)}`,
  }),
  'aws:eks/podIdentityAssociation:PodIdentityAssociation': (name) => ({ associationId: `a-${name}` }),
  'aws:acm/certificate:Certificate': (_name, given) => ({
    arn: `arn:aws:acm:eu-west-1:${accountId}:certificate/made`,
    domainValidationOptions: [given.domainName, ...(given.subjectAlternativeNames as string[])].map(
      (host) => ({
        domainName: host,
        resourceRecordName: `_proof.${host as string}.`,
        resourceRecordType: 'CNAME',
        resourceRecordValue: '_value.acm-validations.aws.',
      }),
    ),
  }),
  'aws:route53/record:Record': (_name, given) => ({ fqdn: given.name }),
  'aws:rds/subnetGroup:SubnetGroup': (name) => ({ name }),
  'aws:rds/parameterGroup:ParameterGroup': (name) => ({ name }),
  'gcp:projects/serviceIdentity:ServiceIdentity': () => ({
    member: 'serviceAccount:service-1@gcp-sa-secretmanager.iam.gserviceaccount.com',
  }),
  'aws:secretsmanager/secret:Secret': (name) => ({
    arn: `arn:aws:secretsmanager:eu-west-1:${accountId}:secret:${name}`,
  }),
};
