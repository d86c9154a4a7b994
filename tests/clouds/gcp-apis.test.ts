import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from '@pulumi/gcp/provider.js';
import { expect } from 'chai';
import { checkApis, neededApis } from '../../clouds/gcp/apis.ts';
import { parseSettings } from '../../config.ts';
import { runStack } from '../../tools/render/engine.ts';

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

interface Looked {
  /** What Google was asked, and with which log-in. */
  readonly asked: string[];
  readonly problem: string | undefined;
}

/** Looks at a project in which these are switched off, for the given caller alone, with the log-in of the plug-in. */
async function look(
  off: readonly string[],
  { more = {}, caller = 'deployer', accessToken = 'deployer' } = {},
): Promise<Looked> {
  const asked: string[] = [];
  const google = createServer(({ url = '', headers }, response) => {
    asked.push(`${headers.authorization ?? 'nobody'} ${url}`);
    const stateOf = (name: string) =>
      off.some((each) => name.endsWith(`/${each}`)) ? 'DISABLED' : 'ENABLED';
    const names = new URL(url, 'http://google').searchParams.getAll('names');
    response.writeHead(headers.authorization === `Bearer ${caller}` ? 200 : 403);
    response.end(JSON.stringify({ services: names.map((name) => ({ name, state: stateOf(name) })) }));
  }).listen(0, '127.0.0.1');
  await once(google, 'listening');
  const { port } = google.address() as AddressInfo;
  process.env.GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT = `http://127.0.0.1:${port}/v1/`;
  const providers = {
    newResource: ({ name }: { name: string }) => ({ id: name, state: {} }),
    call: () => ({ accessToken }),
  };
  const program = async () => {
    const settings = parseSettings({ ...least, ...more });
    if (settings.gcp !== undefined)
      await checkApis({ settings, gcp: settings.gcp, provider: new Provider('gcp') });
  };
  try {
    const problem = await runStack(program, { providers }).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
    return { asked, problem };
  } finally {
    delete process.env.GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT;
    google.closeAllConnections();
    google.close();
  }
}

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
    const { asked, problem } = await look(['sqladmin.googleapis.com', 'compute.googleapis.com']);
    expect(problem).to.equal(
      'Project my-team-dev has not switched on compute.googleapis.com, sqladmin.googleapis.com; set mlflow-stack:gcp.enableServices to true, or run: gcloud services enable compute.googleapis.com sqladmin.googleapis.com --project=my-team-dev',
    );
    expect(asked).to.have.lengthOf(1);
    expect(asked[0])
      .to.match(/^Bearer deployer \/v1\/projects\/my-team-dev\/services:batchGet\?/)
      .and.include('names=projects/my-team-dev/services/storage.googleapis.com');
    expect(await look([])).to.include({ problem: undefined });
  });

  it('are nothing that a stack asks about which switches them on itself', async () => {
    const more = { gcp: { ...gcp, enableServices: true } };
    expect(await look(['sqladmin.googleapis.com'], { more })).to.deep.equal({
      asked: [],
      problem: undefined,
    });
  });

  it('stop nobody who may not look, or has no log-in', async () => {
    const off = ['sqladmin.googleapis.com'];
    expect(await look(off, { caller: 'somebody else' })).to.include({ problem: undefined });
    expect(await look(off, { accessToken: '' })).to.deep.equal({ asked: [], problem: undefined });
  });
});
