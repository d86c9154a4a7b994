// Where the cluster is: a context of a kubeconfig, or what the stack that made the cluster says.
import * as pulumi from '@pulumi/pulumi';
import type { Settings } from '../config.ts';
import type { ClusterAccess } from './cloud.ts';

/**
 * @throws RunError when the stack that is named has no output `kubeconfig`.
 */
export async function clusterAccess({
  context,
  kubeconfig,
  clusterStack,
}: Settings['kubernetes']): Promise<ClusterAccess> {
  if (clusterStack === undefined)
    return { context: context ?? '', ...(kubeconfig !== undefined && { kubeconfig }) };
  const output = await new pulumi.StackReference(clusterStack).getOutputDetails('kubeconfig');
  const given: unknown = output.secretValue ?? output.value;
  if (typeof given !== 'string')
    throw new pulumi.RunError(
      `mlflow-stack:kubernetes.clusterStack is "${clusterStack}", which has no output kubeconfig; bring that stack up first`,
    );
  return { kubeconfig: given, context: context ?? /^current-context: *(\S+)/m.exec(given)?.[1] ?? '' };
}
