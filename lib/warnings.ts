// What works, but probably not as meant.
import type { Settings } from '../config.ts';
import { defaultImages } from './image.ts';
import { parseQuantity } from './quantity.ts';
import { looksSecret } from './secret-names.ts';

const gib = 2 ** 30;

/** Memory of an idle server in bytes, as measured with MLflow 3.17.2: docs/performance.md. */
export function memoryNeed(workers: number, jobs: boolean): number {
  return (0.17 + 0.19 * workers + (jobs ? 1.26 : 0)) * gib;
}

/** One sentence per doubtful setting. */
export function warnings({
  cloud,
  identity,
  server,
  backendStore,
  auth,
  metrics,
  httpRoute,
}: Settings): string[] {
  const { image, workers, jobs, resources } = server;
  const need = memoryNeed(workers, jobs);
  const found: string[] = [];
  if ((parseQuantity(resources.limits.memory) ?? 0) < need) {
    found.push(
      `mlflow-stack:server.resources.limits.memory is ${resources.limits.memory}, but ${workers} worker(s)` +
        `${jobs ? ' with jobs' : ''} need ${(need / gib).toFixed(1)}Gi before the first request; raise it`,
    );
  }
  if (image.repository === defaultImages.mlflow.repository && !image.tag.endsWith('-full')) {
    found.push(
      `mlflow-stack:server.image.tag is ${image.tag}; official images without -full lack the drivers of databases and stores`,
    );
  }
  if (server.allowAnyHost) {
    found.push(
      'mlflow-stack:server.allowAnyHost is true: a web page that a user visits can reach the server by a name of its own (DNS rebinding); name the hosts in server.extraAllowedHosts instead',
    );
  }
  if (server.diagnosticMode) {
    found.push(
      'mlflow-stack:server.diagnosticMode is true: the pods sleep, and nobody can use MLflow; set it to false when you have found what you looked for',
    );
  }
  if (server.tls.enabled && httpRoute.enabled) {
    found.push(
      'mlflow-stack:server.tls.enabled is true, so the Gateway of httpRoute has to speak TLS to Service mlflow: give the Service a BackendTLSPolicy, docs/entry.md#tls-in-the-pod',
    );
  }
  for (const name of Object.keys(server.env).filter(looksSecret)) {
    found.push(
      `mlflow-stack:server.env has ${name}, which looks like a secret, but whoever may read ConfigMaps sees its value; use server.envFrom with a Secret`,
    );
  }
  if (backendStore.kind === 'sqlite') {
    found.push(
      'mlflow-stack:backendStore.kind is sqlite, which is for one person: requests wait for each other, and an update stops the server; use postgres for a team',
    );
  }
  if (backendStore.kind === 'external' && backendStore.dialect === 'mysql') {
    found.push(
      'mlflow-stack:backendStore.dialect is mysql: migrations make triggers, for which a server with a binary log needs log_bin_trust_function_creators = 1',
    );
  }
  if (cloud !== 'local' && identity.kind === 'node') {
    found.push(
      'mlflow-stack:identity.kind is node: whatever the nodes may do, every pod on them may do, and every right that MLflow needs is theirs, too; use workload',
    );
  }
  if (auth.kind === 'edge') {
    found.push(
      'mlflow-stack:auth.kind is edge, which guards the Ingress alone: whoever reaches the Service inside the cluster is asked for nothing',
    );
  }
  if (metrics.enabled && metrics.discovery === 'annotations' && !['none', 'edge'].includes(auth.kind)) {
    found.push(
      'mlflow-stack:metrics.discovery is annotations, which hold no log-in, so that scrapes are answered with 401; use serviceMonitor, or give Prometheus the user mlflow-metrics',
    );
  }
  return found;
}
