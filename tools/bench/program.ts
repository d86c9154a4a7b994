// node program.ts CONTEXT [STACK]: runs the program once against mocks, as `pulumi preview` runs it against the engine, and
// prints what that took.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as pulumi from '@pulumi/pulumi';
import { parse } from 'yaml';

// As Pulumi's own runner does first.
createRequire(import.meta.resolve('@pulumi/pulumi'))('source-map-support/register');

type Asked = Readonly<Record<string, unknown>>;

/** What clouds say of what is there already. */
const answers: Readonly<Record<string, (asked: Asked) => object>> = {
  'aws:index/getCallerIdentity:getCallerIdentity': () => ({
    accountId: '123456789012',
    arn: 'arn:aws:iam::123456789012:user/deployer',
  }),
  'aws:eks/getCluster:getCluster': () => ({
    arn: 'arn:aws:eks:eu-west-1:123456789012:cluster/mlflow-prod',
    identities: [{ oidcs: [{ issuer: 'https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE' }] }],
    vpcConfig: { vpcId: 'vpc-0123456789abcdef0', clusterSecurityGroupId: 'sg-0123456789abcdef0' },
  }),
  'aws:ec2/getSubnet:getSubnet': ({ id }) => ({
    vpcId: 'vpc-0123456789abcdef0',
    availabilityZone: `zone of ${String(id)}`,
    mapPublicIpOnLaunch: false,
  }),
};

const [context, stack = 'local'] = process.argv.slice(2);
await pulumi.runtime.setMocks(
  {
    newResource: ({ name, inputs }) => ({ id: name, state: inputs as Record<string, unknown> }),
    call: ({ token, inputs }) => ({ ...answers[token]?.(inputs as Asked) }),
  },
  'mlflow-stack',
  stack,
  true,
);
const file = join(import.meta.dirname, `../../Pulumi.${stack}.yaml`);
const { config } = parse(readFileSync(file, 'utf8')) as { config: Record<string, unknown> };
const settings = { ...config, 'mlflow-stack:kubernetes': { context } };
pulumi.runtime.setAllConfig(
  Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  ),
);
await pulumi.runtime.runInPulumiStack(async () => (await import('../../index.ts')).default);
console.log(
  JSON.stringify({ seconds: performance.now() / 1000, megabytes: process.resourceUsage().maxRSS / 1000 }),
);
