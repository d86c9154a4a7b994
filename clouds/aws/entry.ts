// The way in: certificates of ACM, log-ins of the load balancer, records in Route 53.
import * as pulumi from '@pulumi/pulumi';
import type { EntryParts, StoreArgs } from '../cloud.ts';
import type { AwsContext } from './context.ts';

const prefix = 'alb.ingress.kubernetes.io';

export function entry(
  { settings }: AwsContext,
  _name: string,
  _args: StoreArgs,
  _opts: pulumi.ComponentResourceOptions,
): EntryParts {
  const { acmArn } = settings.ingress.certificate ?? {};
  return {
    annotations: { ...(acmArn !== undefined && { [`${prefix}/certificate-arn`]: acmArn }) },
    serviceAnnotations: {},
  };
}
