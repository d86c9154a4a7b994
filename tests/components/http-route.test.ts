import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { HttpRoute, type HttpRouteArgs } from '../../components/index.ts';
import { labelsOf, service } from '../support/args.ts';
import { type Run, runStack } from '../support/mocks.ts';

const args: HttpRouteArgs = {
  service,
  parentRefs: [{ name: 'edge', namespace: 'gateways', sectionName: 'https' }],
  hosts: ['a.example', 'b.example'],
  matches: [],
  filters: [],
  timeouts: { request: '600s', backendRequest: 'none' },
  tls: true,
  port: 80,
  httpsPort: 443,
  labels: {},
  annotations: {},
};

/** Without any the plug-in would find a difference at each update. */
const own = { 'pulumi.com/patchForce': 'true' };

describe('HttpRoute', () => {
  const build = (changes: Partial<HttpRouteArgs> = {}): Promise<Run> =>
    runStack(() => ({ url: new HttpRoute('way-in', { ...args, ...changes }).url }));
  const manifestOf = async (changes: Partial<HttpRouteArgs> = {}) =>
    (await build(changes)).get('HTTPRoute/way-in-route').inputs;
  const backendRefs = [{ name: 'mlflow', port: 8000 }];
  const below = (value: string) => ({ path: { type: 'PathPrefix', value } });

  it('leads every host to the server, with time for large artifacts', async () => {
    expect(await manifestOf()).to.deep.equal({
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'HTTPRoute',
      metadata: { name: 'way-in', namespace: 'team-a', labels: labelsOf('http-route'), annotations: own },
      spec: {
        parentRefs: args.parentRefs,
        hostnames: args.hosts,
        rules: [{ matches: [below('/')], timeouts: { request: '600s' }, backendRefs }],
      },
    });
  });

  it('leads to the path under which the server lives', async () => {
    expect((await manifestOf({ service: { ...service, prefix: '/mlflow' } })).spec)
      .to.have.nested.property('rules[0].matches')
      .that.deep.equals([below('/mlflow')]);
  });

  it('matches, filters and waits as the user wants it', async () => {
    const matches = [{ headers: [{ name: 'team', value: 'a' }] }];
    const filters = [{ type: 'ResponseHeaderModifier', responseHeaderModifier: { remove: ['server'] } }];
    const timeouts = { request: 'none', backendRequest: '5m' };
    const { metadata, spec } = await manifestOf({
      matches,
      filters,
      timeouts,
      labels: { team: 'a', 'app.kubernetes.io/name': 'other' },
      annotations: { owner: 'a' },
    });
    expect(metadata).to.deep.include({
      labels: { team: 'a', ...labelsOf('http-route') },
      annotations: { ...own, owner: 'a' },
    });
    expect(spec).to.deep.include({
      rules: [{ matches, filters, timeouts: { backendRequest: '5m' }, backendRefs }],
    });
    const unlimited = await manifestOf({ timeouts: { request: 'none', backendRequest: 'none' } });
    expect(unlimited.spec).not.to.have.nested.property('rules[0].timeouts');
  });

  it('shows the address of its first host', async () => {
    expect((await build()).outputs).to.deep.equal({ url: 'https://a.example' });
    expect((await build({ tls: false, port: 8080 })).outputs).to.deep.equal({
      url: 'http://a.example:8080',
    });
  });

  for (const [changes, text] of [
    [{ hosts: [] }, 'hosts: empty; allowed: at least one host name'],
    [{ parentRefs: [] }, 'parentRefs: empty; allowed: at least one Gateway'],
  ] as const) {
    it(`refuses to be without ${Object.keys(changes).join()}`, async () => {
      const error = await build(changes).catch((reason: unknown) => reason);
      expect(pulumi.ResourceError.isInstance(error)).to.equal(true);
      expect((error as Error).message).to.equal(`HttpRoute "way-in": ${text}`);
    });
  }
});
