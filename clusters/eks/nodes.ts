// Machines of the cluster, and what each of them and the cluster itself may do.
import * as pulumi from '@pulumi/pulumi';
import { LaunchTemplate } from '@pulumi/aws/ec2/launchTemplate.js';
import type { Cluster } from '@pulumi/aws/eks/cluster.js';
import { NodeGroup } from '@pulumi/aws/eks/nodeGroup.js';
import { Role } from '@pulumi/aws/iam/role.js';
import { RolePolicyAttachment } from '@pulumi/aws/iam/rolePolicyAttachment.js';

export interface GrantedRole {
  readonly arn: pulumi.Output<string>;
  readonly rights: pulumi.Resource[];
}

/** A role with policies of AWS's own, each by the end of its ARN. */
export function roleWith(
  name: string,
  assumeRolePolicy: pulumi.Input<string>,
  policyArns: readonly string[],
  opts: pulumi.CustomResourceOptions,
): GrantedRole {
  const role = new Role(name, { assumeRolePolicy }, opts);
  const rights = policyArns.map(
    (policyArn) =>
      new RolePolicyAttachment(
        `${name}-${policyArn.split('/').at(-1) ?? ''}`,
        { role: role.name, policyArn },
        opts,
      ),
  );
  return { arn: role.arn, rights };
}

export interface NodesArgs {
  readonly cluster: Cluster;
  readonly role: GrantedRole;
  readonly subnetIds: pulumi.Input<string>[];
  readonly instanceType: string;
  /** What a node cannot start without. */
  readonly after: pulumi.Resource[];
}

export function nodes(
  name: string,
  { cluster, role, subnetIds, instanceType, after }: NodesArgs,
  opts: pulumi.CustomResourceOptions,
): NodeGroup {
  const template = new LaunchTemplate(
    `${name}-template`,
    {
      // Pods cannot take the identity of their node.
      metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 1 },
      blockDeviceMappings: [
        { deviceName: '/dev/xvda', ebs: { volumeType: 'gp3', volumeSize: 50, encrypted: 'true' } },
      ],
    },
    opts,
  );
  return new NodeGroup(
    `${name}-nodes`,
    {
      clusterName: cluster.name,
      nodeRoleArn: role.arn,
      subnetIds,
      instanceTypes: [instanceType],
      amiType: 'AL2023_x86_64_STANDARD',
      launchTemplate: { id: template.id, version: template.latestVersion.apply(String) },
      scalingConfig: { minSize: 2, desiredSize: 2, maxSize: 4 },
      updateConfig: { maxUnavailable: 1 },
    },
    // Whoever scales by hand or by an autoscaler is not undone.
    { ...opts, dependsOn: [...role.rights, ...after], ignoreChanges: ['scalingConfig.desiredSize'] },
  );
}
