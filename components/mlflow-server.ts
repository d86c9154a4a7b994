// MlflowServer: the tracking server, its schema migration and the Service in front of it.
import * as pulumi from '@pulumi/pulumi';
import { Deployment } from '@pulumi/kubernetes/apps/v1/deployment.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import { ServiceAccount } from '@pulumi/kubernetes/core/v1/serviceAccount.js';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { type PublicEntry, allowedHosts, allowedOrigins } from '../lib/allowed-hosts.ts';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import { type Resources, backendStoreUri, mlflowPodSpec } from '../lib/pod.ts';
import type {
  ArtifactConnection,
  BackendConnection,
  ServiceConnection,
  WorkloadIdentity,
} from './connections.ts';
import { migrationJob } from './migration.ts';
import { type RbacArgs, grantRules, hasRules } from './rbac.ts';

/** When a probe asks and when its answer counts. All in seconds but `failureThreshold`, a number of failures in a row. */
export interface ProbeTiming {
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

export interface MlflowServerArgs {
  readonly namespace: pulumi.Input<string>;
  readonly backend: BackendConnection;
  readonly artifacts: ArtifactConnection;
  readonly identity: WorkloadIdentity;
  /** Image with `mlflow`, the database driver and the storage client, by tag or digest. */
  readonly image: string;
  readonly imagePullPolicy: string;
  /** Server processes per pod, each of about 210 MiB. */
  readonly workers: number;
  readonly resources: Resources;
  /** Whether MLflow's job runner works beside the server, at about 1.1 GiB. */
  readonly jobs: boolean;
  /** Size limit of `/tmp`, as a Kubernetes quantity: proxied artifacts pass through it. */
  readonly tmpSize: string;
  /** StorageClass of a claim for `/tmp`. Default: the node's own disk. */
  readonly tmpStorageClassName?: string | undefined;
  /** Rights of the server at the Kubernetes API. With none, its pod has no token either. */
  readonly rbac: RbacArgs;
  /** User and group id, or `none` to leave them to the cluster. */
  readonly runAsUser: number | 'none';
  readonly service: {
    readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
    readonly port: number;
    readonly annotations: Record<string, string>;
  };
  readonly probes: {
    readonly startup: ProbeTiming;
    readonly readiness: ProbeTiming;
    readonly liveness: ProbeTiming;
    /** `health` always answers; `server-info` also passes the Host check. */
    readonly readinessPath: 'health' | 'server-info';
  };
  /** The way in from outside, whose hosts are accepted as Host and Origin. No hosts where there is none. */
  readonly entry: PublicEntry;
  readonly migrations: {
    /** False leaves `mlflow db upgrade` to the operator. */
    readonly enabled: boolean;
    /** A new text runs the migration once more. */
    readonly runId: string;
  };
  /** Seconds that an update waits for the migration, and then for the server. */
  readonly timeoutSeconds: number;
}

/** A stateless server: a killed pod loses nothing, since everything is in the database and the artifact store. */
export class MlflowServer extends pulumi.ComponentResource {
  /** How to reach the server inside the cluster. */
  public readonly connection: ServiceConnection;

  constructor(name: string, args: MlflowServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:MlflowServer', name, args, opts);
    const migration = args.migrations.enabled ? [migrationJob(`${name}-migration`, args, this)] : [];
    const server = deployment(name, args, migration, this);
    const service = serverService(name, args, server, this);
    this.connection = {
      namespace: service.metadata.namespace,
      name: service.metadata.name,
      port: args.service.port,
      url: pulumi.interpolate`http://${service.metadata.name}.${service.metadata.namespace}.svc:${args.service.port}`,
    };
    this.registerOutputs({ url: this.connection.url });
  }
}

const component = 'tracking-server';
const containerPort = 5000;

function deployment(
  name: string,
  args: MlflowServerArgs,
  dependsOn: pulumi.Resource[],
  parent: pulumi.Resource,
): Deployment {
  const serviceAccount = new ServiceAccount(
    `${name}-service-account`,
    {
      metadata: {
        name: args.identity.serviceAccount,
        namespace: args.namespace,
        labels: objectLabels(component),
        annotations: args.identity.annotations,
      },
      automountServiceAccountToken: false,
    },
    { parent },
  );
  grantRules(
    name,
    { ...args.rbac, component, namespace: args.namespace, serviceAccount: serviceAccount.metadata.name },
    parent,
  );
  return new Deployment(
    `${name}-deployment`,
    {
      metadata: { name, namespace: args.namespace, labels: objectLabels(component) },
      spec: {
        replicas: 1,
        // A volume of one node cannot be handed over while the old pod still holds it.
        strategy: args.artifacts.shareable
          ? { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
          : { type: 'Recreate' },
        selector: { matchLabels: selectorLabels(component) },
        template: {
          metadata: { labels: { ...objectLabels(component), ...args.identity.podLabels } },
          spec: {
            ...mlflowPodSpec({
              ...args,
              name: 'mlflow',
              serviceAccount: serviceAccount.metadata.name,
              mountToken: hasRules(args.rbac),
              command: ['mlflow', 'server'],
              args: ['--host', '0.0.0.0', '--port', String(containerPort), '--workers', String(args.workers)],
              env: [...args.artifacts.env, ...serverEnv(name, args)],
              volumes: args.artifacts.volumes,
              volumeMounts: args.artifacts.volumeMounts,
              container: {
                ports: [{ name: 'http', containerPort }],
                startupProbe: probe('health', args.probes.startup),
                readinessProbe: probe(args.probes.readinessPath, args.probes.readiness),
                livenessProbe: probe('health', args.probes.liveness),
              },
            }),
            // Longer than the server gives its requests to end.
            terminationGracePeriodSeconds: 60,
          },
        },
      },
    },
    {
      parent,
      dependsOn,
      customTimeouts: { create: `${args.timeoutSeconds}s`, update: `${args.timeoutSeconds}s` },
    },
  );
}

function serverEnv(name: string, args: MlflowServerArgs): core.v1.EnvVar[] {
  const hosts = pulumi
    .output(args.namespace)
    .apply((namespace) =>
      allowedHosts({ service: { name, namespace }, publicHosts: args.entry.hosts, jobs: args.jobs }).join(
        ',',
      ),
    );
  const origins = allowedOrigins(args.entry);
  return [
    { name: 'MLFLOW_BACKEND_STORE_URI', value: backendStoreUri },
    { name: 'MLFLOW_ARTIFACTS_DESTINATION', value: args.artifacts.uri },
    { name: 'MLFLOW_SERVER_ALLOWED_HOSTS', value: hosts },
    ...(origins.length > 0 ? [{ name: 'MLFLOW_SERVER_CORS_ALLOWED_ORIGINS', value: origins.join(',') }] : []),
    { name: 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION', value: String(args.jobs) },
    { name: 'MLFLOW_UVICORN_OPTS', value: uvicornOptions },
  ];
}

/**
 * Keep-alive beyond the idle time of cloud load balancers (60 s at AWS, 600 s at Google), which would otherwise reuse a
 * connection that the server has just closed; time for running requests when the pod stops; the client's address from
 * the proxy in front.
 */
const uvicornOptions = [
  '--timeout-keep-alive 650',
  '--timeout-graceful-shutdown 25',
  '--timeout-worker-healthcheck 60',
  '--proxy-headers',
  '--forwarded-allow-ips *',
].join(' ');

const probePaths = { health: '/health', 'server-info': '/api/3.0/mlflow/server-info' };

function probe(path: keyof typeof probePaths, timing: ProbeTiming): core.v1.Probe {
  // A probe's own Host header is the pod's address, which only /health is exempt from checking.
  const httpHeaders = path === 'health' ? undefined : [{ name: 'Host', value: 'localhost' }];
  return { httpGet: { path: probePaths[path], port: 'http', httpHeaders }, ...timing };
}

function serverService(
  name: string,
  args: MlflowServerArgs,
  server: Deployment,
  parent: pulumi.Resource,
): Service {
  // The Deployment is waited for. Only a load balancer's address is still to come then.
  const skipAwait = String(args.service.type !== 'LoadBalancer');
  return new Service(
    `${name}-service`,
    {
      metadata: {
        name,
        namespace: server.metadata.namespace,
        labels: objectLabels(component),
        annotations: { 'pulumi.com/skipAwait': skipAwait, ...args.service.annotations },
      },
      spec: {
        type: args.service.type,
        selector: selectorLabels(component),
        ports: [{ name: 'http', port: args.service.port, targetPort: 'http' }],
      },
    },
    { parent },
  );
}
