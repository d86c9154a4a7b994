// Mistakes that no single value shows: settings that exclude each other, need each other, or promise what cannot be.
import type { Settings } from '../index.ts';
import { auth } from './auth.ts';
import { backups } from './backup.ts';
import { clouds } from './clouds.ts';
import { entry } from './entry.ts';
import { externalSecrets } from './external-secrets.ts';
import { networkPolicy } from './network-policy.ts';
import { scaling } from './scaling.ts';
import { secrets } from './secrets.ts';
import { server, versions } from './server.ts';
import { stores } from './stores.ts';

/** One sentence per mistake. */
export function conflicts(settings: Settings): string[] {
  return [
    clouds,
    stores,
    secrets,
    externalSecrets,
    backups,
    auth,
    server,
    versions,
    scaling,
    entry,
    networkPolicy,
  ]
    .flatMap((rules) => rules(settings))
    .map((text) => `mlflow-stack:${text}`);
}
