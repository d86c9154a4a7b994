// What works, but probably not as meant.
import type { Settings } from '../config.ts';
import { defaultImages } from './image.ts';
import { parseQuantity } from './quantity.ts';

const gib = 2 ** 30;

/** Memory of an idle server in bytes, as measured with MLflow 3.17.2: docs/performance.md. */
export function memoryNeed(workers: number, jobs: boolean): number {
  return (0.25 + 0.21 * workers + (jobs ? 1.1 : 0)) * gib;
}

/** One sentence per doubtful setting. */
export function warnings({ server }: Settings): string[] {
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
  return found;
}
