// The server, its pods and who may use it.
import type { core } from '@pulumi/kubernetes/types/input.js';
import * as v from 'valibot';
import { defaultImages } from '../lib/image.ts';
import {
  cidr,
  className,
  dataKey,
  flag,
  manifest,
  manifests,
  namespaceName,
  objectName,
  oneOf,
  optionalSection,
  partialResources,
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
    periodSeconds: v.optional(wholeNumber(1, 300), defaults.periodSeconds),
    // Below some seconds a busy server is killed while it works: mlflow/mlflow#25525.
    timeoutSeconds: v.optional(wholeNumber(5, 60), 10),
    failureThreshold: v.optional(wholeNumber(1, 1000), defaults.failureThreshold),
  });
}

function policyRules() {
  const names = () => v.array(v.string('a text'), 'a list of texts');
  const rule = section({
    apiGroups: names(),
    resources: names(),
    verbs: names(),
    /** Default: all objects of these kinds. */
    resourceNames: v.optional(names()),
  });
  return v.optional(v.array(rule, 'a list of rules with apiGroups, resources and verbs'), []);
}

/** What users add to pods, in Kubernetes' own terms. */
const podParts = {
  labels: texts(),
  annotations: texts(),
  nodeSelector: texts(),
  tolerations: manifests<core.v1.Toleration>('a toleration'),
  affinity: manifest<core.v1.Affinity>('an affinity'),
  priorityClassName: v.optional(className()),
  /** Run after the database is reachable and before MLflow. */
  initContainers: manifests<core.v1.Container>('a container'),
  /** Run beside MLflow, and end with it in Jobs, too. */
  sidecars: manifests<core.v1.Container>('a container'),
  volumes: manifests<core.v1.Volume>('a volume'),
  volumeMounts: manifests<core.v1.VolumeMount>('a volume mount'),
};

/** Added to every pod that runs MLflow: server, migration, garbage collection, trace archival. */
export const pods = optionalSection({
  ...podParts,
  /** Existing Secrets with the log-in to an image registry; they reach the database, too. */
  imagePullSecrets: v.optional(v.array(secretName(), 'a list of names of Secrets'), []),
});

const userId = 'a user id above 0, or none';

export const server = optionalSection({
  image: optionalSection({
    repository: v.optional(
      text('an image repository without tag', /^[\w.-]+(:\d+)?(\/[\w.-]+)*$/),
      defaultImages.mlflow.repository,
    ),
    /** Also tells the MLflow version, so an own image keeps it in its tag: `v3.17.2-mycompany1`. */
    tag: v.optional(
      text(
        'a tag that begins with the MLflow version, such as v3.17.2-full ("latest" is refused)',
        /^v?[3-9]\.\d+\.\d+[\w.-]*$/,
      ),
      defaultImages.mlflow.tag,
    ),
    /** Pins the image beyond its tag. */
    digest: v.optional(text('sha256: and 64 hexadecimal digits', /^sha256:[0-9a-f]{64}$/)),
    pullPolicy: v.optional(oneOf(['IfNotPresent', 'Always', 'Never']), 'IfNotPresent'),
  }),
  /** Pods. Default: 1, or 2 with `availability: high`. */
  replicas: v.optional(wholeNumber(1, 100)),
  /** Sets workers, resources and tmpSize together; each can still be set. */
  size: v.optional(oneOf(sizeNames), 'medium'),
  /** Processes per pod. Each costs about 210 MiB; more pods serve better than more processes. */
  workers: v.optional(wholeNumber(1, 64)),
  resources: partialResources(),
  /** Connections to the database that a process keeps per store. Default: what the database can bear, at most 5. */
  poolSize: v.optional(wholeNumber(1, 1000)),
  /** Connections beyond the pool under load. Default: what the database can bear, at most 10. */
  maxOverflow: v.optional(wholeNumber(1, 1000)),
  /** Runs MLflow's own job runner beside the server: scheduled scorers, trace archival. Costs about 1.3 GiB. */
  jobs: v.optional(flag(), false),
  logLevel: v.optional(oneOf(['DEBUG', 'INFO', 'WARNING', 'ERROR']), 'INFO'),
  /** Options of `mlflow server` with a value: underscores become hyphens. */
  valueOptions: texts(),
  /** Options of `mlflow server` without a value. */
  flagOptions: v.optional(
    v.array(text('the name of an option', /^[a-z][-_a-z0-9]*$/), 'a list of names'),
    [],
  ),
  /** Variables of server, migration and garbage collection. Not for secrets: use envFrom. */
  env: texts(),
  /** ConfigMaps and Secrets whose keys become variables of those pods. */
  envFrom: manifests<core.v1.EnvFromSource>('a source with configMapRef or secretRef'),
  /** Path under which UI and API live, such as /mlflow. Default: none; a host name of its own is simpler. */
  staticPrefix: v.optional(text('a path such as /mlflow, without trailing slash', /^((\/[-\w.~]+)+)?$/), ''),
  /** Certificates of the authorities that stores and databases are signed by, in PEM, in an existing object. */
  caBundle: v.optional(
    section({
      configMapName: v.optional(className()),
      secretName: v.optional(secretName()),
      key: v.optional(dataKey('object'), 'ca.crt'),
    }),
  ),
  /** Space for artifacts on their way through the server: the largest file times the concurrent transfers. */
  tmpSize: v.optional(size()),
  /** StorageClass of a claim that holds that space, for as long as the pod lives. Default: the node's own disk. */
  tmpStorageClassName: v.optional(className()),
  /** User and group of the process. `none` leaves both to the cluster, as OpenShift wants it. */
  runAsUser: v.optional(
    v.pipe(
      v.union([v.number(), v.literal('none')], userId),
      v.check((value) => value === 'none' || (Number.isInteger(value) && value > 0), userId),
    ),
    1000,
  ),
  /** Rights of the server at the Kubernetes API, as rules of a Role and a ClusterRole. Default: none, and no token. */
  rbac: optionalSection({ rules: policyRules(), clusterRules: policyRules() }),
  /** Ends TLS in the server's own pods, so that nothing is in plain text inside the cluster either. */
  tls: optionalSection({
    enabled: v.optional(flag(), false),
    /** Existing Secret with `tls.crt` and `tls.key`, and in `ca.crt` the authority by which clients know the server. */
    secretName: v.optional(secretName(), 'mlflow-tls'),
  }),
  /**
   * Hosts beyond those of Service, Ingress and route, such as that of a LoadBalancer. A port or a pattern (`*`) counts as it
   * is written; a bare name is accepted with any port.
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
  /** Lets `*` stand in extraAllowedHosts, which switches off the check that keeps foreign web pages out. */
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
    type: v.optional(oneOf(['ClusterIP', 'NodePort', 'LoadBalancer']), 'ClusterIP'),
    port: v.optional(wholeNumber(1, 65_535), 5000),
    /** Ranges of addresses that may use a LoadBalancer. Default: any address. */
    allowedCidrs: v.optional(v.array(cidr(), 'a list of ranges of addresses'), []),
    annotations: texts(),
  }),
  probes: optionalSection({
    // Asks often, so that an update ends as soon as the server answers; 300 s in all.
    startup: probe({ periodSeconds: 2, failureThreshold: 150 }),
    readiness: probe({ periodSeconds: 10, failureThreshold: 3 }),
    liveness: probe({ periodSeconds: 20, failureThreshold: 6 }),
    /** What readiness asks: `health` always answers; `server-info` also checks the Host header. */
    readinessPath: v.optional(oneOf(['health', 'server-info']), 'health'),
  }),
  /** Pods that may be missing during a drain, where there are several. `none`: no PodDisruptionBudget. */
  maxUnavailable: v.optional(v.union([wholeNumber(1, 100), v.literal('none')], 'a whole number, or none'), 1),
  /** Spreads several pods over zones and nodes, as far as that is possible. */
  spread: v.optional(flag(), true),
  /** Additions to the server's pods alone. */
  pod: optionalSection(podParts),
  /** Seconds that `pulumi up` waits for the server. */
  timeoutSeconds: v.optional(wholeNumber(30, 3600), 600),
});

export const autoscaling = optionalSection({
  /** Default: false, or true with `availability: high`. */
  enabled: v.optional(flag()),
  /** `horizontal`: more pods (HorizontalPodAutoscaler). `vertical`: larger pods (VerticalPodAutoscaler, an add-on). */
  kind: v.optional(oneOf(['horizontal', 'vertical']), 'horizontal'),
  /** Fewest pods. Default: server.replicas. */
  min: v.optional(wholeNumber(1, 100)),
  /** Most pods. Default: twice as many. */
  max: v.optional(wholeNumber(1, 100)),
  /** Per cent of the requested processor time at which pods are added. */
  cpuPercent: v.optional(wholeNumber(1, 1000), 75),
  /** The same for memory. Default: memory does not count; a server keeps what it once used. */
  memoryPercent: v.optional(wholeNumber(1, 1000)),
});

export const workspaces = optionalSection({
  /** Several teams on one server, each with experiments and models of its own. */
  enabled: v.optional(flag(), false),
});

/** Keys that must never change once data depends on them. Each is generated once unless an existing Secret holds it. */
export const secrets = optionalSection({
  /** Key of the browser sessions and forms. */
  flaskKeyFrom: v.optional(secretKey()),
  /** Passphrase that encrypts the API keys which the server keeps for its AI gateway. */
  kekPassphraseFrom: v.optional(secretKey()),
  /** Version of that passphrase; raise it together with a new one, after `mlflow crypto rotate-kek`. */
  kekVersion: v.optional(wholeNumber(1, 1000), 1),
  /** Key that encrypts the secrets of webhooks: 32 bytes, url-safe base64 (a Fernet key). */
  webhookKeyFrom: v.optional(secretKey()),
  /**
   * Where generated values are kept, beside the state: `kubernetes` alone, also in the secret store of the `cloud`, or read
   * from a store by the External Secrets Operator.
   */
  store: v.optional(oneOf(['kubernetes', 'cloud', 'externalSecrets']), 'kubernetes'),
  /** Store `externalSecrets`: https://external-secrets.io */
  externalSecrets: optionalSection({
    /** SecretStore in the namespace of the stack, or ClusterSecretStore, that is there already. */
    storeName: v.optional(className()),
    storeKind: v.optional(oneOf(['SecretStore', 'ClusterSecretStore']), 'SecretStore'),
    /** How often values are read. */
    refreshInterval: v.optional(text('a duration such as 1h or 30m', /^[1-9]\d*[smh]$/), '1h'),
    /** Secrets to make in the namespace. */
    secrets: v.optional(
      v.array(
        section({
          /** Name of the Secret. */
          name: secretName(),
          /** By key of the Secret, where its value is in the store: the name of an entry, and after `#` a field in it. */
          keys: texts(),
          /** Values that are put together from those, in the template language of the operator, by key. */
          template: texts(),
        }),
        'a list of Secrets, each with name and keys',
      ),
      [],
    ),
  }),
  /** Raising a number makes a new credential, changes it at its source and rolls the pods. */
  rotation: optionalSection({
    database: v.optional(wholeNumber(0, 1_000_000), 0),
    admin: v.optional(wholeNumber(0, 1_000_000), 0),
  }),
});

export const metrics = optionalSection({
  /** Serves Prometheus metrics at /metrics, summed over all workers of a pod. */
  enabled: v.optional(flag(), false),
  /** How Prometheus finds the pods: `annotations` of the pods, or a `serviceMonitor` for the Prometheus Operator. */
  discovery: v.optional(oneOf(['annotations', 'serviceMonitor']), 'annotations'),
  /** Seconds between scrapes of a ServiceMonitor. */
  intervalSeconds: v.optional(wholeNumber(5, 3600), 30),
  /** Labels by which a Prometheus chooses its ServiceMonitors. */
  labels: texts(),
});

export const namespace = optionalSection({
  name: v.optional(objectName(), 'mlflow'),
  /** False uses a namespace that is there already, and leaves it and its labels alone. */
  create: v.optional(flag(), true),
});

/** How pods show the cloud who they are. */
export const identity = optionalSection({
  /**
   * `workload`: by a ServiceAccount that the cloud trusts (IRSA on EKS, Workload Identity on GKE). `podIdentity`: by an agent
   * on EKS. `keys`: by keys in an existing Secret. `node`: as the node that they run on, with whatever it may do.
   */
  kind: v.optional(oneOf(['workload', 'podIdentity', 'keys', 'node']), 'workload'),
  /** Existing Secret of kind `keys`. Default: s3-credentials on AWS, gcs-credentials on Google Cloud. */
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
  enabled: v.optional(flag(), false),
  /** Namespace of those programs, which is there already. Default: that of the stack. */
  namespace: v.optional(namespaceName()),
  /** ServiceAccount that the stack makes for them. */
  serviceAccount: v.optional(objectName(), 'mlflow-client'),
});
