import { expect } from 'chai';
import { MlflowServer, type MlflowServerArgs } from '../../components/index.ts';
import { labelsOf, selectorOf, serverArgs } from '../support/args.ts';
import { podTemplate } from '../support/manifests.ts';
import { type Run, runStack } from '../support/mocks.ts';

const { autoscaling } = serverArgs;
const build = (changes: Partial<MlflowServerArgs> = {}): Promise<Run> =>
  runStack(() => void new MlflowServer('tracker', { ...serverArgs, ...changes }));

const horizontal = (changes: Partial<typeof autoscaling> = {}): Partial<MlflowServerArgs> => ({
  autoscaling: { ...autoscaling, enabled: true, min: 2, max: 6, ...changes },
});
const kinds = ({ resources }: Run) => resources.map(({ id }) => id.split('/')[0]);
const spec = (run: Run, id: string) => run.get(id).inputs.spec;
const deployment = 'Deployment/tracker-deployment';
const budget = 'PodDisruptionBudget/tracker-disruption-budget';
const target = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'tracker' };
const metadata = { name: 'tracker', namespace: 'team-a', labels: labelsOf('tracking-server') };

describe('the number of pods', () => {
  it('is what the user says', async () => {
    expect(spec(await build({ replicas: 3 }), deployment)).to.include({ replicas: 3 });
  });

  it('is left to a horizontal autoscaler where there is one, so that no update fights it', async () => {
    const run = await build(horizontal());
    expect(spec(run, deployment)).to.include({ replicas: 2 });
    expect(run.get(deployment).ignoreChanges).to.deep.equal(['spec.replicas']);
    expect(run.get('HorizontalPodAutoscaler/tracker-autoscaler').inputs).to.deep.equal({
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata,
      spec: {
        scaleTargetRef: target,
        minReplicas: 2,
        maxReplicas: 6,
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 75 } },
          },
        ],
      },
    });
  });

  it('can follow memory, too', async () => {
    const run = await build(horizontal({ cpuPercent: 60, memoryPercent: 80 }));
    const metrics = (spec(run, 'HorizontalPodAutoscaler/tracker-autoscaler') as { metrics: unknown[] })
      .metrics;
    const utilization = (name: string, averageUtilization: number) => ({
      type: 'Resource',
      resource: { name, target: { type: 'Utilization', averageUtilization } },
    });
    expect(metrics).to.deep.equal([utilization('cpu', 60), utilization('memory', 80)]);
  });

  it('stays as it is where pods grow instead', async () => {
    const run = await build({ replicas: 2, ...horizontal({ kind: 'vertical' }) });
    expect(spec(run, deployment)).to.include({ replicas: 2 });
    expect(run.get('VerticalPodAutoscaler/tracker-autoscaler').inputs).to.deep.equal({
      apiVersion: 'autoscaling.k8s.io/v1',
      kind: 'VerticalPodAutoscaler',
      metadata,
      spec: { targetRef: target, updatePolicy: { updateMode: 'Auto' } },
    });
    expect(kinds(run)).not.to.include('HorizontalPodAutoscaler');
  });

  it('has no autoscaler by default', async () => {
    expect(kinds(await build())).not.to.include.oneOf(['HorizontalPodAutoscaler', 'VerticalPodAutoscaler']);
  });
});

describe('several pods', () => {
  for (const [title, changes, isSeveral] of [
    ['by replicas', { replicas: 2 }, true],
    ['by an autoscaler', horizontal({ min: 1, max: 2 }), true],
    ['never by a vertical autoscaler', horizontal({ kind: 'vertical' }), false],
    ['not by one replica', {}, false],
  ] as const) {
    it(`keep one of them through a drain, and are spread: ${title}`, async () => {
      const run = await build(changes);
      const constraints = podTemplate(run.get(deployment))?.spec.topologySpreadConstraints;
      const spread = (topologyKey: string) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: selectorOf('tracking-server') },
      });
      expect(constraints).to.deep.equal(
        isSeveral ? [spread('topology.kubernetes.io/zone'), spread('kubernetes.io/hostname')] : [],
      );
      expect(kinds(run).includes('PodDisruptionBudget')).to.equal(isSeveral);
      if (isSeveral) {
        expect(run.get(budget).inputs).to.deep.include({
          metadata,
          spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf('tracking-server') } },
        });
      }
    });
  }

  it('may be fewer during a drain where the user says so', async () => {
    expect(spec(await build({ replicas: 5, maxUnavailable: 2 }), budget)).to.include({ maxUnavailable: 2 });
  });

  it('are neither kept nor spread where the user wants neither', async () => {
    const run = await build({ replicas: 2, maxUnavailable: 'none', spread: false });
    expect(kinds(run)).not.to.include('PodDisruptionBudget');
    expect(podTemplate(run.get(deployment))?.spec.topologySpreadConstraints).to.deep.equal([]);
  });
});
