export { ArtifactStore, type ArtifactStoreArgs } from './artifact-store.ts';
export { BackendStore, type BackendStoreArgs } from './backend-store.ts';
export * from './connections.ts';
export { GcCronJob, type GcCronJobArgs } from './gc-cron-job.ts';
export { Ingress, type IngressArgs } from './ingress.ts';
export { MlflowServer, type MlflowServerArgs } from './mlflow-server.ts';
