// Answers for the providers of a stack that is only rendered. Of Kubernetes objects all is known but what a Job leaves; of what
// a cloud makes, no more than was asked for.
import { randomBytes } from 'node:crypto';
import type { runtime } from '@pulumi/pulumi';
import type { Settings } from '../../config.ts';

export interface StandIns {
  readonly settings: Settings;
  /** Of the cluster that the stack finds. */
  readonly kubeconfig: string;
}

/** Stands for what a cloud would be asked for. */
export const foundInCloud = '(found in the cloud)';

type Inputs = Readonly<Record<string, unknown>>;

export const standIns = ({ settings, kubeconfig }: StandIns): runtime.Mocks => ({
  newResource: ({ type, name, inputs }) => {
    const given = inputs as Inputs;
    if (type.startsWith('kubernetes:')) return kubernetesObject(type, name, given);
    if (type === 'pulumi:pulumi:StackReference')
      return { id: name, state: { ...given, outputs: { kubeconfig } } };
    return { id: '', state: { ...given, ...generated[type]?.(given) } };
  },
  call: ({ token, inputs }) => ({
    ...(inputs as Inputs),
    ...lookUps[token]?.(inputs as Inputs, settings),
  }),
});

/** An object without a name of its own has that of its resource. What waits for a Job waits for an update. */
function kubernetesObject(type: string, name: string, given: Inputs): runtime.MockResourceResult {
  const metadata = { name, ...(given.metadata as object | undefined) };
  const id = type === 'kubernetes:batch/v1:Job' ? '' : metadata.name;
  return { id, state: { ...given, metadata } };
}

const text = (length: unknown): string =>
  randomBytes(Number(length)).toString('hex').slice(0, Number(length));

const generated: Partial<Record<string, (given: Inputs) => object>> = {
  'random:index/randomPassword:RandomPassword': ({ length }) => ({ result: text(length) }),
  'random:index/randomBytes:RandomBytes': ({ length }) => ({
    base64: randomBytes(Number(length)).toString('base64'),
  }),
};

const lookUps: Partial<Record<string, (asked: Inputs, settings: Settings) => object>> = {
  'aws:index/getCallerIdentity:getCallerIdentity': (_asked, { aws }) => {
    const accountId = aws?.accountId ?? foundInCloud;
    return { accountId, arn: `arn:${partitionOf(aws?.region)}:iam::${accountId}:root` };
  },
  'aws:eks/getCluster:getCluster': () => ({
    arn: foundInCloud,
    identities: [{ oidcs: [{ issuer: foundInCloud }] }],
    vpcConfig: { vpcId: foundInCloud, clusterSecurityGroupId: foundInCloud },
  }),
  // Each in a zone of its own.
  'aws:ec2/getSubnet:getSubnet': ({ id }) => ({
    vpcId: foundInCloud,
    availabilityZone: id,
    mapPublicIpOnLaunch: false,
  }),
  'aws:lb/getHostedZoneId:getHostedZoneId': () => ({ id: foundInCloud }),
  'aws:rds/getInstance:getInstance': () => ({
    address: foundInCloud,
    masterUsername: foundInCloud,
    resourceId: foundInCloud,
  }),
  'gcp:sql/getDatabaseInstance:getDatabaseInstance': () => ({
    privateIpAddress: foundInCloud,
    dnsName: foundInCloud,
    serverCaCerts: [{ cert: foundInCloud }],
  }),
  'gcp:storage/getProjectServiceAccount:getProjectServiceAccount': () => ({ emailAddress: foundInCloud }),
};

function partitionOf(region = ''): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
