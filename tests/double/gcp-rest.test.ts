// What the real plug-in makes in the pretended project by Google's APIs is what its double would make there.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Store } from '../e2e/support/double/store.ts';
import { answerTo } from '../e2e/support/gcp/rest.ts';

describe("Google Cloud's APIs of the pretended project", () => {
  const store = new Store(mkdtempSync(join(tmpdir(), 'mlflow-stack-rest-')));
  after(() => rmSync(store.dir, { recursive: true }));

  /** Answers as they are on their way. */
  const ask = async (method: string, path: string, body?: object) => {
    const text = body ? JSON.stringify(body) : '';
    const answer = await answerTo(store, 'my-project', { method, url: `/${path}`, body: text });
    return answer && (JSON.parse(JSON.stringify(answer)) as typeof answer);
  };
  const project = 'projects/my-project';
  const members = 'gcp:serviceaccount/iAMMember:IAMMember';
  const policy = (...names: string[]) => ({
    bindings: [
      {
        role: 'roles/iam.workloadIdentityUser',
        members: names.map((name) => `serviceAccount:my-project.svc.id.goog[mlflow/${name}]`),
      },
    ],
  });

  it('keep a policy as the members of its roles', async () => {
    const accounts = `iam/v1/${project}/serviceAccounts`;
    const made = await ask('POST', accounts, { accountId: 'mlflow', serviceAccount: { displayName: 'it' } });
    const email = 'mlflow@my-project.iam.gserviceaccount.com';
    expect(made?.answer).to.deep.include({
      email,
      displayName: 'it',
      name: `${project}/serviceAccounts/${email}`,
    });
    await ask('POST', `${accounts}/${email}:setIamPolicy`, { policy: policy('server', 'gc') });
    expect(store.list(members)).to.have.length(2);
    await ask('POST', `${accounts}/${email}:setIamPolicy`, { policy: policy('gc') });
    const { answer } = (await ask('POST', `${accounts}/${email}:getIamPolicy`)) ?? {};
    expect(answer).to.deep.include(policy('gc'));
    expect(store.list(members)).to.have.length(1);
  });

  it('give back what was kept, the newest version of a secret by name, too', async () => {
    const secrets = `secretmanager/v1/${project}/secrets`;
    const replication = { userManaged: { replicas: [{ location: 'europe-west1' }] } };
    await ask('POST', `${secrets}?secretId=key`, { labels: { team: 'ml' }, replication });
    expect((await ask('GET', `${secrets}/key`))?.answer).to.deep.include({
      labels: { team: 'ml' },
      replication,
    });
    for (const value of ['old', 'größer'])
      await ask('POST', `${secrets}/key:addVersion`, {
        payload: { data: Buffer.from(value).toString('base64') },
      });
    const newest = { payload: { data: Buffer.from('größer').toString('base64') } };
    expect((await ask('GET', `${secrets}/key/versions/latest:access`))?.answer).to.deep.include(newest);
    await ask('POST', `${secrets}/key/versions/2:destroy`, {});
    expect((await ask('GET', `${secrets}/key/versions/2`))?.code).to.equal(404);
    await ask('DELETE', `${secrets}/key`);
    expect((await ask('GET', `${secrets}/key`))?.code).to.equal(404);
  });

  it('change what was asked for, and nothing else', async () => {
    const networks = `compute/v1/${project}/global/networks`;
    await ask('POST', networks, { name: 'net' });
    const addresses = `compute/v1/${project}/global/addresses`;
    const range = {
      name: 'range',
      addressType: 'INTERNAL',
      purpose: 'VPC_PEERING',
      network: `${project}/global/networks/net`,
    };
    await ask('POST', addresses, { ...range, labels: { team: 'ml' } });
    await ask('POST', `${addresses}/range/setLabels`, { labels: { team: 'web' } });
    expect((await ask('GET', `${addresses}/range`))?.answer).to.deep.include({
      ...range,
      labels: { team: 'web' },
    });
  });

  it('refuse what the services refuse, by the rules of the double', async () => {
    const accounts = `iam/v1/${project}/serviceAccounts`;
    const { code, answer } = (await ask('POST', accounts, { accountId: 'My account' })) ?? {};
    expect(code).to.equal(400);
    expect(JSON.stringify(answer)).to.include('accountId');
    expect((await ask('GET', `${accounts}/nobody@my-project.iam.gserviceaccount.com`))?.code).to.equal(404);
    expect(await ask('GET', `iam/v1/${project}/roles`)).to.equal(undefined);
  });
});
