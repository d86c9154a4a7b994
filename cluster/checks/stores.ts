// Buckets and databases of a cloud: what would make them anew, or delete them, is refused.
import type { Settings } from '../../config.ts';
import { isOwn } from '../../lib/labels.ts';
import { names } from '../../lib/names.ts';
import { storeChanges } from '../../lib/store-record.ts';
import { type ClusterView, unreadable } from '../view.ts';
import { readContent } from './references.ts';

export async function storeMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const found = await readContent(view, settings.namespace.name, {
    kind: 'ConfigMap',
    name: names.storeRecord,
  });
  if (found === undefined || found === unreadable || !isOwn(found.labels)) return [];
  return storeChanges(found.values, settings);
}
