import { expect } from 'chai';
import { backupsBeside, hasFolder } from '../../lib/backup.ts';

describe('the place of backups', () => {
  for (const [artifacts, backups] of [
    ['/mlflow/artifacts', '/mlflow/backups-of-artifacts'],
    ['s3://bucket/mlflow-artifacts', 's3://bucket/backups-of-mlflow-artifacts'],
    ['s3://bucket/team/a/', 's3://bucket/team/backups-of-a'],
    ['wasbs://box@account.blob.core.windows.net/x', 'wasbs://box@account.blob.core.windows.net/backups-of-x'],
  ] as const) {
    it(`is ${backups} for ${artifacts}: beside, and no name that begins like theirs`, () => {
      expect(hasFolder(artifacts)).to.equal(true);
      expect(backupsBeside(artifacts)).to.equal(backups);
      expect(backups.startsWith(artifacts.replace(/\/$/, ''))).to.equal(false);
    });
  }

  for (const artifacts of ['s3://bucket', 's3://bucket/', 'gs://bucket//', '/']) {
    it(`is not beside ${artifacts}, which has no folder`, () => expect(hasFolder(artifacts)).to.equal(false));
  }
});
