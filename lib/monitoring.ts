// What Prometheus and Grafana are told of a stack. Metrics of MLflow are its server's own; `kube_*` come from
// kube-state-metrics, `container_*` from the kubelet, `pg_*` from postgres_exporter.
import { cronJobs, names } from './names.ts';

/** Workloads whose Jobs end by themselves. */
const jobs = [names.migration, ...cronJobs];

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: { readonly severity: 'critical' | 'warning' };
  readonly annotations: { readonly summary: string; readonly description: string };
}

/** Seconds that requests may take on average. */
const slowSeconds = 7;

/** https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/ */
export function alerts(namespace: string): Alert[] {
  const server = `namespace="${namespace}",deployment="${names.server}"`;
  const pods = `namespace="${namespace}",pod=~"${names.server}-.+"`;
  const ended = `namespace="${namespace}",job_name=~"(${jobs.join('|')})-.+"`;
  return [
    {
      alert: 'MlflowServerDown',
      // A Deployment that is gone has no series at all.
      expr: `absent(kube_deployment_status_replicas_available{${server}}) or kube_deployment_status_replicas_available{${server}} == 0`,
      for: '5m',
      labels: { severity: 'critical' },
      annotations: {
        summary: 'MLflow is down',
        description: `No pod of Deployment ${names.server} in namespace ${namespace} has been ready for 5 minutes.`,
      },
    },
    {
      alert: 'MlflowRequestsSlow',
      expr: `${meanSeconds(namespace)} > ${slowSeconds}`,
      for: '5m',
      labels: { severity: 'warning' },
      annotations: {
        summary: 'MLflow answers slowly',
        description: `Requests in namespace ${namespace} have taken {{ $value | humanizeDuration }} on average for 5 minutes.`,
      },
    },
    {
      alert: 'MlflowPodRestarting',
      expr: `increase(kube_pod_container_status_restarts_total{${pods}}[15m]) > 1`,
      labels: { severity: 'warning' },
      annotations: {
        summary: 'A pod of MLflow restarts again and again',
        description: `Container {{ $labels.container }} of pod {{ $labels.pod }} in namespace ${namespace} has restarted more than once within 15 minutes.`,
      },
    },
    {
      alert: 'MlflowJobFailed',
      // A failed Job stays for days, so that its logs can be read.
      expr: `kube_job_failed{${ended},condition="true"} == 1 and on (namespace, job_name) time() - kube_job_created{${ended}} < 86400`,
      labels: { severity: 'warning' },
      annotations: {
        summary: 'A Job of MLflow has failed',
        description: `Job {{ $labels.job_name }} in namespace ${namespace} has failed; kubectl logs job/{{ $labels.job_name }} tells why.`,
      },
    },
  ];
}

const rate = (metric: string, labels: string): string => `rate(${metric}{${labels}}[5m])`;

function meanSeconds(namespace: string): string {
  const [sum, count] = ['sum', 'count'].map((part) =>
    rate(`mlflow_http_request_duration_seconds_${part}`, `namespace="${namespace}"`),
  );
  return `sum(${sum ?? ''}) / sum(${count ?? ''})`;
}

interface Panel {
  readonly title: string;
  /** Of Grafana: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts */
  readonly unit: string;
  /** Query by what a line is called. */
  readonly queries: Readonly<Record<string, string>>;
}

function panels(namespace: string): Panel[] {
  const requests = (labels = '') => rate('mlflow_http_request_total', `namespace="${namespace}"${labels}`);
  const buckets = rate('mlflow_http_request_duration_seconds_bucket', `namespace="${namespace}"`);
  const container = `namespace="${namespace}",pod=~"${names.server}-.+",container="mlflow"`;
  return [
    { title: 'Requests', unit: 'reqps', queries: { '{{method}}': `sum by (method) (${requests()})` } },
    {
      title: 'Latency',
      unit: 's',
      queries: {
        mean: meanSeconds(namespace),
        median: `histogram_quantile(0.5, sum by (le) (${buckets}))`,
        '95 of 100': `histogram_quantile(0.95, sum by (le) (${buckets}))`,
      },
    },
    {
      title: 'Errors',
      unit: 'reqps',
      queries: { '{{status}}': `sum by (status) (${requests(',status=~"[45].."')})` },
    },
    {
      title: 'Memory',
      unit: 'bytes',
      queries: {
        '{{pod}}': `sum by (pod) (container_memory_working_set_bytes{${container}})`,
        limit: `max(kube_pod_container_resource_limits{${container},resource="memory"})`,
      },
    },
    {
      title: 'Database connections',
      unit: 'short',
      queries: { '{{datname}}': `sum by (datname) (pg_stat_database_numbackends{datname=~"mlflow.*"})` },
    },
  ];
}

/** https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/ */
export function dashboard(namespace: string): object {
  const datasource = { type: 'prometheus', uid: '${datasource}' };
  return {
    title: `MLflow (${namespace})`,
    uid: `mlflow-${namespace}`.slice(0, 40),
    tags: ['mlflow'],
    schemaVersion: 39,
    refresh: '1m',
    time: { from: 'now-6h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus' }] },
    panels: panels(namespace).map(({ title, unit, queries }, index) => ({
      id: index + 1,
      title,
      type: 'timeseries',
      datasource,
      gridPos: { x: (index % 2) * 12, y: Math.floor(index / 2) * 8, w: 12, h: 8 },
      fieldConfig: { defaults: { unit, min: 0 } },
      targets: Object.entries(queries).map(([legendFormat, expr], target) => ({
        refId: String.fromCharCode(65 + target),
        datasource,
        expr,
        legendFormat,
      })),
    })),
  };
}

/** All that the dashboard asks Prometheus for. */
export const dashboardQueries = (namespace: string): string[] =>
  panels(namespace).flatMap(({ queries }) => Object.values(queries));
