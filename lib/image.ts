/** What a stack runs unless its settings say otherwise: the versions that the end-to-end tests use. */
export const defaultImages = {
  mlflow: { repository: 'ghcr.io/mlflow/mlflow', tag: 'v3.17.2-full' },
  postgres: 'docker.io/library/postgres:15.18',
  seaweedfs: 'docker.io/chrislusf/seaweedfs:4.48',
  oauth2Proxy: 'quay.io/oauth2-proxy/oauth2-proxy:v7.15.3',
  cloudSqlProxy: 'gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.28.0',
} as const;

/** Which MLflow a stack runs. */
export interface ImageSettings {
  readonly repository: string;
  readonly tag: string;
  readonly digest?: string | undefined;
}

/** `repository:tag`, with the digest that pins it when there is one. */
export function imageReference({ repository, tag, digest }: ImageSettings): string {
  return digest === undefined ? `${repository}:${tag}` : `${repository}:${tag}@${digest}`;
}

/** The MLflow version in an image's tag: `v3.17.2-full` holds 3.17.2. */
export function mlflowVersion({ tag }: ImageSettings): string {
  return /\d+\.\d+\.\d+/.exec(tag)?.[0] ?? tag;
}

/** Below 0 where the first version is the older one, 0 where they are the same. */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [one, other].map((version) => version.split('.').map(Number));
  return (a ?? []).map((part, index) => part - (b?.[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
}
