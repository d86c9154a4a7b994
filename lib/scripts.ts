// Python that runs inside MLflow's image, by file name. Pods mount all of it from a ConfigMap.
import { readFileSync, readdirSync } from 'node:fs';

const folder = new URL('scripts/', import.meta.url);

export const scripts: Readonly<Record<string, string>> = Object.fromEntries(
  readdirSync(folder)
    .filter((name) => name.endsWith('.py'))
    .sort()
    .map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]),
);
