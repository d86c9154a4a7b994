// The server, its pods and who may use it.
import type { core } from '@pulumi/kubernetes/types/input.js';
import * as v from 'valibot';
import { defaultImages } from '../lib/image.ts';
import { keptSecrets } from '../lib/kept-secrets.ts';
import {
  cidr,
  className,
  cpu,
  dataKey,
  flag,
  hostName,
  manifest,
  manifests,
  namespaceName,
  objectName,
  oneOf,
  optionalSection,
  secretKey,
  secretName,
  section,
  size,
  text,
  texts,
  wholeNumber,
} from '../lib/schema.ts';
import { sizeNames } from './sizes.ts';

/** Seconds between checks, seconds until a check counts as failed, failures until the check has its effect. */
function probe(defaults: { periodSeconds: number; failureThreshold: number }) {
  return optionalSection({
    /** Seconds between questions. */
    periodSeconds: v.optional(wholeNumber(1, 300), defaults.periodSeconds),
    // Below some seconds a busy server is killed while it works: mlflow/mlflow#25525.
    /** Seconds until a question counts as failed. */
    timeoutSeconds: v.optional(wholeNumber(5, 60), 10),
    /** Failures in a row until it matters. */
    failureThreshold: v.optional(wholeNumber(1, 1000), defaults.failureThreshold),
  });
}

const names = () => v.array(v.string('a text'), 'a list of texts');

const policyRule = section({
  /** API groups; an empty text is the core group. */
  apiGroups: names(),
  /** Kinds of objects, such as `configmaps`. */
  resources: names(),
  /** What may be done: `get`, `list` ... */
  verbs: names(),
  /** Names of objects. Default: all of these kinds. */
  resourceNames: v.optional(names()),
});

const policyRules = () =>
  v.optional(v.array(policyRule, 'a list of rules with apiGroups, resources and verbs'), []);

/** What users add to pods, in Kubernetes' own terms. */
const podParts = {
  /** Labels of the pods. Those that select pods cannot be changed. */
  labels: texts(),
  /** Annotations of the pods. */
  annotations: texts(),
  /** Labels of the nodes that pods may run on. */
  nodeSelector: texts(),
  /** Taints of nodes that pods put up with. */
  tolerations: manifests<core.v1.Toleration>('a toleration'),
  /** Which nodes, and which pods beside them, pods prefer or need. */
  affinity: manifest<core.v1.Affinity>('an affinity'),
  /** PriorityClass of the pods. */
  priorityClassName: v.optional(className()),
  /** Containers that run after the database is reachable and before MLflow. */
  initContainers: manifests<core.v1.Container>('a container'),
  /** Containers that run beside MLflow. They end with it, in Jobs, too. */
  sidecars: manifests<core.v1.Container>('a container'),
  /** Volumes of the pods. */
  volumes: manifests<core.v1.Volume>('a volume'),
  /** Mounts of them in MLflow's containers. */
  volumeMounts: manifests<core.v1.VolumeMount>('a volume mount'),
};

/** Added to every pod that runs MLflow: server, migration, garbage collection, trace archival. */
export const pods = optionalSection({
  ...podParts,
  /** Names of existing Secrets with the log-in to an image registry. The stores' pods get them, too. */
  imagePullSecrets: v.optional(v.array(secretName(), 'a list of names of Secrets'), []),
});

const userId = 'a user id above 0, or none';

export const server = optionalSection({
  image: optionalSection({
    /** Where the image is. One of your own needs MLflow, the drivers and Python, and nothing else: command and user are set. */
    repository: v.optional(
      text('an image repository without tag', /^[\w.-]+(:\d+)?(\/[\w.-]+)*$/),
      defaultImages.mlflow.repository,
    ),
    /**
     * Changing it and running `up` is the whole upgrade. Begins with the MLflow version, 3.10 or newer, so that an image of
     * your own keeps it: `v3.17.2-mycompany1`. Official tags without `-full` lack drivers.
     */
    tag: v.optional(
      text(
        'a tag that begins with the MLflow version, such as v3.17.2-full ("latest" is refused)',
        /^v?[3-9]\.\d+\.\d+[\w.-]*$/,
      ),
      defaultImages.mlflow.tag,
    ),
    /** Pins the image beyond its tag. */
    digest: v.optional(text('sha256: and 64 hexadecimal digits', /^sha256:[0-9a-f]{64}$/)),
    /** When nodes fetch the image. */
    pullPolicy: v.optional(oneOf(['IfNotPresent', 'Always', 'Never']), 'IfNotPresent'),
  }),
  /**
   * Pods. More than one needs artifacts that pods can share, a database other than `sqlite`, and `jobs` off. An autoscaler
   * decides instead where there is one. Default: `1`, or `2` with `availability: high`.
   */
  replicas: v.optional(wholeNumber(1, 100)),
  /** Sets workers, resources and `tmpSize` together; each can still be set. */
  size: v.optional(oneOf(sizeNames), 'medium'),
  /**
   * Processes per pod, each of about 210 MiB. More pods serve better than more processes. Default: `1`, or `2` with size
   * `large`.
   */
  workers: v.optional(wholeNumber(1, 64)),
  resources: optionalSection({
    requests: optionalSection({
      /** Processor time that is kept for a pod. Default: `500m`; `250m` with size `small`, `1` with `large`. */
      cpu: v.optional(cpu()),
      /** Memory that is kept for a pod. Default: `1.5Gi`; `512Mi` with size `small`, `3Gi` with `large`. */
      memory: v.optional(size()),
    }),
    limits: optionalSection({
      /** Most processor time. A limit slows the start of the server several times over. */
      cpu: v.optional(cpu()),
      /** Most memory; beyond it the server is ended. Default: `3Gi`; `1Gi` with size `small`, `6Gi` with `large`. */
      memory: v.optional(size()),
    }),
  }),
  /** Connections to the database that a process keeps per store. Default: `5`, or fewer where the database cannot bear it. */
  poolSize: v.optional(wholeNumber(1, 1000)),
  /** Connections beyond the pool under load. Default: `10`, or fewer where the database cannot bear it. */
  maxOverflow: v.optional(wholeNumber(1, 1000)),
  /** Runs MLflow's own job runner: scheduled scorers, gateway jobs. Costs about 1.3 GiB. Excludes several pods. */
  jobs: v.optional(flag(), false),
  /** The least that is worth a line in the log. */
  logLevel: v.optional(oneOf(['DEBUG', 'INFO', 'WARNING', 'ERROR']), 'INFO'),
  /** Further options of `mlflow server` with a value, by name: `x_frame_options: DENY`. Options that other settings stand for are refused. */
  valueOptions: texts(),
  /** Further options of `mlflow server` without a value. */
  flagOptions: v.optional(
    v.array(text('the name of an option', /^[a-z][-_a-z0-9]*$/), 'a list of names'),
    [],
  ),
  /**
   * Variables of server, migration, garbage collection and trace archival. Anybody who may read ConfigMaps sees them: secrets
   * go into `envFrom`.
   */
  env: texts(),
  /** ConfigMaps and Secrets whose keys become variables of those pods: `configMapRef`, `secretRef`. */
  envFrom: manifests<core.v1.EnvFromSource>('a source with configMapRef or secretRef'),
  /** Path under which UI and API live. A host name of its own is simpler, and faster for artifacts. */
  staticPrefix: v.optional(text('a path such as /mlflow, without trailing slash', /^((\/[-\w.~]+)+)?$/), ''),
  caBundle: v.optional(
    section({
      /**
       * Existing ConfigMap with certificates of further authorities, in PEM: for S3, HTTPS and PostgreSQL. They take the place
       * of the public ones, so name those that are needed, too.
       */
      configMapName: v.optional(className()),
      /** The same in a Secret. Excludes `configMapName`. */
      secretName: v.optional(secretName()),
      /** Key in either. */
      key: v.optional(dataKey('object'), 'ca.crt'),
    }),
  ),
  /** Space for artifacts on their way through the server: the largest file times the concurrent transfers. Default: `2Gi`; `1Gi` with size `small`, `10Gi` with `large`. */
  tmpSize: v.optional(size()),
  /** StorageClass of a claim that holds that space, for as long as the pod lives. Default: the node's own disk. */
  tmpStorageClassName: v.optional(className()),
  /** User and group id of the process. `none` leaves both to the cluster (OpenShift). */
  runAsUser: v.optional(
    v.pipe(
      v.union([v.number(), v.literal('none')], userId),
      v.check((value) => value === 'none' || (Number.isInteger(value) && value > 0), userId),
    ),
    1000,
  ),
  rbac: optionalSection({
    /** Rights of the server in its namespace, as rules of a Role. With any, its pod gets a token. */
    rules: policyRules(),
    /** Rights of the server in the cluster, as rules of a ClusterRole. */
    clusterRules: policyRules(),
  }),
  tls: optionalSection({
    /** The server itself speaks TLS, so that nothing is in plain text inside the cluster either. Excludes `server.jobs`. */
    enabled: v.optional(flag(), false),
    /**
     * Existing Secret with `tls.crt` and `tls.key` for `mlflow.<namespace>.svc`, and in `ca.crt` the authority by which clients
     * know the server.
     */
    secretName: v.optional(secretName(), 'mlflow-tls'),
  }),
  /**
   * Hosts beyond those of Service, Ingress and route, such as that of a LoadBalancer. A bare name is accepted with any port;
   * `10.*` or `mlflow.example.com:8080` count as they are written.
   */
  extraAllowedHosts: v.optional(
    v.array(
      text(
        'a Host header such as mlflow.example.com or mlflow.example.com:8080, without scheme or path',
        /^[^\s,/]+$/,
      ),
      'a list of hosts',
    ),
    [],
  ),
  /** Lets `*` stand in that list, which switches off the check that keeps foreign web pages out. */
  allowAnyHost: v.optional(flag(), false),
  /** Origins of web pages that may change something, beyond those of Ingress and route. */
  extraAllowedOrigins: v.optional(
    v.array(
      text('an origin such as https://notebooks.example.com, without path', /^https?:\/\/[^\s,/]+$/),
      'a list of origins',
    ),
    [],
  ),
  service: optionalSection({
    /** Names by which people reach a `NodePort` go into `server.extraAllowedHosts`. */
    type: v.optional(oneOf(['ClusterIP', 'NodePort', 'LoadBalancer']), 'ClusterIP'),
    /** Port of the Service. */
    port: v.optional(wholeNumber(1, 65_535), 5000),
    /** Ranges of addresses that alone may use a `LoadBalancer`. Default: any address. */
    allowedCidrs: v.optional(v.array(cidr(), 'a list of ranges of addresses'), []),
    /** Names by which people reach a `LoadBalancer`, each accepted as Host header and as Origin of the UI's own requests. */
    hosts: v.optional(v.array(hostName(), 'a list of host names'), []),
    /** Reserves addresses for a `LoadBalancer`, with cloud aws: an Elastic IP in each of `aws.entrySubnetIds`. */
    staticIp: v.optional(flag(), false),
    /** Makes records that lead the hosts to those addresses. */
    dns: optionalSection({
      /** Zone of Route 53, by id. */
      zone: v.optional(text('the id of a zone', /^Z[A-Z0-9]{5,31}$/)),
    }),
    /** Annotations of the Service. */
    annotations: texts(),
  }),
  probes: optionalSection({
    // Asks often, so that an update ends as soon as the server answers.
    /** While the server starts: after 300 s in all, the pod starts anew. */
    startup: probe({ periodSeconds: 2, failureThreshold: 150 }),
    /** Whether the pod gets requests. */
    readiness: probe({ periodSeconds: 10, failureThreshold: 3 }),
    /** Whether the pod starts anew. */
    liveness: probe({ periodSeconds: 20, failureThreshold: 6 }),
    /** What readiness asks: `health` always answers; `server-info` also passes the Host check. */
    readinessPath: v.optional(oneOf(['health', 'server-info']), 'health'),
  }),
  /** Pods that a drain may take away at a time, where there are several; `none`: no PodDisruptionBudget. */
  maxUnavailable: v.optional(v.union([wholeNumber(1, 100), v.literal('none')], 'a whole number, or none'), 1),
  /** Spreads several pods over zones and nodes, as far as that is possible. */
  spread: v.optional(flag(), true),
  /** The same for the server's pods alone: lists and labels are added to those of `pods`, one value takes the place of the other. */
  pod: optionalSection(podParts),
  /** Starts the pod with `sleep` instead of MLflow, without probes and without the steps before, so that one can look around. */
  diagnosticMode: v.optional(flag(), false),
  /** Seconds that `pulumi up` waits for the migration, and then for the server. */
  timeoutSeconds: v.optional(wholeNumber(30, 3600), 600),
});

export const autoscaling = optionalSection({
  /** Makes an autoscaler. Default: `false`, or `true` with `availability: high`. */
  enabled: v.optional(flag()),
  /**
   * `horizontal`: more pods, by a HorizontalPodAutoscaler; needs the cluster's metrics server. `vertical`: larger pods, by a
   * VerticalPodAutoscaler; needs that add-on.
   */
  kind: v.optional(oneOf(['horizontal', 'vertical']), 'horizontal'),
  /** Fewest pods. Default: `server.replicas`. */
  min: v.optional(wholeNumber(1, 100)),
  /** Most pods. The connections of all of them count. Default: twice as many. */
  max: v.optional(wholeNumber(1, 100)),
  /** Per cent of the requested processor time at which pods are added. */
  cpuPercent: v.optional(wholeNumber(1, 1000), 75),
  /** The same for memory. A server keeps what it once used, so pods that were added for it hardly go again. */
  memoryPercent: v.optional(wholeNumber(1, 1000)),
});

export const workspaces = optionalSection({
  /**
   * Several teams on one server, each with experiments and models of its own. Not with `sqlite`. Switched off again only once
   * nothing is left in workspaces other than the default one.
   */
  enabled: v.optional(flag(), false),
});

/** Keys that must never change once data depends on them. Each is generated once unless an existing Secret holds it. */
export const secrets = optionalSection({
  /**
   * Where everything secret is kept that the stack generates. `cluster`: in Secrets of Kubernetes. `cloud`: there, and in the
   * secret manager of the cloud, by names `<project>-<stack>-<what>`, for as long as the data.
   */
  store: v.optional(oneOf(['cluster', 'cloud']), 'cluster'),
  /** What an earlier stack of this name left in the secret manager: it gets new versions, and keys that data depends on are read from it. */
  existing: v.optional(v.array(oneOf(keptSecrets), `a list, each item one of ${keptSecrets.join(', ')}`), []),
  /** Existing Secret with the key of browser sessions and forms. */
  flaskKeyFrom: v.optional(secretKey()),
  /** Existing Secret with the passphrase that encrypts the API keys of the AI gateway, 32 characters or more. */
  kekPassphraseFrom: v.optional(secretKey()),
  /** Version of that passphrase: raise it together with a new one, after `mlflow crypto rotate-kek`. */
  kekVersion: v.optional(wholeNumber(1, 1000), 1),
  /** Existing Secret with the key that encrypts the secrets of webhooks, a Fernet key: `openssl rand -base64 32 | tr +/ -_`. */
  webhookKeyFrom: v.optional(secretKey()),
  rotation: optionalSection({
    /** A higher number makes a new password of the database, where it is generated, and new pods with it. */
    database: v.optional(wholeNumber(0, 1_000_000), 0),
    /** The same for the first administrator. */
    admin: v.optional(wholeNumber(0, 1_000_000), 0),
  }),
});

export const metrics = optionalSection({
  /** Serves Prometheus metrics at `/metrics`, summed over all workers of a pod, to whoever calls a pod by its address. */
  enabled: v.optional(flag(), false),
  /**
   * How Prometheus finds the pods: `annotations` of the pods, or a `serviceMonitor` for the Prometheus Operator. With
   * `auth.kind: basic` metrics ask for a log-in, which only a ServiceMonitor brings along.
   */
  discovery: v.optional(oneOf(['annotations', 'serviceMonitor']), 'annotations'),
  /** Seconds between scrapes of a ServiceMonitor. */
  intervalSeconds: v.optional(wholeNumber(5, 3600), 30),
  /**
   * Makes a PrometheusRule for the Prometheus Operator: server down, slow requests, pods that restart, failed Jobs. Needs
   * kube-state-metrics.
   */
  alerts: v.optional(flag(), false),
  /** Makes a ConfigMap with a dashboard, which Grafana's sidecar finds by its label `grafana_dashboard`. */
  dashboard: v.optional(flag(), false),
  /** Labels by which a Prometheus chooses its ServiceMonitors and PrometheusRules. */
  labels: texts(),
});

export const namespace = optionalSection({
  /** Namespace of all objects. A change moves the stack, without its data. */
  name: v.optional(objectName(), 'mlflow'),
  /** `false` uses a namespace that is there already, and leaves it and its labels alone. */
  create: v.optional(flag(), true),
});

/** How pods show the cloud who they are. */
export const identity = optionalSection({
  /**
   * `workload`: by a ServiceAccount that the cloud trusts (IRSA on EKS, Workload Identity on GKE). `podIdentity`: by an agent
   * on EKS. `keys`: by keys in an existing Secret. `node`: as the node that they run on, with whatever it may do.
   */
  kind: v.optional(oneOf(['workload', 'podIdentity', 'keys', 'node']), 'workload'),
  /** Existing Secret of kind `keys`. Default: `s3-credentials`, or `gcs-credentials` with cloud `gcp`. */
  secretName: v.optional(secretName()),
  /** Private repository of images in the cloud that the nodes get the right to read. */
  imageRepository: v.optional(text('the name of a repository, as its cloud has it', /^[a-z0-9][-\w./:]*$/)),
  /** Roles or accounts of the nodes that get that right. */
  imageReaders: v.optional(
    v.array(text('a name, as the cloud has it', /^[\w+=,.@-]+$/), 'a list of names'),
    [],
  ),
});

/** An identity for programs that train, so that none needs the server's. */
export const clientIdentity = optionalSection({
  /** Makes an identity for programs that train, so that none needs the keys of the server. */
  enabled: v.optional(flag(), false),
  /** Namespace of those programs, which is there already. Default: that of the stack. */
  namespace: v.optional(namespaceName()),
  /** ServiceAccount that the stack makes for them. */
  serviceAccount: v.optional(objectName(), 'mlflow-client'),
});
