import { expect } from 'chai';
import { diskGb, tierConnections } from '../../clouds/gcp/plan.ts';
import { parseSettings } from '../../config.ts';
import { storeChanges, storeRecord } from '../../lib/store-record.ts';
import { refusal } from '../support/settings.ts';

const gcp = { project: 'my-team-dev', region: 'europe-west1', network: 'my-network' };
const least = { cloud: 'gcp', kubernetes: { context: 'gke' }, gcp };
const existingInstance = 'my-team-dev:europe-west1:old';
const gce = { enabled: true, className: 'gce', hosts: ['mlflow.example.com'] };
const users = { auth: { kind: 'basic' } };
const iap = {
  clientId: '1-a.apps.googleusercontent.com',
  clientSecretFrom: { secretName: 'client', key: 'secret' },
  members: ['group:team@example.com'],
};

describe('settings of Google Cloud', () => {
  it('are few', () => {
    const { artifactStore, backendStore, dataProtection, identity } = parseSettings(least);
    expect(dataProtection).to.equal('retain');
    expect([artifactStore.kind, backendStore.kind, backendStore.maxConnections]).to.deep.equal([
      'gcs',
      'cloudSql',
      100,
    ]);
    expect(identity.secretName).to.equal('gcs-credentials');
  });

  for (const [settings, ...sentences] of [
    [
      { gcp: { ...gcp, project: 'My Team' } },
      'gcp.project is "My Team"; allowed: the id of a project such as my-team-dev: 6 to 30 lower-case letters, digits and hyphens, beginning with a letter',
    ],
    [
      { gcp: { ...gcp, region: 'Belgium' } },
      'gcp.region is "Belgium"; allowed: a region such as europe-west1',
    ],
    [
      { gcp: { ...gcp, zone: 'europe-west1' } },
      'gcp.zone is "europe-west1"; allowed: a zone such as europe-west1-b',
    ],
    [
      { gcp: { ...gcp, zone: 'us-east1-b' } },
      'gcp.zone is us-east1-b, which is not in gcp.region europe-west1; name a zone of it, such as europe-west1-b',
    ],
    [
      { gcp: { ...gcp, network: undefined } },
      'gcp.network is missing, in which the database gets its private address; name the network of the cluster, such as my-network',
    ],
    [
      { gcp: { ...gcp, existingDatabase: true } },
      'gcp.existingDatabase is for backendStore.existingInstance, which is missing; name the instance, or remove this',
    ],
    [
      { backendStore: { tier: 'db-n1-standard-1' } },
      'backendStore.tier is "db-n1-standard-1"; allowed: a tier such as db-g1-small, db-custom-2-7680 or db-perf-optimized-N-2',
    ],
    [
      { backendStore: { tier: 'db-custom-3-4000' } },
      'backendStore.tier is db-custom-3-4000, but cores are 1, or an even number up to 96, and memory is a multiple of 256 MiB; use a tier such as db-custom-2-7680',
    ],
    [
      { backendStore: { tier: 'db-custom-2-20480' } },
      'backendStore.tier is db-custom-2-20480, but memory is 0.9 to 6.5 GiB for each core; use a tier such as db-custom-2-7680',
    ],
    [
      { backendStore: { tier: 'db-g1-small', highAvailability: true } },
      'backendStore.highAvailability is true, but tier db-g1-small shares its processors and cannot be regional; use a tier such as db-custom-1-3840',
    ],
    [
      { backendStore: { version: '9' } },
      'backendStore.version is "9"; allowed: a major version of PostgreSQL from 15 to 18',
    ],
    [
      { backendStore: { existingInstance: 'old' } },
      'backendStore.existingInstance is old; allowed: project:region:instance, such as my-team-dev:europe-west1:mlflow',
    ],
    [
      { gcp: { ...gcp, zone: 'europe-west1-b' }, backendStore: { existingInstance, tier: 'db-g1-small' } },
      'backendStore.existingInstance names an instance that is there, and backendStore.tier and gcp.zone are for one that the stack makes; remove one of them',
    ],
    [
      { artifactStore: { bucketName: 'my-google-files' } },
      'artifactStore.bucketName is my-google-files, but names of buckets must not contain google; choose another',
    ],
    [
      { artifactStore: { bucketName: 'Files' } },
      'artifactStore.bucketName is "Files"; allowed: the name of a bucket: 3 to 63 lower-case letters, digits and hyphens',
    ],
    [
      { artifactStore: { transition: { days: 90, storageClass: 'GLACIER' } } },
      'artifactStore.transition.storageClass is GLACIER; Cloud Storage has NEARLINE, COLDLINE, ARCHIVE',
    ],
    [
      { artifactStore: { kmsKeyName: 'my-key' } },
      'artifactStore.kmsKeyName is "my-key"; allowed: the resource id of a key such as projects/my-project/locations/europe-west1/keyRings/my-ring/cryptoKeys/my-key',
    ],
    [
      { identity: { kind: 'podIdentity' } },
      'identity.kind is podIdentity, which is for cloud aws; use workload, keys or node',
    ],
    [
      { identity: { kind: 'node' }, backendStore: { auth: 'iam' } },
      'backendStore.auth is iam, but identity.kind is node, by which Cloud SQL knows no user; use identity.kind workload, or auth password',
    ],
    [
      { gcp: { ...gcp, cloudSqlProxy: { kind: 'deployment' } }, backendStore: { auth: 'iam' } },
      'backendStore.auth is iam, which logs in through a proxy in each pod, but gcp.cloudSqlProxy.kind is deployment; use sidecar, or auth password',
    ],
    [
      { gcp: { ...gcp, existingDatabase: true }, backendStore: { auth: 'iam', existingInstance } },
      'gcp.databaseAccount is missing: with backendStore.auth iam, only the account that made the tables may use an existing database; name it',
    ],
    [
      { backendStore: { sslMode: 'prefer' } },
      'backendStore.sslMode is prefer, but the database accepts encrypted connections only; use require, verify-ca or verify-full',
    ],
    [
      { gcp: { ...gcp, cloudSqlProxy: { kind: 'sidecar' } }, backendStore: { sslMode: 'verify-ca' } },
      'backendStore.sslMode is verify-ca, but the proxy (gcp.cloudSqlProxy.kind sidecar) checks the database itself; leave it out',
    ],
    [
      {
        identity: { imageRepository: 'europe-docker.pkg.dev/my-images/mlflow', imageReaders: ['nodes'] },
      },
      'identity.imageRepository is europe-docker.pkg.dev/my-images/mlflow; allowed: projects/my-project/locations/europe-west1/repositories/my-repository',
      'identity.imageReaders has nodes; allowed: addresses of service accounts, such as nodes@my-project.iam.gserviceaccount.com',
    ],
    [
      { ...users, ingress: { ...gce, internal: true, staticIp: true, certificate: { googleManaged: true } } },
      'gcp.subnetwork is missing, from which ingress.staticIp takes the address of an internal load balancer; name one, such as my-subnetwork',
      'ingress.certificate.googleManaged is for addresses that the internet reaches, but ingress.internal is true; use issuer or clusterIssuer',
    ],
    [
      { ...users, ingress: { ...gce, dns: { zone: 'example-com' } } },
      'ingress.dns.zone is given, but ingress.staticIp is not, so no address is known for its records; set ingress.staticIp to true',
    ],
    [
      { auth: { kind: 'edge', edge: { iap: { ...iap, clientSecretFrom: undefined, members: [] } } } },
      'auth.edge.iap.clientSecretFrom is missing; allowed: a section with the keys secretName, key',
      'auth.edge.iap.members is []; allowed: at least one member, such as group:team@example.com',
    ],
    [
      { auth: { kind: 'edge', edge: { iap: { ...iap, members: ['jane@example.com'] } } } },
      'auth.edge.iap.members[0] is "jane@example.com"; allowed: a member such as user:jane@example.com, group:team@example.com, domain:example.com or serviceAccount:robot@my-project.iam.gserviceaccount.com',
    ],
    [
      { ...users, ingress: { ...gce, allowedCidrs: ['10.0.0.0/33'] } },
      'ingress.allowedCidrs[0] is "10.0.0.0/33"; allowed: a range of addresses such as 10.0.0.0/8, or 192.0.2.7/32 for a single one',
    ],
    [
      {
        gcp: { ...gcp, network: undefined, zone: 'us-east1-b' },
        backendStore: { tier: 'db-f1-micro', highAvailability: true },
        auth: { kind: 'edge' },
        ingress: gce,
      },
      'gcp.zone is us-east1-b, which is not in gcp.region europe-west1; name a zone of it, such as europe-west1-b',
      'gcp.network is missing, in which the database gets its private address; name the network of the cluster, such as my-network',
      'backendStore.highAvailability is true, but tier db-f1-micro shares its processors and cannot be regional; use a tier such as db-custom-1-3840',
      'auth.edge.iap is missing, by which Ingresses of class gce ask for a log-in: a clientId, a clientSecretFrom and members',
    ],
    [
      { ...users, auth: { kind: 'basic', edge: { iap } }, ingress: gce },
      'auth.edge.iap is for auth.kind edge with an Ingress of class gce; set both, or remove it',
    ],
  ] as [object, ...string[]][]) {
    it(`are refused where ${sentences[0] ?? ''}`, () => {
      const told = refusal({ ...least, ...settings })
        .split('\n')
        .map((line) => line.trim().replace('mlflow-stack:', ''));
      expect(told).to.include.members(sentences);
    });
  }

  it('know how many connections a tier accepts', () => {
    const known = {
      'db-f1-micro': 25,
      'db-g1-small': 50,
      'db-custom-1-3840': 100,
      'db-custom-2-7680': 400,
      'db-custom-4-15360': 500,
      'db-perf-optimized-N-2': 500,
      'db-perf-optimized-N-16': 1000,
      'db-strange': undefined,
    };
    for (const [tier, most] of Object.entries(known)) expect(tierConnections(tier), tier).to.equal(most);
  });

  it('give the database the disk that Cloud SQL wants at least', () =>
    expect(['5Gi', '10Gi', '10.5Gi', '1Ti'].map(diskGb)).to.deep.equal([10, 10, 11, 1024]));

  it('cannot move stores that are there', () => {
    const before = storeRecord(parseSettings({ ...least, backendStore: { size: '20Gi' } }));
    const changes = (settings: object) => storeChanges(before, parseSettings({ ...least, ...settings }));
    expect(changes({ backendStore: { size: '30Gi', version: '18' } })).to.deep.equal([]);
    for (const [settings, pattern] of [
      [{ gcp: { ...gcp, region: 'us-east1' } }, /gcp\.region is us-east1.*made with europe-west1/],
      [{ gcp: { ...gcp, network: 'other' } }, /gcp\.network is other/],
      [{ artifactStore: { bucketName: 'other-files' } }, /artifactStore\.bucketName is other-files/],
      [{ backendStore: { size: '10Gi' } }, /cannot shrink/],
      [{ backendStore: { size: '20Gi', version: '16' } }, /cannot go back/],
      [{ backendStore: { size: '20Gi', sslMode: 'verify-full' } }, /sslMode is verify-full/],
    ] as const)
      expect(
        changes({ backendStore: { size: '20Gi' }, ...settings }).join(),
        JSON.stringify(settings),
      ).to.match(pattern);
    // What was retained comes back.
    expect(
      changes({
        artifactStore: { existingBucket: 'old-files' },
        backendStore: { existingInstance },
      }),
    ).to.deep.equal([]);
  });
});
