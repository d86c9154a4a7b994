import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { cloudAnswers } from '../support/clouds.ts';
import { updateOf } from '../support/program.ts';

type Answer = NonNullable<(typeof cloudAnswers)[string]>;

/** What the program says when AWS answers like this. */
async function refusal(
  answers: Readonly<Record<string, Answer>>,
  changes: Record<string, object> = {},
): Promise<string[]> {
  const before = { ...cloudAnswers };
  Object.assign(cloudAnswers, answers);
  try {
    await updateOf('prod-aws', changes);
  } catch (error) {
    expect(pulumi.RunError.isInstance(error), (error as Error).stack).to.equal(true);
    const [title, ...sentences] = (error as Error).message.split('\n').map((line) => line.trim());
    expect(title).to.equal('AWS is not ready for this stack:');
    return sentences;
  } finally {
    for (const token of Object.keys(answers)) Reflect.deleteProperty(cloudAnswers, token);
    Object.assign(cloudAnswers, before);
  }
  throw new Error('the program accepted it');
}

const failing =
  (message: string): Answer =>
  () => {
    throw new Error(message);
  };
const subnets = (answer: (last: string) => object): Record<string, Answer> => ({
  'aws:ec2/getSubnet:getSubnet': ({ id }) => ({
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZone: 'eu-west-1a',
    mapPublicIpOnLaunch: false,
    ...answer(String(id).slice(-1)),
  }),
});
const zones = (last: string) => ({ availabilityZone: `eu-west-1${last === '0' ? 'a' : 'b'}` });

describe('an account that is not ready for the stack', function () {
  this.timeout('1m');

  it('does not say who asks', async () => {
    const answers = { 'aws:index/getCallerIdentity:getCallerIdentity': failing('ExpiredToken') };
    const [sentence, ...more] = await refusal(answers);
    expect(sentence).to.match(/mlflow-stack:aws\.accountId\): .*; log in/);
    expect(more).to.deep.equal([]);
  });

  it('has another cluster, lacks a subnet and does not trust the cluster, which is told together', async () => {
    const sentences = await refusal({
      'aws:ec2/getSubnet:getSubnet': failing('InvalidSubnetID.NotFound'),
      'aws:iam/getOpenIdConnectProvider:getOpenIdConnectProvider': failing('NoSuchEntity'),
    });
    expect(sentences).to.have.lengthOf(3);
    expect(sentences[0]).to.match(/^subnet-0123456789abcdef0, which mlflow-stack:aws\.subnetIds names/);
    expect(sentences[1]).to.match(/^subnet-0123456789abcdef1, /);
    expect(sentences[2]).to.match(
      /^IAM has no OIDC provider arn:aws:iam::123456789012:oidc-provider\/oidc\.eks/,
    );
    const [cluster] = await refusal({
      'aws:eks/getCluster:getCluster': failing('ResourceNotFoundException'),
    });
    expect(cluster).to.match(/^the EKS cluster "mlflow-prod", which mlflow-stack:aws\.clusterName names/);
  });

  for (const [what, answer, sentence] of [
    ['in one zone', () => ({}), /^mlflow-stack:aws\.subnetIds are all in zone eu-west-1a/],
    [
      'in several networks',
      (last: string) => ({ ...zones(last), vpcId: `vpc-${last}` }),
      /^mlflow-stack:aws\.subnetIds are in the networks vpc-0, vpc-1; /,
    ],
    [
      'not in the network of the cluster',
      (last: string) => ({ ...zones(last), vpcId: 'vpc-other' }),
      /^mlflow-stack:aws\.subnetIds are in vpc-other, but the cluster is in vpc-0123456789abcdef0; /,
    ],
    [
      'public',
      (last: string) => ({ ...zones(last), mapPublicIpOnLaunch: last === '1' }),
      /^mlflow-stack:aws\.subnetIds has subnet-0123456789abcdef1, which gives out public addresses; /,
    ],
  ] as const) {
    it(`has subnets for the database that are ${what}`, async () => {
      const sentences = await refusal(subnets(answer));
      expect(sentences).to.have.lengthOf(1);
      expect(sentences[0]).to.match(sentence);
    });
  }

  it('has subnets for the load balancer in one zone, and outside the network of the cluster', async () => {
    const sentences = await refusal(
      subnets((last) => (last > '1' ? { vpcId: 'vpc-other' } : zones(last))),
      { aws: { entrySubnetIds: ['subnet-0123456789abcdef2', 'subnet-0123456789abcdef3'] } },
    );
    expect(sentences).to.have.lengthOf(2);
    expect(sentences[0]).to.match(/^mlflow-stack:aws\.entrySubnetIds has several subnets of one zone/);
    expect(sentences[1]).to.match(
      /subnet-0123456789abcdef2, subnet-0123456789abcdef3, outside the cluster's network/,
    );
  });
});
