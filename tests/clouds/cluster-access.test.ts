import { expect } from 'chai';
import * as pulumi from '@pulumi/pulumi';
import { clusterAccess } from '../../clouds/cluster-access.ts';
import { runStack } from '../support/mocks.ts';

const kubeconfig = 'apiVersion: v1\ncurrent-context: made\n';

/** Where a cluster is whose stack has these outputs. */
async function access(settings: Record<string, string>, outputs: object = {}): Promise<unknown> {
  let found: unknown;
  const referenced = { 'pulumi:pulumi:StackReference': { outputs } };
  await runStack(
    async () => void (found = await clusterAccess(settings as Parameters<typeof clusterAccess>[0])),
    { states: referenced },
  );
  return found;
}

describe('the cluster of a stack', () => {
  it('is a context of a kubeconfig', async () => {
    expect(await access({ context: 'kind' })).to.deep.equal({ context: 'kind' });
    expect(await access({ context: 'kind', kubeconfig: '~/config' })).to.deep.equal({
      context: 'kind',
      kubeconfig: '~/config',
    });
  });

  it('is what another stack has made', async () => {
    const clusterStack = 'organization/mlflow-cluster/dev';
    expect(await access({ clusterStack }, { kubeconfig })).to.deep.equal({ kubeconfig, context: 'made' });
    expect(await access({ clusterStack, context: 'other' }, { kubeconfig })).to.deep.equal({
      kubeconfig,
      context: 'other',
    });
    try {
      await access({ clusterStack });
      expect.fail('it was found');
    } catch (error) {
      expect(pulumi.RunError.isInstance(error)).to.equal(true);
      expect((error as Error).message).to.equal(
        'mlflow-stack:kubernetes.clusterStack is "organization/mlflow-cluster/dev", which has no output kubeconfig; ' +
          'bring that stack up first',
      );
    }
  });
});
