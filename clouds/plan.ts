import type { RawSettings, Settings } from '../settings/index.ts';

/** What is known of a cloud without its SDK, so that settings can be checked and completed by anybody. */
export interface CloudPlan {
  /** Kinds of stores, and what happens to data, where settings leave it open. */
  readonly defaults: {
    readonly artifactStore: Settings['artifactStore']['kind'];
    readonly backendStore: Settings['backendStore']['kind'];
    readonly dataProtection: Settings['dataProtection'];
    /** Secret that `identity.kind` keys reads. */
    readonly credentials: string;
  };
  /** Kinds of stores that no other cloud has. */
  readonly ownKinds: readonly string[];
  /** Connections that the managed database accepts in all, by its size; undefined for any other. */
  maxConnections(raw: RawSettings): number | undefined;
  /** Mistakes that no single value shows, a sentence each. */
  mistakes(settings: Settings): string[];
}
