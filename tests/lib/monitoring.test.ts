import { expect } from 'chai';
import { alerts, dashboard } from '../../lib/monitoring.ts';
import { type Selector, selectors } from '../support/promql.ts';

interface Dashboard {
  readonly panels: {
    readonly title: string;
    readonly targets: { readonly expr: string; readonly refId: string }[];
  }[];
}

const shown = dashboard('team-a') as Dashboard;
const panel = (title: string) => shown.panels.find((each) => each.title === title)?.targets ?? [];
const rule = (name: string) => alerts('team-a').find(({ alert }) => alert === name);
const metrics = (found: Selector[]) => [...new Set(found.map(({ metric }) => metric))];

describe('monitoring', () => {
  const queries = [
    ...alerts('team-a').map(({ alert, expr }) => [alert, expr] as const),
    ...shown.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ];

  for (const [name, query] of queries) {
    it(`asks Prometheus for ${name} in its language: ${query.slice(0, 60)}`, () => {
      expect(selectors(query)).to.have.length.above(0);
    });
  }

  it('is of the namespace of the stack alone', () => {
    for (const [name, query] of queries)
      for (const { metric, labels } of selectors(query))
        if (!metric.startsWith('pg_')) expect(labels, `${name} ${metric}`).to.include('namespace');
  });

  it('alerts of a server that is down for 5 minutes, or gone', () => {
    expect(rule('MlflowServerDown')).to.deep.include({ for: '5m', labels: { severity: 'critical' } });
    expect(rule('MlflowServerDown')?.expr).to.match(/^absent\(.*\) or .* == 0$/);
  });

  it('alerts of requests that take more than 7 seconds on average', () => {
    expect(rule('MlflowRequestsSlow')?.expr).to.match(
      /^sum\(rate\(.*_sum.*\)\) \/ sum\(rate\(.*_count.*\)\) > 7$/,
    );
  });

  it('alerts of pods that restart, and of Jobs that have failed within a day', () => {
    expect(metrics(selectors(rule('MlflowPodRestarting')?.expr ?? ''))).to.deep.equal([
      'kube_pod_container_status_restarts_total',
    ]);
    const failed = rule('MlflowJobFailed')?.expr ?? '';
    expect(metrics(selectors(failed))).to.deep.equal(['kube_job_failed', 'kube_job_created']);
    for (const job of ['mlflow-migration', 'mlflow-gc']) expect(failed).to.include(job);
  });

  it('says what happened, with an end to each placeholder', () => {
    for (const { alert, annotations } of alerts('team-a')) {
      const text = Object.values(annotations).join(' ');
      expect(text.split('{{').length, alert).to.equal(text.split('}}').length);
      expect(annotations.description).to.include('team-a');
    }
  });

  it('shows requests, latency, errors, memory and connections', () => {
    expect(shown.panels.map(({ title }) => title)).to.deep.equal([
      'Requests',
      'Latency',
      'Errors',
      'Memory',
      'Database connections',
    ]);
    expect(panel('Latency').map(({ refId }) => refId)).to.deep.equal(['A', 'B', 'C']);
  });

  it('knows what is no query', () => {
    for (const text of ['rate(x[5m]', 'sum by (x', 'a{b="c"'])
      expect(() => selectors(text)).to.throw('not PromQL');
    expect(selectors('rate(x{a="b",c=~"d"}[5m]) > 1')).to.deep.equal([{ metric: 'x', labels: ['a', 'c'] }]);
  });
});
