// MlflowServer: the tracking server, its schema migration and the Service in front of it.
import * as pulumi from '@pulumi/pulumi';
import { Deployment } from '@pulumi/kubernetes/apps/v1/deployment.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { type PublicEntry, allowedHosts, ownOrigins } from '../lib/allowed-hosts.ts';
import { type Annotation, inNamespace } from '../lib/ingress-controllers.ts';
import { objectLabels, overruleOthers, selectorLabels } from '../lib/labels.ts';
import { annotations, serverComponent as component } from '../lib/names.ts';
import { podPorts } from '../lib/network.ts';
import { type Resources, mlflowPod, plainVariables } from '../lib/pod.ts';
import { optionArgs } from '../lib/server-options.ts';
import { loopbackPort, probePaths } from '../lib/server-paths.ts';
import type {
  ArtifactConnection,
  AuthConnection,
  InstanceAccess,
  PodParts,
  PodRuntime,
  ServiceConnection,
  Variables,
} from './connections.ts';
import {
  type MetricsArgs,
  grafanaDashboard,
  metricsPath,
  prometheusRule,
  serviceMonitor,
} from './metrics.ts';
import { migrationJob } from './migration.ts';
import { type RbacArgs, grantRules, hasRules } from './rbac.ts';
import { type Migration, type Rollout, plainArgs } from './rollout.ts';
import { type ScalingArgs, scale, spreadConstraints } from './scaling.ts';
import { workloadAccount } from './service-account.ts';
import { noVariables } from './sign-in.ts';

/** When a probe asks and when its answer counts. All in seconds but `failureThreshold`, a number of failures in a row. */
export interface ProbeTiming {
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly failureThreshold: number;
}

export interface MlflowServerArgs extends ScalingArgs {
  readonly runtime: PodRuntime;
  /** Version in the image: versions never run side by side on one database. */
  readonly mlflowVersion: string;
  readonly artifacts: ArtifactConnection;
  /** The managed database, which the cloud copies before its schema changes. Default: the migration copies it. */
  readonly instance?: InstanceAccess | undefined;
  /** Keys of the server. */
  readonly keys: Variables;
  /** How people and programs log in. Default: whoever reaches the server may do anything. */
  readonly auth?: AuthConnection | undefined;
  readonly workspaces: boolean;
  readonly metrics: MetricsArgs;
  /** Server processes per pod, each of about 210 MiB. */
  readonly workers: number;
  readonly resources: Resources;
  /** Connections that a process keeps per store, and beyond that under load. */
  readonly poolSize: number;
  readonly maxOverflow: number;
  /** Whether MLflow's job runner works beside the server, at about 1.3 GiB. */
  readonly jobs: boolean;
  readonly logLevel: string;
  readonly valueOptions: Readonly<Record<string, string>>;
  readonly flagOptions: readonly string[];
  /** Path under which UI and API live; empty for none. */
  readonly staticPrefix: string;
  /** Size limit of `/tmp`, as a Kubernetes quantity: proxied artifacts pass through it. */
  readonly tmpSize: string;
  /** StorageClass of a claim for `/tmp`. Default: the node's own disk. */
  readonly tmpStorageClassName?: string | undefined;
  /** Rights of the server at the Kubernetes API. With none, its pod has no token either. */
  readonly rbac: RbacArgs;
  readonly service: {
    readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
    readonly port: number;
    /** Ranges of addresses that may use a LoadBalancer; none for any. */
    readonly allowedCidrs: readonly string[];
    readonly annotations: Record<string, pulumi.Input<string>>;
  };
  readonly probes: {
    readonly startup: ProbeTiming;
    readonly readiness: ProbeTiming;
    readonly liveness: ProbeTiming;
    /** `health` always answers; `server-info` also passes the Host check. */
    readonly readinessPath: 'health' | 'server-info';
  };
  /** Whether the server speaks TLS itself, and which Secret has `tls.crt`, `tls.key` and `ca.crt`. */
  readonly tls: { readonly enabled: boolean; readonly secretName: string };
  /** Further hosts and origins that users name. */
  readonly extraAllowedHosts: readonly string[];
  readonly extraAllowedOrigins: readonly string[];
  /** Annotations of the Service that the controller of the Ingress wants to see. The user's own win. */
  readonly entryAnnotations: Readonly<Record<string, Annotation | pulumi.Input<string>>>;
  /** What is accepted as Host and as Origin for the sake of the ways in from outside. */
  readonly entry: PublicEntry;
  readonly migrations: {
    /** False leaves `mlflow db upgrade` to the operator. */
    readonly enabled: boolean;
    /** A new text runs the migration once more. */
    readonly runId: string;
    /** Whether the database is copied before its schema changes. */
    readonly snapshot: boolean;
    /** What makes a migration run when it changes: databases, users. */
    readonly inputs: object;
  };
  /** How one MLflow version takes the place of another. */
  readonly rollout: Rollout;
  /** Whether old and new pods may run side by side during an update of the settings. */
  readonly canRoll: boolean;
  /** Additions to the server's pods alone. */
  readonly pod: PodParts;
  /** Whether pods start with `sleep` instead of MLflow, for somebody to look around in them. */
  readonly diagnosticMode: boolean;
  /** Seconds that an update waits for the migration, and then for the server. */
  readonly timeoutSeconds: number;
}

/** A stateless server: a killed pod loses nothing, since everything is in the database and the artifact store. */
export class MlflowServer extends pulumi.ComponentResource {
  /** How to reach the server inside the cluster. */
  public readonly connection: ServiceConnection;
  /** What the last migration left. */
  public readonly migration: pulumi.Output<Migration>;

  constructor(name: string, args: MlflowServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:MlflowServer', name, plainArgs(args), opts);
    this.migration = migrated(name, args, this);
    const server = deployment(name, args, this.migration, this);
    const service = serverService(name, args, server, this);
    scale(name, args, server.metadata.namespace, this);
    serviceMonitor(name, args, service, this);
    if (args.metrics.alerts) prometheusRule(name, args.metrics, service.metadata.namespace, this);
    if (args.metrics.dashboard) grafanaDashboard(name, service.metadata.namespace, this);
    // Whoever wants to use the server waits until all its pods are ready.
    const namespace = server.id.apply(() => args.rollout.deployed()).apply(() => service.metadata.namespace);
    const { tls } = args;
    const scheme = tls.enabled ? 'https' : 'http';
    this.connection = {
      namespace,
      name: service.metadata.name,
      port: args.service.port,
      ...(tls.enabled && { ca: { secretName: tls.secretName, key: 'ca.crt' } }),
      prefix: args.staticPrefix,
      url: pulumi.interpolate`${scheme}://${service.metadata.name}.${namespace}.svc:${args.service.port}${args.staticPrefix}`,
    };
    this.registerOutputs({ url: this.connection.url });
  }
}

/** The schema is ready, and nothing writes to it that does not know it. */
function migrated(name: string, args: MlflowServerArgs, parent: pulumi.Resource): pulumi.Output<Migration> {
  const { runtime, rollout } = args;
  // The settings are known once the database is ready.
  const ready = pulumi.all([runtime.settingsName, args.instance?.id]).apply(async ([, instance]) => {
    await rollout.stopWriters(instance);
    return args.mlflowVersion;
  });
  if (!args.migrations.enabled) return ready.apply(() => rollout.recorded());
  const job = migrationJob(`${name}-migration`, args, ready, parent);
  return pulumi.all([job.metadata.name, job.id]).apply(([jobName]) => rollout.finished(jobName));
}

function deployment(
  name: string,
  args: MlflowServerArgs,
  migration: pulumi.Output<Migration>,
  parent: pulumi.Resource,
): Deployment {
  const { runtime, autoscaling } = args;
  const serviceAccount = workloadAccount(
    name,
    { namespace: runtime.namespace, component, identity: runtime.identities[component] },
    parent,
  );
  grantRules(
    name,
    { ...args.rbac, component, namespace: runtime.namespace, serviceAccount: serviceAccount.metadata.name },
    parent,
  );
  const scalesItself = autoscaling.enabled && autoscaling.kind === 'horizontal';
  return new Deployment(
    `${name}-deployment`,
    {
      metadata: {
        name,
        namespace: runtime.namespace,
        labels: objectLabels(component),
        annotations: {
          ...overruleOthers,
          [annotations.mlflowVersion]: args.mlflowVersion,
          [annotations.schemaRevision]: migration.revision,
          [annotations.migration]: migration.job,
          [annotations.snapshot]: migration.snapshot,
        },
      },
      spec: {
        replicas: scalesItself ? args.autoscaling.min : args.replicas,
        // A volume of one node cannot be handed over while the old pod still holds it.
        strategy: args.canRoll
          ? { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
          : { type: 'Recreate' },
        selector: { matchLabels: selectorLabels(component) },
        template: serverPod(name, args, serviceAccount.metadata.name),
      },
    },
    {
      parent,
      customTimeouts: { create: `${args.timeoutSeconds}s`, update: `${args.timeoutSeconds}s` },
      // An autoscaler decides on the number of pods. Without any number Kubernetes would make it 1 in the meantime.
      ignoreChanges: scalesItself ? ['spec.replicas'] : [],
    },
  );
}

function serverPod(
  name: string,
  args: MlflowServerArgs,
  serviceAccount: pulumi.Input<string>,
): core.v1.PodTemplateSpec {
  const { artifacts, auth, metrics, tls } = args;
  const { readReplica = noVariables } = args.runtime;
  const signIn = auth?.server ?? noVariables;
  return mlflowPod(args.runtime, {
    ...args,
    component,
    name: 'mlflow',
    serviceAccount,
    mountToken: hasRules(args.rbac),
    script: 'launch',
    args: ['mlflow', 'server', ...serverArgs(args)],
    idle: args.diagnosticMode,
    env: [
      ...serverEnv(name, args),
      ...plainVariables({ ...args.keys.settings, ...readReplica.settings, ...signIn.settings }),
    ],
    secrets: { ...artifacts.secrets, ...args.keys.secrets, ...readReplica.secrets, ...signIn.secrets },
    envFrom: auth?.serverEnvFrom ?? [],
    mounts: {
      volumes: [
        ...artifacts.volumes,
        ...(metrics.enabled ? [metricsVolume] : []),
        ...(auth?.proxy?.volumes ?? []),
        ...(tls.enabled ? [tlsVolume(tls.secretName)] : []),
      ],
      volumeMounts: [
        ...artifacts.volumeMounts,
        ...(metrics.enabled ? [{ name: metricsVolume.name, mountPath: metricsFolder }] : []),
        ...(tls.enabled ? [{ name: 'server-tls', mountPath: tlsFolder, readOnly: true }] : []),
      ],
    },
    parts: {
      ...args.pod,
      annotations: {
        ...(metrics.enabled && metrics.discovery === 'annotations' ? scrapeAnnotations(tls.enabled) : {}),
        ...args.pod.annotations,
      },
      sidecars: [...(auth?.proxy ? [auth.proxy.container] : []), ...args.pod.sidecars],
    },
    container: {
      // Whoever listens on it: MLflow, or the proxy before it.
      ports: [{ name: 'http', containerPort: podPorts.server }],
      startupProbe: probe('health', args.probes.startup, args),
      readinessProbe: probe(args.probes.readinessPath, args.probes.readiness, args),
      livenessProbe: probe('health', args.probes.liveness, args),
      // Proxies learn that the pod goes before the server stops listening. Where no other pod takes over, there is nothing
      // to wait for.
      ...(args.canRoll && { lifecycle: { preStop: { exec: { command: ['sleep', '5'] } } } }),
    },
    pod: {
      // Longer than the wait before, and what the server gives its requests to end. A namespace that is deleted looks for its
      // pods again after half of the longest.
      terminationGracePeriodSeconds: 35,
      topologySpreadConstraints: spreadConstraints(args, selectorLabels(component)),
    },
  });
}

const metricsFolder = '/metrics-data';
const metricsVolume = { name: 'metrics', emptyDir: { sizeLimit: '64Mi' } };

/** https://prometheus.io/docs/prometheus/latest/configuration/configuration/#kubernetes_sd_config, by convention. */
const scrapeAnnotations = (tls: boolean) => ({
  'prometheus.io/scrape': 'true',
  ...(tls && { 'prometheus.io/scheme': 'https' }),
  'prometheus.io/port': String(podPorts.server),
  'prometheus.io/path': metricsPath,
});

const tlsFolder = '/etc/mlflow-stack/tls';
/** Without what only clients need. */
const tlsVolume = (secretName: string): core.v1.Volume => ({
  name: 'server-tls',
  secret: { secretName, items: ['tls.crt', 'tls.key'].map((key) => ({ key, path: key })) },
});

function serverArgs(args: MlflowServerArgs): string[] {
  return [
    ...(args.auth?.proxy === undefined
      ? ['--host', '0.0.0.0', '--port', String(podPorts.server)]
      : ['--host', '127.0.0.1', '--port', String(loopbackPort)]),
    ...['--workers', String(args.workers)],
    ...(args.artifacts.mode === 'direct' ? ['--no-serve-artifacts'] : []),
    ...(args.auth?.appName === undefined ? [] : ['--app-name', args.auth.appName]),
    ...(args.workspaces ? ['--enable-workspaces'] : []),
    ...(args.metrics.enabled ? ['--expose-prometheus', metricsFolder] : []),
    ...(args.staticPrefix === '' ? [] : ['--static-prefix', args.staticPrefix]),
    ...optionArgs(args.valueOptions, args.flagOptions),
  ];
}

function serverEnv(name: string, args: MlflowServerArgs): core.v1.EnvVar[] {
  const service = pulumi.output({ name, namespace: args.runtime.namespace });
  const hosts = service.apply((known) =>
    allowedHosts({
      service: known,
      publicHosts: args.entry.hosts,
      extraHosts: args.extraAllowedHosts,
      jobs: args.jobs,
      // A scraper calls each pod by its address, which Kubernetes fills in here.
      podAddress: args.metrics.enabled ? `$(POD_IP)` : undefined,
    }).join(','),
  );
  const origins = service.apply((known) =>
    [...args.entry.origins, ...ownOrigins(known, args.tls.enabled), ...args.extraAllowedOrigins].join(','),
  );
  return [
    { name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    { name: 'MLFLOW_SERVER_ALLOWED_HOSTS', value: hosts },
    { name: 'MLFLOW_SERVER_CORS_ALLOWED_ORIGINS', value: origins },
    { name: 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION', value: String(args.jobs) },
    { name: 'MLFLOW_LOGGING_LEVEL', value: args.logLevel },
    { name: 'MLFLOW_SQLALCHEMYSTORE_POOL_SIZE', value: String(args.poolSize) },
    { name: 'MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW', value: String(args.maxOverflow) },
    { name: 'MLFLOW_UVICORN_OPTS', value: uvicornOptions },
    // Variables, so that they count whatever options a user gives: https://www.uvicorn.org/settings/
    ...(args.tls.enabled
      ? [
          { name: 'UVICORN_SSL_CERTFILE', value: `${tlsFolder}/tls.crt` },
          { name: 'UVICORN_SSL_KEYFILE', value: `${tlsFolder}/tls.key` },
        ]
      : []),
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

function probe(
  path: keyof typeof probePaths,
  timing: ProbeTiming,
  { staticPrefix, tls }: Pick<MlflowServerArgs, 'staticPrefix' | 'tls'>,
): core.v1.Probe {
  // A probe's own Host header is the pod's address, which only /health is exempt from checking.
  const httpHeaders = path === 'health' ? undefined : [{ name: 'Host', value: 'localhost' }];
  const scheme = tls.enabled ? 'HTTPS' : undefined;
  return {
    httpGet: { path: `${staticPrefix}${probePaths[path]}`, port: 'http', scheme, httpHeaders },
    ...timing,
  };
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
        annotations: {
          'pulumi.com/skipAwait': skipAwait,
          ...inNamespace(args.entryAnnotations, args.runtime.namespace),
          ...args.service.annotations,
        },
      },
      spec: {
        type: args.service.type,
        selector: selectorLabels(component),
        ports: [{ name: args.tls.enabled ? 'https' : 'http', port: args.service.port, targetPort: 'http' }],
        loadBalancerSourceRanges:
          args.service.allowedCidrs.length > 0 ? [...args.service.allowedCidrs] : undefined,
      },
    },
    { parent },
  );
}
