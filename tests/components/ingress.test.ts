import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { Ingress, type IngressArgs } from '../../components/index.ts';
import { labelsOf, service } from '../support/args.ts';
import { type Run, runStack } from '../support/mocks.ts';

describe('Ingress', () => {
  const build = (changes: Partial<IngressArgs> = {}): Promise<Run> =>
    runStack(() => {
      const args = { service, hosts: ['a.example', 'b.example'], port: 80, annotations: {}, ...changes };
      return { url: new Ingress('way-in', args).url };
    });
  const manifestOf = async (changes: Partial<IngressArgs>) =>
    (await build(changes)).get('Ingress/way-in-ingress').inputs;

  it('leads every host to the server', async () => {
    const rule = (host: string) => ({
      host,
      http: {
        paths: [
          { path: '/', pathType: 'Prefix', backend: { service: { name: 'mlflow', port: { number: 8000 } } } },
        ],
      },
    });
    const annotations = {
      'pulumi.com/skipAwait': 'true',
      'nginx.ingress.kubernetes.io/proxy-body-size': '0',
    };
    const given = { 'nginx.ingress.kubernetes.io/proxy-body-size': '0' };
    expect(await manifestOf({ className: 'nginx', annotations: given })).to.deep.equal({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'way-in', namespace: 'team-a', labels: labelsOf('ingress'), annotations },
      spec: { ingressClassName: 'nginx', rules: [rule('a.example'), rule('b.example')] },
    });
  });

  it('names no class where the default class is meant', async () => {
    expect((await manifestOf({})).spec).not.to.have.property('ingressClassName');
  });

  it('waits for its address where the user wants it', async () => {
    const { metadata } = await manifestOf({ annotations: { 'pulumi.com/skipAwait': 'false' } });
    expect(metadata).to.have.deep.property('annotations', { 'pulumi.com/skipAwait': 'false' });
  });

  it('shows the address of its first host', async () => {
    expect((await build()).outputs).to.deep.equal({ url: 'http://a.example' });
    expect((await build({ port: 8080 })).outputs).to.deep.equal({ url: 'http://a.example:8080' });
  });

  it('refuses to be without a host', async () => {
    const error = await build({ hosts: [] }).catch((reason: unknown) => reason);
    expect(pulumi.ResourceError.isInstance(error)).to.equal(true);
    expect((error as Error).message).to.equal(
      'Ingress "way-in": hosts: empty; allowed: at least one host name',
    );
  });
});
