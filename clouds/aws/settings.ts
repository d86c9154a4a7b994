// What a stack file can say of AWS.
import * as v from 'valibot';
import { cidr, section, text, texts } from '../../lib/schema.ts';

const ids = (what: string, pattern: RegExp, example: string) =>
  v.optional(v.array(text(`${what} such as ${example}`, pattern), `a list, each item ${what}`), []);

/** Needed by `cloud: aws`, and by no other. */
export const aws = v.optional(
  section({
    /** Region of everything. */
    region: text('a region such as eu-west-1', /^[a-z]{2}(-[a-z]+)+-\d$/),
    /** Account that everything must be in; another one is refused. */
    accountId: v.optional(text('the 12 digits of an account', /^\d{12}$/)),
    /** EKS cluster that the stack deploys to. */
    clusterName: v.optional(
      text(
        'the name of an EKS cluster: letters, digits, hyphens and underscores',
        /^[a-zA-Z0-9][-\w]{0,99}$/,
      ),
    ),
    /** OIDC provider in IAM that stands for the cluster. Default: the one of the cluster's issuer. */
    oidcProviderArn: v.optional(
      text(
        'the ARN of an OIDC provider such as arn:aws:iam::123456789012:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE',
        /^arn:aws[a-z-]*:iam::\d{12}:oidc-provider\/[^/\s]+(\/\S+)?$/,
        512,
      ),
    ),
    /** Private subnets of the database, in at least two zones of the cluster's network. */
    subnetIds: ids('the id of a subnet', /^subnet-[0-9a-f]{8,17}$/, 'subnet-0123456789abcdef0'),
    /** Public subnets of the load balancer that `server.service.staticIp` gives an address in each, one per zone. */
    entrySubnetIds: ids('the id of a subnet', /^subnet-[0-9a-f]{8,17}$/, 'subnet-0123456789abcdef0'),
    /** Security groups whose members reach the database. Default: that of the cluster. */
    databaseClientGroups: ids('the id of a security group', /^sg-[0-9a-f]{8,17}$/, 'sg-0123456789abcdef0'),
    /** Ranges of addresses that reach the database, where no security group stands for the pods. */
    databaseClientCidrs: v.optional(v.array(cidr(), 'a list of ranges of addresses'), []),
    /** Upper bound of the rights of every role that the stack makes. */
    permissionsBoundaryArn: v.optional(
      text(
        'the ARN of a policy such as arn:aws:iam::123456789012:policy/boundary',
        /^arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/\S+$/,
        512,
      ),
    ),
    /** Tags of everything, beside the stack's own. */
    tags: texts(),
  }),
);
