// What a bucket or a database of a cloud was made with, and cannot be changed to without making it anew.
import type { Settings } from '../settings/index.ts';
import { parseQuantity } from './quantity.ts';

/** Settings as texts, by their names; empty where the stack makes neither. */
export type StoreRecord = Readonly<Record<string, string>>;

const cloudKinds = ['gcs', 's3', 'cloudSql', 'rds'];

export function storeRecord(settings: Settings): StoreRecord {
  const { artifactStore, backendStore, dataProtection, gcp, aws } = settings;
  const ownBucket = cloudKinds.includes(artifactStore.kind) && artifactStore.existingBucket === undefined;
  const ownDatabase = cloudKinds.includes(backendStore.kind) && backendStore.existingInstance === undefined;
  const place = { 'gcp.project': gcp?.project, 'gcp.region': gcp?.region, 'aws.region': aws?.region };
  const texts: Record<string, string | undefined> = {
    ...(ownBucket && {
      'artifactStore.kind': artifactStore.kind,
      'artifactStore.bucketName': artifactStore.bucketName ?? '',
    }),
    ...(ownDatabase && {
      'backendStore.kind': backendStore.kind,
      'backendStore.database': backendStore.database,
      'backendStore.version': backendStore.version,
      'backendStore.size': backendStore.size,
    }),
    ...(ownDatabase &&
      backendStore.kind === 'cloudSql' && {
        'gcp.network': gcp?.network,
        // It decides on the authority of the certificate.
        'backendStore.sslMode': backendStore.sslMode === 'verify-full' ? 'verify-full' : 'require',
      }),
    ...((ownBucket || ownDatabase) && { ...place, dataProtection }),
  };
  return Object.fromEntries(
    Object.entries(texts).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Whether the stack makes a store that it has to remember. */
export const hasStoreRecord = (settings: Settings): boolean => Object.keys(storeRecord(settings)).length > 0;

const guide = 'docs/upgrade.md#moving-data';
const retainFirst =
  'set mlflow-stack:dataProtection to retain and update once, so that it stays; then change it';

/** A sentence for each change that would take data away. */
export function storeChanges(before: StoreRecord, settings: Settings): string[] {
  const now = storeRecord(settings);
  return Object.entries(before).flatMap(([setting, old]) => {
    if (setting === 'dataProtection') return [];
    const next = now[setting];
    const what = setting.startsWith('backendStore') ? 'database' : 'bucket';
    if (setting.endsWith('.kind') && next !== old)
      return before.dataProtection === 'delete'
        ? [
            `the ${what} of ${setting} ${old} holds data, is no part of these settings any more and would be deleted; put it back, ${retainFirst}`,
          ]
        : [];
    // What belongs to a store that is no part of the settings any more goes with it.
    if (next === undefined || next === old) return [];
    if (setting === 'backendStore.version')
      return Number(next) > Number(old)
        ? []
        : [
            `mlflow-stack:${setting} is ${next}, but the database has ${old}, and cannot go back; set it to ${old}`,
          ];
    if (setting === 'backendStore.size')
      return (parseQuantity(next) ?? 0) > (parseQuantity(old) ?? 0)
        ? []
        : [
            `mlflow-stack:${setting} is ${next}, but the disk of the database has ${old}, and cannot shrink; set it to ${old}, or move the data: ${guide}`,
          ];
    const wish = next === '' ? 'is not set any more' : `is ${next}`;
    const back = old === '' ? 'remove it' : `set it to ${old}`;
    const place = /^(gcp|aws)\./.test(setting) ? 'stores of this stack were' : `${what} of this stack was`;
    return [
      `mlflow-stack:${setting} ${wish}, but the ${place} made with ${old === '' ? 'none' : old}, and would be made anew, empty; ${back}, or move the data: ${guide}`,
    ];
  });
}
