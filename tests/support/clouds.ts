// What clouds answer under test: to whom asks, and as outputs of what they make.
import type { JsonObject } from './mocks.ts';

const accountId = '123456789012';
const issuer = 'oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE';

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
  // Each in a zone of its own, by the last digit of its id.
  'aws:ec2/getSubnet:getSubnet': ({ id }) => ({
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZone: `eu-west-1${'abcdef'[parseInt(String(id).slice(-1), 16) % 6] ?? ''}`,
    mapPublicIpOnLaunch: false,
  }),
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
  'aws:s3/bucket:Bucket': (_name, { bucket }) => ({ arn: `arn:aws:s3:::${String(bucket)}` }),
  'aws:iam/role:Role': (name) => ({
    name: `${name}-1a2b3c4`,
    arn: `arn:aws:iam::${accountId}:role/${name}-1a2b3c4`,
  }),
  'aws:rds/instance:Instance': (_name, { identifier }) => ({
    address: `${String(identifier)}.eu-west-1.rds.amazonaws.com`,
    resourceId: 'db-RESOURCE',
    arn: `arn:aws:rds:eu-west-1:${accountId}:db:${String(identifier)}`,
  }),
  'aws:rds/subnetGroup:SubnetGroup': (name) => ({ name }),
  'aws:rds/parameterGroup:ParameterGroup': (name) => ({ name }),
  'aws:secretsmanager/secret:Secret': (name) => ({
    arn: `arn:aws:secretsmanager:eu-west-1:${accountId}:secret:${name}`,
  }),
};
