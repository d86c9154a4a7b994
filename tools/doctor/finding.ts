/** What `npm run doctor` can find. docs/operations.md has a line on each. */
export const findingIds = [
  // Of pods.
  'secret-missing',
  'image-pull',
  'container-config',
  'out-of-memory',
  'crash',
  'no-room',
  'unschedulable',
  'volume-mount',
  'pods-refused',
  'not-answering',
  // Of storage.
  'claim-pending',
  'claim-lost',
  'storage-full',
  // Of the database.
  'database-unreachable',
  'database-login',
  'database-schema',
  // Of the artifact store.
  'artifacts-unreachable',
  'artifacts-denied',
  'artifacts-bucket-missing',
  'artifacts-failed',
  // Of Jobs.
  'migration-failed',
  'job-failed',
  // Of the server and its ways in.
  'server-missing',
  'server-stopped',
  'diagnostic-mode',
  'no-endpoints',
  'no-address',
  'route-refused',
  // Of the cluster.
  'node-pressure',
  // Of the doctor itself.
  'not-examined',
] as const;

export type FindingId = (typeof findingIds)[number];

export interface Finding {
  readonly id: FindingId;
  /** The component that it is about, by its label. */
  readonly component?: string;
  /** The object behind it, where several tell of the same one. */
  readonly about?: string;
  /** What is wrong with which object. */
  readonly what: string;
  /** What Kubernetes, the database or the store says about it. */
  readonly cause: string;
  /** The setting to change or the command to type next. */
  readonly next: string;
}

/** How commands for a stack begin, for people to go on with. */
export interface Commands {
  /** kubectl in the stack's namespace. */
  readonly kubectl: string;
  /** Puts the stack right. */
  readonly up: string;
  /** Adds a component. */
  readonly logs: string;
  readonly verifySecret: string;
}

export function commandsFor(
  stack: string,
  context: string,
  namespace: string,
  isEmbedded: boolean,
): Commands {
  const kubectl = isEmbedded ? 'npm run kubectl --' : `kubectl --context ${context}`;
  return {
    kubectl: `${kubectl} --namespace ${namespace}`,
    up: `npm run pulumi -- up --refresh --stack ${stack}`,
    logs: `npm run logs -- --stack ${stack}`,
    verifySecret: `npm run verify-secret -- --stack ${stack}`,
  };
}
