// Everything a stack file can say. The only file that reads Pulumi's configuration.
import * as pulumi from '@pulumi/pulumi';
import * as v from 'valibot';
import { cloudNames } from './clouds/index.ts';
import { defaultImages } from './lib/image.ts';
import { describeMistakes } from './lib/mistakes.ts';
import { parseQuantity } from './lib/quantity.ts';
import { warnings } from './lib/warnings.ts';
import {
  annotations,
  className,
  flag,
  hostName,
  objectName,
  oneOf,
  optionalSection,
  resources,
  section,
  size,
  text,
  wholeNumber,
} from './lib/schema.ts';

const storage = {
  /** Size of the claim. Growing it later needs a StorageClass with allowVolumeExpansion. */
  size: v.optional(size(), '10Gi'),
  /** StorageClass of the claim. Default: the cluster's default class. */
  storageClassName: v.optional(className()),
};

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

const userId = 'a user id above 0, or none';

/** https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax */
const cronSchedule =
  /^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|([\d*/,-]+ +){3}([\d*/,-]|[A-Z]{3})+ +([\d*/,-]|[A-Z]{3})+)$/i;

const settingsSchema = section({
  /** The cloud that the stack lives in. Decides where the cluster, the stores and the identities come from. */
  cloud: oneOf(cloudNames),

  kubernetes: section({
    /** Context in the kubeconfig. Must be named: the current context is never used. */
    context: text('the name of a context in your kubeconfig', /^\S+$/),
    /** Path of the kubeconfig. Default: the KUBECONFIG variable, else ~/.kube/config. */
    kubeconfig: v.optional(text('a path', /^\S.*$/, 4096)),
  }),

  namespace: optionalSection({
    name: v.optional(objectName(), 'mlflow'),
    /** False uses a namespace that is there already, and leaves it and its labels alone. */
    create: v.optional(flag(), true),
  }),

  /**
   * What happens to data (the claims, and the namespace around them) on `pulumi destroy`:
   * `delete` removes it, `retain` leaves it in the cluster, `protect` refuses to destroy.
   */
  dataProtection: v.optional(oneOf(['delete', 'retain', 'protect']), 'delete'),

  artifactStore: optionalSection({
    /** `pvc`: a claim in the cluster, served by the server's artifact proxy. */
    kind: v.optional(oneOf(['pvc']), 'pvc'),
    ...storage,
    /** ReadWriteMany lets several replicas share the claim; the StorageClass must be able to do it. */
    accessMode: v.optional(oneOf(['ReadWriteOnce', 'ReadWriteMany']), 'ReadWriteOnce'),
  }),

  backendStore: optionalSection({
    /** `postgres`: PostgreSQL in the cluster. */
    kind: v.optional(oneOf(['postgres']), 'postgres'),
    ...storage,
    /** Image of PostgreSQL. A major version cannot be changed in place. */
    image: v.optional(
      text('an image with a tag or digest', /^([\w.-]+(:\d+)?\/)?[\w./-]+(:[\w.-]+|@sha256:[0-9a-f]{64})$/),
      defaultImages.postgres,
    ),
    /** Password of the database user, a secret of at least 16 characters. Default: generated, 32 characters. */
    password: v.optional(
      v.pipe(
        v.string('a secret text'),
        v.minLength(
          16,
          'at least 16 characters (the value is not shown); leave it out to have one generated',
        ),
      ),
    ),
    resources: resources({ requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } }),
    maxConnections: v.optional(wholeNumber(20, 10_000), 100),
    /** Seconds that `pulumi up` waits for the database. */
    timeoutSeconds: v.optional(wholeNumber(30, 3600), 300),
  }),

  server: optionalSection({
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
    /** Processes per pod. Each costs about 210 MiB; more pods serve better than more processes. */
    workers: v.optional(wholeNumber(1, 64), 1),
    resources: resources({ requests: { cpu: '500m', memory: '1.5Gi' }, limits: { memory: '3Gi' } }),
    /** Runs MLflow's own job runner beside the server: scheduled scorers, trace archival. Costs about 1.1 GiB. */
    jobs: v.optional(flag(), false),
    /** Space for artifacts on their way through the server: the largest file times the concurrent transfers. */
    tmpSize: v.optional(size(), '2Gi'),
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
    service: optionalSection({
      type: v.optional(oneOf(['ClusterIP', 'NodePort', 'LoadBalancer']), 'ClusterIP'),
      port: v.optional(wholeNumber(1, 65_535), 5000),
      annotations: annotations(),
    }),
    probes: optionalSection({
      // Asks often, so that an update ends as soon as the server answers; 300 s in all.
      startup: probe({ periodSeconds: 2, failureThreshold: 150 }),
      readiness: probe({ periodSeconds: 10, failureThreshold: 3 }),
      liveness: probe({ periodSeconds: 20, failureThreshold: 6 }),
      /** What readiness asks: `health` always answers; `server-info` also checks the Host header. */
      readinessPath: v.optional(oneOf(['health', 'server-info']), 'health'),
    }),
    /** Seconds that `pulumi up` waits for the server. */
    timeoutSeconds: v.optional(wholeNumber(30, 3600), 600),
  }),

  migrations: optionalSection({
    /** False leaves `mlflow db upgrade` to you; the server refuses to start until it is done. */
    enabled: v.optional(flag(), true),
    /** Any new text runs the migration once more. */
    runId: v.optional(text('up to 63 letters, digits, dots, hyphens and underscores', /^[\w.-]*$/, 63), ''),
  }),

  ingress: optionalSection({
    enabled: v.optional(flag(), false),
    /** IngressClass. Default: the cluster's default class. */
    className: v.optional(className()),
    /** Hosts that people use. Each is accepted as Host header and as Origin of the UI's own requests. */
    hosts: v.optional(v.array(hostName(), 'a list of host names'), []),
    /** Port at which people reach the Ingress controller, where that is not 80: a forwarded port, for instance. */
    port: v.optional(wholeNumber(1, 65_535), 80),
    annotations: annotations(),
  }),

  gc: optionalSection({
    enabled: v.optional(flag(), true),
    /** When `mlflow gc` runs, in cron's five fields. Default: Sundays at 2. */
    schedule: v.optional(
      text('five cron fields such as "0 2 * * 0", or @weekly and the like', cronSchedule),
      '0 2 * * 0',
    ),
    /** IANA time zone of the schedule. */
    timeZone: v.optional(
      v.pipe(
        v.string('a time zone'),
        v.check(isTimeZone, 'an IANA time zone such as Etc/UTC or Europe/Berlin'),
      ),
      'Etc/UTC',
    ),
    /** Age since deletion, `30d`, `1d12h`; `all` removes whatever is deleted, however recently. */
    olderThan: v.optional(
      text('an age such as 30d or 1d12h, or all', /^(all|(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?)$/),
      '30d',
    ),
    /** Keeps the CronJob but starts no run. */
    suspend: v.optional(flag(), false),
    /** Also removes finished jobs of MLflow's job runner. */
    jobs: v.optional(flag(), false),
  }),
});

/** The settings of one stack, complete with defaults. */
export type Settings = Readonly<v.InferOutput<typeof settingsSchema>>;

/** Passwords from tutorials and other charts, which are the first that an intruder tries. */
const wellKnownPasswords = /^(password|mlflow|postgres|admin|secret|changeme|123)+\W*\d*\W*$/i;

/**
 * Reads the settings of the current stack.
 *
 * @throws RunError with every mistake in one message: key, value, what is allowed, the nearest known key.
 */
export function loadSettings(): Settings {
  const settings = parseSettings(stackConfig());
  for (const text of warnings(settings)) void pulumi.log.warn(text);
  return settings;
}

/** Checks raw configuration values and fills in the defaults. */
export function parseSettings(raw: Record<string, unknown>): Settings {
  const result = v.safeParse(settingsSchema, raw);
  const mistakes = result.success
    ? conflicts(result.output)
    : describeMistakes(settingsSchema, result.issues);
  if (!result.success || mistakes.length > 0) {
    const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`;
    throw new pulumi.RunError(
      [`${count} in the configuration of this stack:`, ...mistakes.map((mistake) => `  ${mistake}`)].join(
        '\n',
      ),
    );
  }
  return deepFreeze(result.output);
}

/** Mistakes that no single value shows. */
function conflicts({ ingress, backendStore, server }: Settings): string[] {
  const mistakes: string[] = [];
  if (ingress.enabled && ingress.hosts.length === 0) {
    mistakes.push(
      'mlflow-stack:ingress.hosts is empty; an Ingress needs at least one host, such as mlflow.example.com',
    );
  }
  const repeated = ingress.hosts.filter((host, index) => ingress.hosts.indexOf(host) !== index);
  if (repeated.length > 0) {
    mistakes.push(
      `mlflow-stack:ingress.hosts names ${repeated.join(', ')} more than once; name each host once`,
    );
  }
  if (backendStore.password !== undefined && wellKnownPasswords.test(backendStore.password)) {
    mistakes.push(
      'mlflow-stack:backendStore.password is a well-known password; leave it out to have one generated',
    );
  }
  for (const [key, { requests, limits }] of Object.entries({
    'server.resources': server.resources,
    'backendStore.resources': backendStore.resources,
  })) {
    mistakes.push(...exceeded(key, requests, limits));
  }
  return mistakes;
}

/** This project's part of the stack's configuration, structured values parsed. */
function stackConfig(): Record<string, unknown> {
  const prefix = `${pulumi.getProject()}:`;
  const own = Object.entries(pulumi.runtime.allConfig()).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), parseValue(value)]));
}

/** Scalars reach the program as text, structured values as JSON. */
function parseValue(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function exceeded(
  key: string,
  requests: { cpu: string; memory: string },
  limits: { cpu?: string | undefined; memory: string },
): string[] {
  return (['cpu', 'memory'] as const).flatMap((kind) => {
    const limit = limits[kind];
    return limit !== undefined && (parseQuantity(requests[kind]) ?? 0) > (parseQuantity(limit) ?? 0)
      ? [
          `mlflow-stack:${key}.requests.${kind} is ${requests[kind]}, more than limits.${kind}, ${limit}; raise the limit or lower the request`,
        ]
      : [];
  });
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Z]/.test(name);
  } catch {
    return false;
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
