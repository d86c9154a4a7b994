// Where data is kept: artifacts, and what the server knows about them.
import * as v from 'valibot';
import { defaultImages } from '../lib/image.ts';
import {
  className,
  dataKey,
  flag,
  imageWithTag,
  objectName,
  oneOf,
  optionalSection,
  resources,
  secretKey,
  secretName,
  secretText,
  serverHost,
  section,
  size,
  text,
  wholeNumber,
} from '../lib/schema.ts';
import { cronSchedule } from './schedule.ts';

const storage = {
  /** Size of its claim. Can grow where the StorageClass allows it, and never shrink. */
  size: v.optional(size(), '10Gi'),
  /** StorageClass of the claim. Default: the cluster's own. */
  storageClassName: v.optional(className()),
};

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, which Cloud Storage shares. */
const bucketName = () =>
  text(
    'the name of a bucket: 3 to 63 lower-case letters, digits and hyphens',
    /^(?!xn--|sthree-|goog)[a-z0-9][-a-z0-9]{1,61}[a-z0-9]$/,
    63,
  );

export const kmsKeyArn = () =>
  text(
    'the ARN of a key such as arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[-a-zA-Z0-9]+$/,
  );

/** https://cloud.google.com/kms/docs/resource-hierarchy#retrieve_resource_id */
const kmsKeyName = () =>
  text(
    'the resource id of a key such as projects/my-project/locations/europe-west1/keyRings/my-ring/cryptoKeys/my-key',
    /^projects\/[a-z][-a-z0-9]{4,28}[a-z0-9]\/locations\/[-a-z0-9]+\/keyRings\/[-\w]{1,63}\/cryptoKeys\/[-\w]{1,63}$/,
    512,
  );

const artifactStoreKinds = ['pvc', 's3Compatible', 'gcs', 's3', 'external'] as const;
const backendStoreKinds = ['postgres', 'cloudSql', 'rds', 'sqlite', 'external'] as const;

export const artifactStore = optionalSection({
  /**
   * `pvc`: a claim in the cluster. `s3Compatible`: a bucket of an S3 server, which the stack also runs unless `endpointUrl`
   * names one. `gcs`, `s3`: a bucket of the cloud, with the pods' own identity. `external`: any URI that MLflow knows.
   * Default: by cloud; local `pvc`, gcp `gcs`, aws `s3`.
   */
  kind: v.optional(oneOf(artifactStoreKinds)),
  /**
   * `proxy`: the server moves artifacts, and clients need the tracking URL alone. `direct`: clients talk to the store, with
   * rights of their own; not with `pvc` or a server that the stack runs. A change applies to new experiments.
   */
  mode: v.optional(oneOf(['proxy', 'direct']), 'proxy'),
  ...storage,
  /**
   * Of the claim of `pvc`. `ReadWriteMany` lets several pods share it, so that the server scales and rolls over without a gap;
   * the StorageClass must be able to do it. With `ReadWriteOnce` there is one pod.
   */
  accessMode: v.optional(oneOf(['ReadWriteOnce', 'ReadWriteMany']), 'ReadWriteOnce'),
  /** Kind `pvc`: a claim that is there already. The stack neither makes nor deletes it. */
  existingClaim: v.optional(objectName()),
  /**
   * Kind `s3Compatible`: address of the S3 server. Needs `credentialsFrom`. Default: SeaweedFS, which the stack runs with one
   * private bucket and a generated key.
   */
  endpointUrl: v.optional(
    text('an http(s) URL without path, such as https://s3.example.com', /^https?:\/\/[^/\s]+$/),
  ),
  /** Bucket of `s3Compatible`. One on your own server must be there already. */
  bucket: v.optional(
    text('3 to 63 lower-case letters, digits, dots and hyphens', /^[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]$/, 63),
    'mlflow',
  ),
  /** Folder in the bucket. */
  prefix: v.optional(
    text('a path without leading or trailing slash', /^\w[-\w./]*(?<!\/)$/),
    'mlflow-artifacts',
  ),
  /** Region of that bucket. */
  region: v.optional(text('a region such as us-east-1', /^[a-z0-9-]+$/), 'us-east-1'),
  /** How the bucket is addressed: `path` (`https://server/bucket`), `virtual` (`https://bucket.server`), `auto`. */
  addressingStyle: v.optional(oneOf(['path', 'virtual', 'auto']), 'path'),
  /** Kind `external`, and required there: where artifacts go, `gs://bucket/path`, `wasbs://`, `abfss://`, `hdfs://` ... */
  uri: v.optional(
    text(
      'a URI such as wasbs://container@account.blob.core.windows.net/path',
      /^[a-z][a-z0-9+.-]*:\/\/\S+$/,
      2048,
    ),
  ),
  /** Existing Secret with the credentials of a store outside the cluster. */
  credentialsFrom: v.optional(
    section({
      secretName: secretName(),
      /** Keys of that Secret; each becomes a variable of the same name. Beside `googleCredentialsKey`, none unless they are set. */
      keys: v.optional(
        v.array(text('the name of a variable', /^[A-Z_][A-Z0-9_]*$/), 'a list of variable names'),
        ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
      ),
      /** Key of that Secret that holds the file of a Google service account, for `gs://`. */
      googleCredentialsKey: v.optional(dataKey('Secret')),
    }),
  ),
  /** Name of the bucket of kinds `gcs` and `s3`. Default: project, stack and random digits. */
  bucketName: v.optional(bucketName()),
  /** A bucket of kinds `gcs` and `s3` that is there already; the stack gives its pods rights in it, and leaves it as it is. */
  existingBucket: v.optional(bucketName()),
  /** Further buckets that the server may read. */
  readBuckets: v.optional(v.array(bucketName(), 'a list of names of buckets'), []),
  /** Keeps what is overwritten or deleted in the bucket, for `noncurrentDays`. */
  versioning: v.optional(flag(), true),
  /** Days that old versions are kept. */
  noncurrentDays: v.optional(wholeNumber(1, 3650), 30),
  /** Days after which an upload that was begun and not ended is cleared away. */
  abortMultipartDays: v.optional(wholeNumber(1, 365), 7),
  /** Moves what is older to a cheaper class of storage. */
  transition: v.optional(
    section({
      /** Age in days. */
      days: wholeNumber(1, 3650),
      /** Class as the cloud names it, such as STANDARD_IA or NEARLINE. */
      storageClass: text('a class of storage such as STANDARD_IA or NEARLINE', /^[A-Z]+(_[A-Z]+)*$/),
    }),
  ),
  /** Key of AWS KMS that encrypts the bucket of kind `s3`. Default: keys of S3 itself. */
  kmsKeyArn: v.optional(kmsKeyArn()),
  /** Key of Cloud KMS that encrypts the bucket of kind `gcs`. Default: keys of Cloud Storage itself. */
  kmsKeyName: v.optional(kmsKeyName()),
  /** Writes down each access to the bucket, in a bucket of its own. */
  accessLogging: v.optional(flag(), false),
  /** Image of the S3 server that the stack runs. */
  image: v.optional(imageWithTag(), defaultImages.seaweedfs),
  /** Of that S3 server. */
  resources: resources({ requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } }),
});

export const backendStore = optionalSection({
  /**
   * `postgres`: PostgreSQL in the cluster, over TLS only. `cloudSql`, `rds`: managed by the cloud. `sqlite`: a file on a claim
   * (that of the artifacts where they are on one), for one person and one pod. `external`: a database that is there. Default: by cloud; local `postgres`, gcp `cloudSql`, aws `rds`.
   */
  kind: v.optional(oneOf(backendStoreKinds)),
  ...storage,
  /** Image of `postgres`. Its major version cannot be changed in place. */
  image: v.optional(imageWithTag(), defaultImages.postgres),
  /** Password in `postgres`, 16 characters or more. Excludes `passwordFrom`. Default: generated, 32 characters. */
  password: v.optional(secretText(16)),
  /** Existing Secret with that password. */
  passwordFrom: v.optional(secretKey()),
  /** Of `postgres`. */
  resources: resources({ requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } }),
  /**
   * Connections that the database accepts in all: `postgres` is started with it, and of an `external` one you say how many it
   * allows. The pools of the server follow from it; a stack that may need more is refused. Default: `100`, or what the size of
   * a managed database allows.
   */
  maxConnections: v.optional(wholeNumber(20, 10_000)),
  /** Runs `VACUUM ANALYZE` in `postgres`. */
  vacuum: v.optional(flag(), true),
  /** When, in UTC. Default: Saturdays at 3. */
  vacuumSchedule: v.optional(cronSchedule(), '0 3 * * 6'),
  /** Seconds that `pulumi up` waits for `postgres`. */
  timeoutSeconds: v.optional(wholeNumber(30, 3600), 300),
  /** What the external database is. A MySQL server with a binary log needs `log_bin_trust_function_creators = 1`. */
  dialect: v.optional(oneOf(['postgresql', 'mysql', 'mssql']), 'postgresql'),
  /**
   * Existing Secret with the whole URI, such as `postgresql://user:password@host:5432/mlflow`. Characters such as `@ : / %` in
   * user and password are percent-encoded. Excludes `host`, `port` and `connectionFrom`.
   */
  uriFrom: v.optional(secretKey()),
  /** Host name of the database, with at least one dot. */
  host: v.optional(serverHost()),
  /** Port of the database. Default: `5432`, `3306` or `1433`, by dialect. */
  port: v.optional(wholeNumber(1, 65_535)),
  /** Name of the database. */
  database: v.optional(text('the name of a database', /^\w[-\w]*$/, 63), 'mlflow'),
  /** Existing Secret with user and password. They may hold any characters. */
  connectionFrom: v.optional(
    section({
      secretName: secretName(),
      /** Key with the user. */
      userKey: v.optional(dataKey('Secret'), 'username'),
      /** Key with the password. */
      passwordKey: v.optional(dataKey('Secret'), 'password'),
      /** Key with the host, read where `backendStore.host` is not set. */
      hostKey: v.optional(dataKey('Secret'), 'host'),
    }),
  ),
  /** Major version of the managed PostgreSQL. It can be raised in place, never lowered. */
  version: v.optional(text('a major version of PostgreSQL from 15 to 18', /^1[5-8]$/), '17'),
  /** Size of the instance of kind `rds`. */
  instanceClass: v.optional(
    text('a class of instances such as db.t4g.medium or db.m7g.large', /^db\.[a-z0-9-]+\.\w+$/),
    'db.t4g.medium',
  ),
  /**
   * Size of the instance of kind `cloudSql`: db-g1-small, db-custom-<cores>-<MiB>, or db-perf-optimized-N-<cores>. Default:
   * `db-custom-1-3840`.
   */
  tier: v.optional(
    text(
      'a tier such as db-g1-small, db-custom-2-7680 or db-perf-optimized-N-2',
      /^db-(f1-micro|g1-small|custom-[1-9]\d{0,2}-[1-9]\d{3,6}|perf-optimized-N-[1-9]\d{0,2})$/,
    ),
  ),
  /** A managed database that is there already: the identifier of an RDS instance, or project:region:instance of Cloud SQL. */
  existingInstance: v.optional(text('the name of an instance', /^[a-z0-9.-]+(:[a-z0-9-]+){0,3}$/, 255)),
  /** Keeps a copy of the managed database in another zone, ready to take over. Default: `false`, or `true` with `availability: high`. */
  highAvailability: v.optional(flag()),
  /** `password`: by a password that a Secret holds. `iam`: by what the cloud knows the pods for; no password is stored. */
  auth: v.optional(oneOf(['password', 'iam']), 'password'),
  /** Backups that the cloud makes of the managed database. */
  backups: optionalSection({
    /** Days that they are kept. */
    retentionDays: v.optional(wholeNumber(1, 35), 7),
    /** When they begin, in UTC. Default: chosen by the cloud. */
    window: v.optional(text('a time in UTC such as 03:00', /^([01]\d|2[0-3]):[0-5]\d$/)),
    /** Also keeps the log of changes, so that any moment can be restored. */
    pointInTimeRecovery: v.optional(flag(), true),
  }),
  /** Leaves a last copy of the managed database when it is deleted. */
  finalSnapshot: v.optional(flag(), true),
  /**
   * `sslmode` towards an external or managed PostgreSQL; the one in the cluster is always verified in full. `verify-ca` and
   * `verify-full` check the certificate of an external one against `server.caBundle`. Default: `require`, or `verify-full` with
   * kind `rds`.
   */
  sslMode: v.optional(oneOf(['disable', 'prefer', 'require', 'verify-ca', 'verify-full'])),
  readReplica: v.optional(
    section({
      /** Host of a replica that answers reads; all else is as for the database. PostgreSQL by host only. MLflow 3.14 or newer. */
      host: v.optional(serverHost()),
      /** Port of the replica. Default: that of the database. */
      port: v.optional(wholeNumber(1, 65_535)),
      /** Existing Secret with the whole URI of the replica. Excludes `host`. */
      uriFrom: v.optional(secretKey()),
    }),
  ),
});

/** A database of its own for the model registry. Default: the backend store. */
export const registryStore = v.optional(
  section({
    /** Name of a database beside the backend store, made where it is missing. PostgreSQL by host only. Excludes `uriFrom`. */
    database: v.optional(text('the name of a database', /^\w[-\w]*$/, 63)),
    /** Existing Secret with the whole URI of another database. */
    uriFrom: v.optional(secretKey()),
  }),
);
