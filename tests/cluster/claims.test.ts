import { expect } from 'chai';
import { type Answers, list } from '../support/api-server.ts';
import { check, foreign, namespace, object, own } from './support/check.ts';

interface ClaimParts {
  readonly component?: string;
  readonly protection?: string;
  readonly labels?: object;
  readonly managedFields?: object[];
  readonly mode?: string;
  readonly size?: string;
  readonly className?: string;
}

/** A namespace of this stack with one claim in it. */
function claim(name: string, parts: ClaimParts = {}): Answers {
  const { component = 'postgres', protection, managedFields } = parts;
  return {
    ...namespace({ labels: own }),
    ...object(
      `api/v1/persistentvolumeclaims/${name}`,
      {
        spec: {
          accessModes: [parts.mode ?? 'ReadWriteOnce'],
          storageClassName: parts.className ?? 'standard',
          resources: { requests: { storage: parts.size ?? '10Gi' } },
        },
      },
      {
        labels: parts.labels ?? { ...own, 'app.kubernetes.io/component': component },
        ...(protection && { annotations: { 'mlflow-stack/data-protection': protection } }),
        ...(managedFields && { managedFields }),
      },
    ),
  };
}

const classes = {
  '/apis/storage.k8s.io/v1/storageclasses': {
    items: [
      {
        metadata: {
          name: 'standard',
          annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
        },
      },
      { metadata: { name: 'fast' } },
      { metadata: { name: 'growing' }, allowVolumeExpansion: true },
    ],
  },
};

const named = (manager: string) => [
  { manager: 'kube-controller-manager', fieldsV1: { 'f:status': {} } },
  { manager, fieldsV1: { 'f:spec': { 'f:storageClassName': {} } } },
];

async function mistakes(answers: Answers, changes: object = {}): Promise<string[]> {
  return (await check({ ...classes, ...answers }, changes)).mistakes;
}

const move = 'or move the data: docs/upgrade.md#moving-data';
const retain =
  'set mlflow-stack:dataProtection to retain and update once, so that the claim stays; then change it';
const removed = (name: string) =>
  `PersistentVolumeClaim "${name}" holds data, is no part of these settings any more and would be deleted; put the kind of the store back, ${retain}`;

describe('a claim with data', () => {
  const artifacts = { component: 'artifact-store' };
  for (const [title, answers, changes] of [
    ['may stay as it is', claim('mlflow-postgres'), {}],
    [
      'may keep the class that the settings name',
      claim('mlflow-postgres', { className: 'fast' }),
      { backendStore: { storageClassName: 'fast' } },
    ],
    [
      'may keep a class that was the default of the cluster once',
      claim('mlflow-postgres', { className: 'fast', managedFields: named('kube-apiserver') }),
      {},
    ],
    [
      'may grow where its class allows it',
      claim('mlflow-postgres', { className: 'growing' }),
      { backendStore: { size: '20Gi' } },
    ],
    [
      'may have its size in other words',
      claim('mlflow-postgres', { size: '1024Mi' }),
      { backendStore: { size: '1Gi' } },
    ],
    [
      'may leave the settings when it was retained',
      claim('mlflow-postgres', { protection: 'retain' }),
      { backendStore: { kind: 'sqlite' } },
    ],
    [
      'may be shared by the S3 server',
      claim('mlflow-artifacts', { component: 's3' }),
      { artifactStore: { kind: 's3Compatible' } },
    ],
  ] as const) {
    it(title, async () => expect(await mistakes(answers, changes)).to.deep.equal([]));
  }

  for (const [title, answers, changes, expected] of [
    [
      'another class',
      claim('mlflow-postgres'),
      { backendStore: { storageClassName: 'fast' } },
      `PersistentVolumeClaim "mlflow-postgres" has the StorageClass "standard", but mlflow-stack:backendStore.storageClassName is fast, which would replace it and its data; set it to standard, ${move}`,
    ],
    [
      'the default class in place of its own',
      claim('mlflow-postgres', { className: 'fast', managedFields: named('pulumi-kubernetes-1a2b') }),
      {},
      `PersistentVolumeClaim "mlflow-postgres" has the StorageClass "fast", but mlflow-stack:backendStore.storageClassName is not set any more, which would replace it and its data; set it to fast, ${move}`,
    ],
    [
      'another access mode',
      claim('mlflow-artifacts', artifacts),
      { artifactStore: { accessMode: 'ReadWriteMany' } },
      `PersistentVolumeClaim "mlflow-artifacts" is ReadWriteOnce, but mlflow-stack:artifactStore.accessMode is ReadWriteMany, which would replace it and its data; set it to ReadWriteOnce, ${move}`,
    ],
    [
      'a smaller size',
      claim('mlflow-artifacts', artifacts),
      { artifactStore: { size: '5Gi' } },
      `PersistentVolumeClaim "mlflow-artifacts" has 10Gi, but mlflow-stack:artifactStore.size is 5Gi, and a claim cannot shrink; set it to 10Gi, ${move}`,
    ],
    [
      'a larger size in a class that lets none grow',
      claim('mlflow-postgres'),
      { backendStore: { size: '20Gi' } },
      'PersistentVolumeClaim "mlflow-postgres" has 10Gi, but mlflow-stack:backendStore.size is 20Gi, and its StorageClass "standard" lets no claim grow; set allowVolumeExpansion in the class, or set the size back to 10Gi',
    ],
    [
      'settings without it',
      claim('mlflow-postgres'),
      { backendStore: { kind: 'sqlite' } },
      removed('mlflow-postgres'),
    ],
    [
      'settings without it that come together with retain',
      claim('mlflow-postgres', { protection: 'delete' }),
      { backendStore: { kind: 'sqlite' }, dataProtection: 'retain' },
      removed('mlflow-postgres'),
    ],
    [
      'a database file that would move to the claim of the artifacts',
      claim('mlflow-sqlite', { component: 'sqlite' }),
      { backendStore: { kind: 'sqlite' } },
      removed('mlflow-sqlite'),
    ],
    [
      'an S3 server on what was a plain claim',
      claim('mlflow-artifacts', { ...artifacts, protection: 'retain' }),
      { artifactStore: { kind: 's3Compatible' } },
      'PersistentVolumeClaim "mlflow-artifacts" holds artifacts of artifactStore.kind pvc, which kind s3Compatible without endpointUrl cannot read; set mlflow-stack:artifactStore.kind back to pvc, or move the artifacts: docs/upgrade.md#moving-data',
    ],
    [
      'a plain claim in place of an S3 server',
      claim('mlflow-artifacts', { component: 's3' }),
      {},
      'PersistentVolumeClaim "mlflow-artifacts" holds artifacts of artifactStore.kind s3Compatible, which kind pvc cannot read; set mlflow-stack:artifactStore.kind back to s3Compatible, or move the artifacts: docs/upgrade.md#moving-data',
    ],
  ] as const) {
    it(`does not get ${title}`, async () =>
      expect(await mistakes(answers, changes)).to.deep.equal([expected]));
  }

  it("is compared with nothing when it is somebody else's", async () => {
    const answers = claim('mlflow-postgres', { labels: foreign });
    const found = await mistakes(answers, { backendStore: { size: '1Gi' } });
    expect(found).to.deep.equal([
      'PersistentVolumeClaim "mlflow-postgres" exists in namespace "mlflow" and is not this stack\'s own; remove it, or choose another mlflow-stack:namespace.name',
    ]);
  });

  it('is not left behind in another namespace', async () => {
    const path =
      '/api/v1/persistentvolumeclaims?labelSelector=app.kubernetes.io%2Finstance%3Dmlflow-stack.test';
    const at = (name: string, place: string, protection?: string) => ({
      name,
      namespace: place,
      labels: own,
      annotations: protection === undefined ? {} : { 'mlflow-stack/data-protection': protection },
    });
    const claims = list(
      at('mlflow-postgres', 'old'),
      at('mlflow-artifacts', 'old', 'retain'),
      at('scratch', 'old'),
      at('mlflow-artifacts', 'mlflow'),
    );
    expect(await mistakes({ [path]: claims })).to.deep.equal([
      `PersistentVolumeClaim "mlflow-postgres" of this stack is in namespace "old" and would be deleted, because mlflow-stack:namespace.name is mlflow; put old back, ${retain}`,
    ]);
  });
});

describe('an existing claim', () => {
  const existing = { artifactStore: { existingClaim: 'team-data' }, namespace: { create: false } };
  const what = 'PersistentVolumeClaim "team-data", which mlflow-stack:artifactStore.existingClaim names,';
  const there = (modes: string[], metadata: object = {}) => ({
    ...namespace(),
    ...object(
      'api/v1/persistentvolumeclaims/team-data',
      { spec: { accessModes: modes } },
      { labels: {}, ...metadata },
    ),
  });
  const shared = { ...existing, artifactStore: { ...existing.artifactStore, accessMode: 'ReadWriteMany' } };

  for (const [title, answers, changes, expected] of [
    ['may be used', there(['ReadWriteOnce']), existing, []],
    ['may be shared', there(['ReadWriteOnce', 'ReadWriteMany']), shared, []],
    ['must be there', namespace(), existing, [`${what} does not exist in namespace "mlflow"; create it`]],
    [
      'must stay there',
      there([], { deletionTimestamp: '2026-11-24T00:00:00Z' }),
      existing,
      [`${what} is being deleted; name another one`],
    ],
    [
      'must be as shareable as the settings say',
      there(['ReadWriteOnce']),
      shared,
      [
        `${what} is ReadWriteOnce, but mlflow-stack:artifactStore.accessMode is ReadWriteMany; name a claim that several nodes can share, or leave the access mode out`,
      ],
    ],
    [
      'cannot be in a namespace that is yet to be made',
      {},
      { artifactStore: existing.artifactStore },
      [
        'namespace "mlflow" does not exist yet, so PersistentVolumeClaim "team-data" cannot be in it; create the namespace and these, and set mlflow-stack:namespace.create to false',
      ],
    ],
  ] as const) {
    it(title, async () => expect(await mistakes(answers, changes)).to.deep.equal(expected));
  }
});
