// What a stack says when it is up: `pulumi stack output`, and what the commands of operators find it by.
import * as pulumi from '@pulumi/pulumi';
import type { EntryParts, KeptNames } from './clouds/cloud.ts';
import type {
  ArtifactConnection,
  Auth,
  BackendConnection,
  BackupCronJob,
  GcCronJob,
  MlflowServer,
  WorkloadIdentity,
} from './components/index.ts';
import { trackingUrl as trackingUrlOf } from './lib/component-args.ts';
import { connectionSummary } from './lib/connection-budget.ts';
import { mlflowVersion } from './lib/image.ts';
import { nextCommands } from './lib/next-commands.ts';
import { signInGuide } from './lib/sign-in.ts';
import type { Site } from './site.ts';

/** The parts of a stack that have something to say; undefined where it has none. */
export interface Parts {
  readonly artifacts: ArtifactConnection;
  readonly backend: BackendConnection;
  readonly identities: Readonly<Record<string, WorkloadIdentity>>;
  readonly entry: EntryParts | undefined;
  readonly server: MlflowServer;
  readonly auth: Auth;
  readonly gc: GcCronJob | undefined;
  readonly backup: BackupCronJob | undefined;
  /** Names in the cloud's secret manager, by what is kept there. */
  readonly kept: KeptNames | undefined;
  readonly extras: Readonly<Record<string, pulumi.Input<unknown>>> | undefined;
}

/** Each output is always there: null where the stack has no such thing. */
export function stackOutputs({ settings, access }: Site, parts: Parts) {
  const { artifacts, backend, kept, identities, entry, server, auth, gc, backup, extras } = parts;
  const { namespace, name, port, url } = server.connection;
  const service = pulumi.output({ namespace, name, port });
  const trackingUrl = trackingUrlOf(settings);
  return {
    /** Namespace, name and port of the server's Service. */
    service,
    /** Tracking URL for clients outside the cluster; without an Ingress or a route, the one that the port-forward of `nextCommands` opens. */
    trackingUrl,
    /** Tracking URL for clients inside the cluster. */
    internalTrackingUrl: url,
    /** Reserved address of the way in, where the cloud has one for the stack. */
    entryAddress: entry?.address ?? null,
    /** By which names the cloud knows the stack's pods, by component. */
    identityNames: pulumi.output(
      Object.fromEntries(
        Object.entries(identities).map(([component, { principal }]) => [component, principal]),
      ),
    ),
    /** What the cloud says of its own resources. */
    cloudOutputs: extras ?? null,
    /** Names in the cloud's secret manager, by what is kept there. */
    keptSecrets: kept ?? null,
    artifactUri: artifacts.uri,
    /** Where scheduled backups are. */
    backupUri: backup?.uri ?? null,
    databaseHost: backend.host,
    /** Connections that the stack may open to the database, and how many it accepts. */
    databaseConnections: connectionSummary(settings) ?? null,
    mlflowVersion: mlflowVersion(settings.server.image),
    /** Revision of the database's schema, and the copy that was made before it changed last. */
    schemaRevision: server.migration.revision,
    databaseSnapshot: server.migration.snapshot,
    /** First administrator, where MLflow has users of its own. */
    adminUsername: settings.auth.kind === 'basic' ? settings.auth.adminUsername : null,
    adminPassword: auth.adminPassword ?? null,
    /** How people get in, and by which variables programs do. */
    signIn: signInGuide(settings.auth, trackingUrl),
    /** Generated passwords of the users that `auth` names, where a proxy asks for them. */
    passwords: auth.passwords ?? null,
    /** What to type next, each with a word on what it does. */
    nextCommands: nextCommands({ context: access.context, service, gcCronJob: gc?.cronJobName }),
  };
}
