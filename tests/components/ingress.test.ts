import { X509Certificate } from 'node:crypto';
import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { Ingress, type IngressArgs } from '../../components/index.ts';
import { serverCertificate } from '../../lib/certificates.ts';
import { labelsOf, service } from '../support/args.ts';
import { type JsonObject, type Run, runStack, secret } from '../support/mocks.ts';

const args: IngressArgs = {
  service,
  hosts: ['a.example', 'b.example'],
  port: 80,
  httpsPort: 443,
  tls: [],
  redirectHttp: true,
  internal: false,
  allowedCidrs: [],
  annotations: {},
  existingCertificate: {},
};
const build = (changes: Partial<IngressArgs> = {}): Promise<Run> =>
  runStack(() => ({ url: new Ingress('way-in', { ...args, ...changes }).url }));
const manifestOf = async (changes: Partial<IngressArgs>) =>
  (await build(changes)).get('Ingress/way-in-ingress').inputs;
const backend = { service: { name: 'mlflow', port: { number: 8000 } } };
const rule = (host: string, path = '/') => ({
  host,
  http: { paths: [{ path, pathType: 'Prefix', backend }] },
});

describe('Ingress', () => {
  it('leads every host to the server', async () => {
    expect(await manifestOf({ className: 'any' })).to.deep.equal({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: {
        name: 'way-in',
        namespace: 'team-a',
        labels: labelsOf('ingress'),
        annotations: { 'pulumi.com/skipAwait': 'true' },
      },
      spec: { ingressClassName: 'any', rules: [rule('a.example'), rule('b.example')] },
    });
  });

  it('leads to the path under which the server lives, or to paths of your own', async () => {
    const below = { service: { ...service, prefix: '/mlflow' }, hosts: ['a.example'] };
    expect((await manifestOf(below)).spec).to.deep.equal({ rules: [rule('a.example', '/mlflow')] });
    const paths = [
      { path: '/mlflow', pathType: 'Exact' },
      { path: '/mlflow/*', pathType: 'ImplementationSpecific' },
    ];
    expect((await manifestOf({ ...below, paths })).spec).to.deep.equal({
      rules: [{ host: 'a.example', http: { paths: paths.map((path) => ({ ...path, backend })) } }],
    });
  });

  it('names no class where the default class is meant, nor where an annotation does', async () => {
    expect((await manifestOf({})).spec).not.to.have.property('ingressClassName');
    const gce = await manifestOf({ className: 'gce' });
    expect(gce.spec).not.to.have.property('ingressClassName');
    expect(gce.metadata)
      .to.have.property('annotations')
      .that.includes({ 'kubernetes.io/ingress.class': 'gce' });
  });

  it('tells its controller what it needs, but for what the user says', async () => {
    const size = 'nginx.ingress.kubernetes.io/proxy-body-size';
    const annotationsOf = async (annotations: Record<string, string>) =>
      (await manifestOf({ className: 'nginx', annotations })).metadata as JsonObject;
    expect(await annotationsOf({}))
      .to.have.property('annotations')
      .that.includes({ [size]: '0' });
    expect(await annotationsOf({ [size]: '1g', 'pulumi.com/skipAwait': 'false' }))
      .to.have.property('annotations')
      .that.includes({ [size]: '1g', 'pulumi.com/skipAwait': 'false' });
  });

  it('has what its controller needs beside it, made before it', async () => {
    const run = await build({ className: 'traefik', tls: [{}], allowedCidrs: ['10.0.0.0/8'] });
    const objects = ['Middleware/way-in-redirect', 'Middleware/way-in-allow-list'];
    for (const id of objects)
      expect(run.get(id).inputs.metadata).to.deep.include({
        name: id.split('/')[1],
        namespace: 'team-a',
        labels: labelsOf('ingress'),
      });
    const [https, http] = ['Ingress/way-in-ingress', 'Ingress/way-in-http'].map((id) => run.get(id));
    expect(https?.dependencies).to.include.members(objects);
    expect(https?.inputs.spec).to.deep.include({ tls: [{ hosts: args.hosts }] });
    expect(http?.inputs.spec).to.deep.equal({
      ingressClassName: 'traefik',
      rules: args.hosts.map((host) => rule(host)),
    });
    expect(http?.inputs.metadata).to.deep.include({ name: 'way-in-http' });
    expect(http?.inputs.metadata).to.have.property('annotations').that.deep.equals({
      'pulumi.com/skipAwait': 'true',
      'traefik.ingress.kubernetes.io/router.entrypoints': 'web',
      'traefik.ingress.kubernetes.io/router.middlewares':
        'team-a-way-in-allow-list@kubernetescrd,team-a-way-in-redirect@kubernetescrd',
    });
  });

  it('tells its controller how to know a server that speaks TLS', async () => {
    const ca = { secretName: 'server-tls', key: 'ca.crt' };
    const run = await build({ className: 'traefik', service: { ...service, ca } });
    expect(run.get('ServersTransport/way-in-transport').inputs.spec).to.deep.equal({
      serverName: 'mlflow.team-a.svc',
      rootCAsSecrets: ['server-tls'],
    });
  });

  it('shows the address of its first host', async () => {
    expect((await build()).outputs).to.deep.equal({ url: 'http://a.example' });
    expect((await build({ port: 8080 })).outputs).to.deep.equal({ url: 'http://a.example:8080' });
    expect((await build({ tls: [{}], port: 8080 })).outputs).to.deep.equal({ url: 'https://a.example' });
    const certificate = { issuer: 'ca' };
    expect((await build({ certificate, httpsPort: 8443 })).outputs).to.deep.equal({
      url: 'https://a.example:8443',
    });
  });

  it('refuses to be without a host', async () => {
    const error = await build({ hosts: [] }).catch((reason: unknown) => reason);
    expect(pulumi.ResourceError.isInstance(error)).to.equal(true);
    expect((error as Error).message).to.equal(
      'Ingress "way-in": hosts: empty; allowed: at least one host name',
    );
  });
});

describe('the certificate of an Ingress', () => {
  const tlsOf = async (changes: Partial<IngressArgs>) =>
    (await manifestOf(changes)).spec as { tls?: unknown };

  it('is that of existing Secrets, each for its hosts', async () => {
    const tls = [
      { hosts: ['a.example'], secretName: 'one' },
      { hosts: ['b.example'], secretName: 'two' },
    ];
    expect((await tlsOf({ tls })).tls).to.deep.equal(tls);
    expect((await tlsOf({ tls: [{ secretName: 'one' }] })).tls).to.deep.equal([
      { hosts: args.hosts, secretName: 'one' },
    ]);
  });

  it('is written to a Secret where it is given, and the state keeps its key encrypted', async () => {
    const run = await build({ tls: [{ certificate: 'the certificate', key: 'the key' }] });
    const made = run.get('Secret/way-in-tls-0').inputs;
    expect(made).to.deep.include({
      type: 'kubernetes.io/tls',
      stringData: secret({ 'tls.crt': 'the certificate', 'tls.key': 'the key' }),
    });
    expect(run.get('Ingress/way-in-ingress').inputs.spec).to.deep.include({
      tls: [{ hosts: args.hosts, secretName: 'way-in-tls-0-1a2b3c4d' }],
    });
    expect(JSON.stringify(run.get('Ingress/way-in').inputs)).not.to.include('the key');
  });

  it('can be made for the stack, and then stays the same while it is good', async () => {
    const make = async (existingCertificate: Record<string, string>) => {
      const run = await build({ tls: [{ selfSigned: true }], existingCertificate });
      expect(run.get('Ingress/way-in-ingress').inputs.spec).to.deep.include({
        tls: [{ hosts: args.hosts, secretName: 'way-in-self-signed' }],
      });
      return run.get('Secret/way-in-self-signed').inputs.stringData as { value: Record<string, string> };
    };
    const { value: first } = await make({});
    for (const host of args.hosts)
      expect(new X509Certificate(first['tls.crt'] ?? '').checkHost(host)).to.equal(host);
    expect(await make(first)).to.deep.equal(secret(first));
    const others = await serverCertificate(['other.example'], {});
    expect((await make(others)).value['tls.crt']).not.to.equal(others['tls.crt']);
  });

  for (const [certificate, annotation] of [
    [{ issuer: 'ca' }, { 'cert-manager.io/issuer': 'ca' }],
    [{ clusterIssuer: 'public' }, { 'cert-manager.io/cluster-issuer': 'public' }],
  ] as const) {
    it(`is what cert-manager gets from ${JSON.stringify(certificate)}`, async () => {
      const run = await build({ className: 'traefik', certificate });
      const { metadata, spec } = run.get('Ingress/way-in-ingress').inputs;
      expect(metadata).to.have.property('annotations').that.includes(annotation);
      expect(spec).to.deep.include({ tls: [{ hosts: args.hosts, secretName: 'way-in-certificate' }] });
      // Which must not get a second one.
      expect(JSON.stringify(run.get('Ingress/way-in-http').inputs)).not.to.include('cert-manager');
    });
  }
});
