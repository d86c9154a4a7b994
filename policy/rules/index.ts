import type { Resource, Rule } from '../resource.ts';
import { labelled, nameLimits, tagged } from './names.ts';
import { noIdleToken, pinnedImages, requests, restrictedPods } from './pods.ts';
import { noWildcards } from './rights.ts';
import { noPlainSecrets, noStaticKeys } from './secrets.ts';
import { encryptedDatabases, noOpenDatabases, noPublicBuckets, protectedData } from './stores.ts';

export const rules: readonly Rule[] = [
  noPublicBuckets,
  noOpenDatabases,
  encryptedDatabases,
  protectedData,
  noWildcards,
  noStaticKeys,
  noPlainSecrets,
  restrictedPods,
  noIdleToken,
  requests,
  pinnedImages,
  nameLimits,
  tagged,
  labelled,
];

/** What is wrong with the resources of a stack, each with its resource and rule. */
export const findings = (resources: readonly Resource[], asked: readonly Rule[] = rules): string[] =>
  resources.flatMap((resource) =>
    asked.flatMap((rule) =>
      [...(rule.resource?.(resource) ?? []), ...(rule.stack?.(resource, resources) ?? [])].map(
        (finding) => `${resource.type} ${resource.name}: ${finding} (${rule.name})`,
      ),
    ),
  );
