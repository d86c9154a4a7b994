// The test double of a plug-in must refuse what the real one refuses, or the end-to-end tests prove nothing.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Declarations, UNKNOWN } from '../e2e/support/double/inputs.ts';
import { table } from '../e2e/support/double/gcp/table.ts';
import type { Props } from '../e2e/support/double/store.ts';
import { Store } from '../e2e/support/double/store.ts';

describe('The test double of the plug-in of Google Cloud', function () {
  this.timeout('20s');
  const dir = mkdtempSync(join(tmpdir(), 'mlflow-stack-double-'));
  const declarations = new Declarations('gcp', join(dir, 'declarations.json'));
  after(() => rmSync(dir, { recursive: true }));

  const problems = async (token: string, inputs: Props): Promise<string[]> =>
    (await declarations.check(token, 'it', inputs)).map(({ property, reason }) => `${property}: ${reason}`);
  const broken = (token: string, inputs: Props): string[] => {
    const found: string[] = [];
    table.kinds[token]?.check?.(inputs, (property) => found.push(property), {
      store: new Store(dir),
      config: {},
    });
    return found;
  };

  const bucket = 'gcp:storage/bucket:Bucket';
  const instance = 'gcp:sql/databaseInstance:DatabaseInstance';

  it('knows every input of a resource, required ones and nested ones, from the SDK', async () => {
    expect(
      await problems(bucket, { location: 'EU', versioning: { enabled: true }, labels: { a: 'b' } }),
    ).to.deep.equal([]);
    const wrong = {
      versioning: { enabledd: true },
      forceDestroy: 'yes',
      lifecycleRules: [{ action: {} }],
      colour: 1,
    };
    const text = (await problems(bucket, wrong)).join('\n');
    for (const part of [
      'location: Missing required argument',
      'versioning.enabledd: Invalid or unknown key',
      "forceDestroy: expected type 'boolean'",
      'lifecycleRules[0].condition: Missing required argument',
      'colour: Invalid or unknown key',
    ])
      expect(text).to.include(part);
  });

  it('takes what is not known yet for any value', async () => {
    expect(
      await problems(bucket, { location: UNKNOWN, versioning: UNKNOWN, labels: { a: UNKNOWN } }),
    ).to.deep.equal([]);
  });

  it('has the rules of the services', () => {
    expect(broken(bucket, { name: 'Google_it', location: 'nowhere' })).to.deep.equal(['name', 'location']);
    const settings = { tier: 'db-custom-3-3840', availabilityType: 'REGIONAL', diskSize: 5 };
    expect(broken(instance, { name: 'db', databaseVersion: 'POSTGRES_15', settings })).to.have.members([
      'settings.tier',
      'settings.availabilityType',
      'settings.diskSize',
    ]);
    // Newer versions are of the dearer edition, unless they are told otherwise.
    const plain = { databaseVersion: 'POSTGRES_17', settings: { tier: 'db-custom-1-3840' } };
    expect(broken(instance, plain)).to.deep.equal(['settings.tier']);
    const access = { bucket: 'b', role: 'storage.objectUser', member: 'someone@example.com' };
    expect(broken('gcp:storage/bucketIAMMember:BucketIAMMember', access)).to.deep.equal(['member', 'role']);
  });
});
