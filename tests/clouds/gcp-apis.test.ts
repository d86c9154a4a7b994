import { expect } from 'chai';
import type { GoogleAuth } from 'google-auth-library';
import { checkApis, neededApis } from '../../clouds/gcp/apis.ts';
import { parseSettings } from '../../config.ts';

const gcp = { project: 'my-team-dev', region: 'europe-west1', network: 'my-network' };
const least = { cloud: 'gcp', kubernetes: { context: 'gke' }, gcp };
const gce = {
  auth: {
    kind: 'edge',
    edge: {
      iap: {
        clientId: '1-a.apps.googleusercontent.com',
        clientSecretFrom: { secretName: 'client', key: 'secret' },
        members: ['group:team@example.com'],
      },
    },
  },
  ingress: {
    enabled: true,
    className: 'gce',
    hosts: ['mlflow.example.com'],
    staticIp: true,
    dns: { zone: 'my-zone' },
    certificate: { googleManaged: true },
  },
};
const needed = (more: object) => neededApis(parseSettings({ ...least, ...more }));

/** A project in which these are switched off. What was asked is added to `asked`. */
const projectWithout = (off: readonly string[], asked: string[] = []) =>
  ({
    request: ({ url }: { url: string }) => {
      asked.push(url);
      const names = new URL(url).searchParams.getAll('names');
      const stateOf = (name: string) =>
        off.some((each) => name.endsWith(`/${each}`)) ? 'DISABLED' : 'ENABLED';
      return Promise.resolve({ data: { services: names.map((name) => ({ name, state: stateOf(name) })) } });
    },
  }) as unknown as GoogleAuth;
const problem = (login: GoogleAuth, more: object = {}) =>
  checkApis(parseSettings({ ...least, ...more }), login, 10).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );

describe('APIs of Google Cloud', () => {
  it('are those that the settings need', () => {
    expect(needed({})).to.deep.equal(['compute', 'iam', 'servicenetworking', 'sqladmin', 'storage']);
    expect(needed({ backendStore: { existingInstance: 'my-team-dev:europe-west1:old' } })).to.deep.equal([
      'iam',
      'sqladmin',
      'storage',
    ]);
    expect(needed({ identity: { kind: 'keys' } })).not.to.include('iam');
    expect(needed({ backendStore: { auth: 'iam' } })).to.include('cloudresourcemanager');
    expect(needed(gce)).to.include.members(['dns', 'iap']);
    const imageReaders = ['nodes@my-team-dev.iam.gserviceaccount.com'];
    const repository = (project: string) => ({
      identity: {
        imageRepository: `projects/${project}/locations/europe-west1/repositories/images`,
        imageReaders,
      },
    });
    expect(needed(repository('my-team-dev'))).to.include('artifactregistry');
    expect(needed(repository('of-somebody-else'))).not.to.include('artifactregistry');
  });

  it('are looked at before anything is made, and all that are off are named', async () => {
    const asked: string[] = [];
    expect(
      await problem(projectWithout(['sqladmin.googleapis.com', 'compute.googleapis.com'], asked)),
    ).to.equal(
      'Project my-team-dev has not switched on compute.googleapis.com, sqladmin.googleapis.com; set mlflow-stack:gcp.enableServices to true, or run: gcloud services enable compute.googleapis.com sqladmin.googleapis.com --project=my-team-dev',
    );
    expect(asked).to.have.lengthOf(1);
    expect(asked[0])
      .to.match(/^https:\/\/serviceusage\.googleapis\.com\/v1\/projects\/my-team-dev\/services:batchGet\?/)
      .and.include('names=projects/my-team-dev/services/storage.googleapis.com');
    expect(await problem(projectWithout([]))).to.equal(undefined);
  });

  it('are nothing that a stack asks about which switches them on itself', async () => {
    const asked: string[] = [];
    const enabling = { gcp: { ...gcp, enableServices: true } };
    expect(await problem(projectWithout(['sqladmin.googleapis.com'], asked), enabling)).to.equal(undefined);
    expect(asked).to.deep.equal([]);
  });

  it('stop nobody who may not look, or gets no answer', async () => {
    const refused = { request: () => Promise.reject(new Error('403 PERMISSION_DENIED')) };
    expect(await problem(refused as unknown as GoogleAuth)).to.equal(undefined);
    const silent = { request: () => new Promise(() => undefined) };
    expect(await problem(silent as unknown as GoogleAuth)).to.equal(undefined);
  });
});
