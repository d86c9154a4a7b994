// What keeps the stores in order: schema migrations, garbage collection, trace archival.
import * as v from 'valibot';
import {
  className,
  flag,
  imageWithTag,
  notShown,
  oneOf,
  optionalSection,
  resources,
  secretKey,
  size,
  text,
  wholeNumber,
} from '../lib/schema.ts';
import { cronSchedule, timeZone } from './schedule.ts';

const age = (allowed: string, pattern: RegExp) => text(allowed, pattern);

export const migrations = optionalSection({
  /**
   * `false` leaves `mlflow db upgrade postgresql+psycopg2://...` to you: the server refuses to start on an older schema, unless
   * a release only adds tables, which it makes by itself.
   */
  enabled: v.optional(flag(), true),
  /** Any new text runs the migration once more. */
  runId: v.optional(text('up to 63 letters, digits, dots, hyphens and underscores', /^[\w.-]*$/, 63), ''),
  /**
   * Copies a database within its server before its schema changes, and keeps the last two copies. MySQL and MSSQL cannot be
   * copied: take a backup and set it to `false`.
   */
  snapshot: v.optional(flag(), true),
});

export const gc = optionalSection({
  /** Makes the CronJob that removes for good what users have deleted, rows and files. */
  enabled: v.optional(flag(), true),
  /** When it runs. Default: Sundays at 2. */
  schedule: v.optional(cronSchedule(), '0 2 * * 0'),
  /** IANA time zone of the schedule, such as `Europe/Berlin`. */
  timeZone: v.optional(timeZone(), 'Etc/UTC'),
  /** Age since deletion; `all` removes whatever is deleted, however recently. */
  olderThan: v.optional(
    age('an age such as 30d or 1d12h, or all', /^(all|(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?)$/),
    '30d',
  ),
  /** Keeps the CronJob but starts no run. */
  suspend: v.optional(flag(), false),
  /** Also removes finished jobs of MLflow's job runner. */
  jobs: v.optional(flag(), false),
  /** Of a run. */
  resources: resources({
    requests: { cpu: '100m', memory: '256Mi' },
    limits: { cpu: '500m', memory: '512Mi' },
  }),
  /** Seconds after which a run is ended. */
  deadlineSeconds: v.optional(wholeNumber(60, 604_800), 21_600),
});

export const traceArchival = optionalSection({
  /** Moves the spans of old traces from the database to the artifact store, where they stay readable. MLflow 3.13 or newer. */
  enabled: v.optional(flag(), false),
  /** When it runs, in UTC. Default: every six hours. */
  schedule: v.optional(cronSchedule(), '0 */6 * * *'),
  /** Age at which spans move. */
  retention: v.optional(age('an age such as 30d, 12h or 90m', /^[1-9]\d*[dhm]$/), '30d'),
  /** Traces per run at most. */
  maxTraces: v.optional(wholeNumber(1, 1_000_000), 1000),
});

export const backup = optionalSection({
  /** Dumps the databases on `schedule`: PostgreSQL and SQLite. */
  enabled: v.optional(flag(), false),
  /** When, in cron's five fields. Default: each day at 1. */
  schedule: v.optional(cronSchedule(), '0 1 * * *'),
  /** IANA time zone of the schedule. */
  timeZone: v.optional(timeZone(), 'Etc/UTC'),
  /** How many of the newest are kept. */
  keep: v.optional(wholeNumber(1, 1000), 14),
  /** `artifactStore`: a folder beside that of the artifacts, which the server does not give out. `claim`: a claim of its own. */
  destination: v.optional(oneOf(['artifactStore', 'claim']), 'artifactStore'),
  /** Size of that claim. */
  size: v.optional(size(), '10Gi'),
  /** StorageClass of that claim. Default: the cluster's default class. */
  storageClassName: v.optional(className()),
  /** Locks the keys in a backup; a secret that must outlive the cluster. */
  passphrase: v.optional(
    v.pipe(v.string(`a secret text (${notShown})`), v.minLength(16, `at least 16 characters (${notShown})`)),
  ),
  /** Existing Secret with that passphrase. */
  passphraseFrom: v.optional(secretKey()),
  /** Image with pg_dump and pg_restore, no older than the server. Default: `backendStore.image`. */
  clientImage: v.optional(imageWithTag()),
  /** Room of a run for the dump and its archive: up to twice the size of a backup. */
  tmpSize: v.optional(size(), '10Gi'),
});

/**
 * What `pulumi destroy` does with data (claims and generated keys with the namespace around them, buckets and managed
 * databases): `delete`; `retain`, they stay, and the next `up` finds them again; `protect`, destroy is refused. Default:
 * `delete` with cloud `local`, `retain` with the others.
 */
export const dataProtection = v.optional(oneOf(['delete', 'retain', 'protect']));

/** Days that logs of the cloud are kept, where the stack makes them. */
export const logRetentionDays = v.optional(wholeNumber(1, 3653), 90);

export const audit = optionalSection({
  /** Has the cloud write down who reads and writes data: requests to the bucket, sessions of the database. */
  enabled: v.optional(flag(), false),
});
