// A role for each workload that needs anything of AWS, which its ServiceAccount alone can take.
import * as pulumi from '@pulumi/pulumi';
import { PodIdentityAssociation } from '@pulumi/aws/eks/podIdentityAssociation.js';
import { Role } from '@pulumi/aws/iam/role.js';
import { RolePolicy } from '@pulumi/aws/iam/rolePolicy.js';
import type { BucketAccess, InstanceAccess, WorkloadIdentity } from '../../components/connections.ts';
import type { IdentitiesArgs } from '../cloud.ts';
import { workloadNeeds } from '../needs.ts';
import type { AwsContext } from './context.ts';
import {
  type Statement,
  bucketStatements,
  databaseStatement,
  irsaTrust,
  podIdentityTrust,
  policyDocument,
} from './policies.ts';

export function identities(
  context: AwsContext,
  name: string,
  args: IdentitiesArgs,
  opts: pulumi.ComponentResourceOptions,
): Record<string, WorkloadIdentity> {
  const { namespace } = args;
  return Object.fromEntries(
    workloadNeeds(args).map(({ component, ...needs }) => [
      component,
      identity(context, `${name}-${component}`, { namespace, ...needs }, opts),
    ]),
  );
}

export interface IdentityNeeds {
  readonly namespace: pulumi.Input<string>;
  readonly serviceAccount: string;
  readonly bucket?: BucketAccess | undefined;
  readonly instance?: InstanceAccess | undefined;
  /** Further rights. */
  readonly statements?: readonly Statement[];
}

export function identity(
  context: AwsContext,
  name: string,
  { namespace, serviceAccount, bucket, instance, statements = [] }: IdentityNeeds,
  opts: pulumi.ComponentResourceOptions,
): WorkloadIdentity {
  const { settings, aws, cluster, oidcProviderArn = '', partition } = context;
  const byAgent = settings.identity.kind === 'podIdentity';
  const role = new Role(
    `${name}-role`,
    {
      description: `${serviceAccount} of ${pulumi.getProject()}, stack ${pulumi.getStack()}`,
      assumeRolePolicy: pulumi
        .output(namespace)
        .apply((home) =>
          byAgent
            ? podIdentityTrust(cluster?.arn ?? '', home, serviceAccount)
            : irsaTrust(oidcProviderArn, home, serviceAccount),
        ),
      permissionsBoundary: aws.permissionsBoundaryArn,
    },
    opts,
  );
  const bucketArn = (bucketName: string) => `arn:${partition}:s3:::${bucketName}`;
  new RolePolicy(
    `${name}-policy`,
    {
      role: role.name,
      policy: pulumi
        .all([bucket?.name, bucket?.keyId, instance?.logIn])
        .apply(([bucketName, keyArn, logIn]) =>
          policyDocument(
            ...(bucket === undefined || bucketName === undefined
              ? []
              : bucketStatements({
                  bucketArn: bucketArn(bucketName),
                  keyArn,
                  readArns: bucket.readBuckets.map(bucketArn),
                })),
            ...(logIn === undefined ? [] : [databaseStatement(logIn)]),
            ...statements,
          ),
        ),
    },
    opts,
  );
  const association = byAgent
    ? new PodIdentityAssociation(
        `${name}-association`,
        { clusterName: cluster?.name ?? '', namespace, serviceAccount, roleArn: role.arn },
        opts,
      ).associationId
    : undefined;
  return {
    // Pods that start before their association are never told of it; they wait for what their ServiceAccount waits for.
    annotations:
      association === undefined
        ? { 'eks.amazonaws.com/role-arn': role.arn }
        : { 'mlflow-stack/pod-identity': association },
    podLabels: {},
    principal: role.arn,
  };
}
