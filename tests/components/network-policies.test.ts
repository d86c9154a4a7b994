import { expect } from 'chai';
import { NetworkPolicies } from '../../components/index.ts';
import { labelsOf } from '../support/args.ts';
import { runStack } from '../support/mocks.ts';

describe('NetworkPolicies', () => {
  it('closes the pods of each workload in both directions, but for its rules', async () => {
    const rule = { to: [{ ipBlock: { cidr: '192.0.2.7/32' } }] };
    const run = await runStack(() => {
      const policies = [
        { name: 'the-job', component: 'gc', ingress: [], egress: [rule] },
        { name: 'the-database', component: 'postgres', ingress: [{}], egress: [] },
      ];
      new NetworkPolicies('network', { namespace: 'team-a', policies });
    });
    const {
      'app.kubernetes.io/part-of': _,
      'app.kubernetes.io/managed-by': __,
      ...matchLabels
    } = labelsOf('gc');
    expect(run.get('NetworkPolicy/network-gc').inputs).to.deep.equal({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'the-job', namespace: 'team-a', labels: labelsOf('gc') },
      spec: {
        podSelector: { matchLabels },
        policyTypes: ['Ingress', 'Egress'],
        ingress: [],
        egress: [rule],
      },
    });
    expect(run.get('NetworkPolicy/network-postgres').inputs.spec).to.deep.include({
      ingress: [{}],
      egress: [],
    });
    expect(run.resources).to.have.lengthOf(3);
  });
});
