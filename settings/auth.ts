// Who may use the server, and how people and programs show who they are.
import * as v from 'valibot';
import { flag, oneOf, optionalSection, secretKey, secretText, text, wholeNumber } from '../lib/schema.ts';

export const auth = optionalSection({
  /** `none`: whoever reaches the server may do anything. `basic`: MLflow's own users and permissions. */
  kind: v.optional(oneOf(['none', 'basic']), 'none'),
  /** Accepts that anybody who reaches a way in from outside may do anything, where `kind` is `none`. */
  acceptPublic: v.optional(flag(), false),
  adminUsername: v.optional(text('a user name', /^[\w.@-]+$/, 255), 'admin'),
  /** Password of that user, a secret of at least 12 characters. Default: generated, in output adminPassword. */
  adminPassword: v.optional(secretText(12)),
  /** Existing Secret with that password. */
  adminPasswordFrom: v.optional(secretKey()),
  /** What users may do with what they were given no permission for. */
  defaultPermission: v.optional(oneOf(['READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS']), 'READ'),
  /** Seconds that a server remembers a checked password: three times the requests, but a revoked one works as long. */
  cacheSeconds: v.optional(wholeNumber(0, 3600), 0),
});
