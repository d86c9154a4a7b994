import { expect } from 'chai';
import {
  type Annotations,
  type IngressNeeds,
  controllerBehind,
  controllerNames,
  controllerOf,
  controllers,
} from '../../lib/ingress-controllers.ts';

const plain: IngressNeeds = {
  name: 'way-in',
  tls: false,
  redirectHttp: true,
  port: 80,
  httpsPort: 443,
  internal: false,
  allowedCidrs: [],
  healthPath: '/mlflow/health',
};
const limited = { allowedCidrs: ['10.0.0.0/8', 'fd00::/8'] };

/** Annotations as the cluster sees them, in namespace team-a. */
const seen = (annotations: Annotations = {}) =>
  Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : value('team-a'),
    ]),
  );

/** What a controller is told beyond what it is told of any Ingress. */
function told(name: keyof typeof controllers, changes: Partial<IngressNeeds>): object {
  const { annotations, plainAnnotations, serviceAnnotations, objects } = controllers[name];
  const needs = { ...plain, ...changes };
  const always = seen(annotations(plain));
  const now = Object.entries(seen(annotations(needs)));
  const http = plainAnnotations?.(needs);
  const made = objects?.(needs).filter(({ kind }) => kind !== 'BackendConfig') ?? [];
  return {
    annotations: Object.fromEntries(now.filter(([key, value]) => always[key] !== value)),
    ...(http && { http: seen(http) }),
    ...(made.length > 0 && { objects: made.map(({ kind, name, spec }) => ({ kind, name, spec })) }),
    ...(needs.serverTls && serviceAnnotations && { service: seen(serviceAnnotations(needs)) }),
  };
}

const nginx = (key: string) => `nginx.ingress.kubernetes.io/${key}`;
const traefik = (key: string) => `traefik.ingress.kubernetes.io/${key}`;
const alb = (key: string) => `alb.ingress.kubernetes.io/${key}`;

describe('an Ingress controller', () => {
  const always = {
    nginx: {
      [nginx('proxy-body-size')]: '0',
      [nginx('proxy-request-buffering')]: 'off',
      [nginx('proxy-buffering')]: 'off',
      [nginx('proxy-read-timeout')]: '600',
      [nginx('proxy-send-timeout')]: '600',
    },
    traefik: {},
    gce: { 'kubernetes.io/ingress.class': 'gce' },
    alb: {
      [alb('scheme')]: 'internet-facing',
      [alb('target-type')]: 'ip',
      [alb('load-balancer-attributes')]: 'idle_timeout.timeout_seconds=600',
      [alb('healthcheck-path')]: '/mlflow/health',
      [alb('success-codes')]: '200',
    },
    other: {},
  };
  for (const name of controllerNames) {
    it(`of kind ${name} lets large artifacts through and asks for health where MLflow tells it`, () => {
      expect(seen(controllers[name].annotations(plain))).to.deep.equal(always[name]);
    });
  }

  it('of kind gce asks for health over TLS where the server speaks it', () => {
    const serverTls = { host: 'mlflow.team-a.svc', secretName: 'server-tls' };
    const [backend] = controllers.gce.objects?.({ ...plain, serverTls }) ?? [];
    expect(backend?.spec).to.have.nested.property('healthCheck.type', 'HTTPS');
  });

  it('of kind gce has time-out and health check in an object that the Service names', () => {
    const { objects, serviceAnnotations } = controllers.gce;
    const [backend] = objects?.(plain) ?? [];
    expect(backend).to.deep.include({
      apiVersion: 'cloud.google.com/v1',
      kind: 'BackendConfig',
      name: 'way-in-backend',
      spec: { timeoutSec: 600, healthCheck: { type: 'HTTP', requestPath: '/mlflow/health' } },
    });
    expect(seen(serviceAnnotations?.(plain))).to.deep.equal({
      'cloud.google.com/backend-config': '{"default":"way-in-backend"}',
      'cloud.google.com/neg': '{"ingress":true}',
    });
  });

  const redirect = (spec: object) => ({
    kind: 'Middleware',
    name: 'way-in-redirect',
    spec: { redirectScheme: { scheme: 'https', permanent: true, ...spec } },
  });
  const allowList = {
    kind: 'Middleware',
    name: 'way-in-allow-list',
    spec: { ipAllowList: { sourceRange: limited.allowedCidrs } },
  };
  const secure = { [traefik('router.entrypoints')]: 'websecure', [traefik('router.tls')]: 'true' };
  const both = '[{"HTTP":80},{"HTTPS":443}]';
  for (const [title, changes, expected] of [
    [
      'leads HTTP to HTTPS',
      { tls: true },
      {
        nginx: {
          annotations: { [nginx('ssl-redirect')]: 'true', [nginx('force-ssl-redirect')]: 'true' },
        },
        traefik: {
          annotations: secure,
          http: {
            [traefik('router.entrypoints')]: 'web',
            [traefik('router.middlewares')]: 'team-a-way-in-redirect@kubernetescrd',
          },
          objects: [redirect({})],
        },
        gce: {
          annotations: { 'networking.gke.io/v1beta1.FrontendConfig': 'way-in-frontend' },
          objects: [
            {
              kind: 'FrontendConfig',
              name: 'way-in-frontend',
              spec: { redirectToHttps: { enabled: true } },
            },
          ],
        },
        alb: { annotations: { [alb('listen-ports')]: both, [alb('ssl-redirect')]: '443' } },
        other: { annotations: {} },
      },
    ],
    [
      'leads HTTP to HTTPS at another port',
      { tls: true, httpsPort: 8443 },
      {
        traefik: {
          annotations: secure,
          http: {
            [traefik('router.entrypoints')]: 'web',
            [traefik('router.middlewares')]: 'team-a-way-in-redirect@kubernetescrd',
          },
          objects: [redirect({ port: '8443' })],
        },
        alb: {
          annotations: {
            [alb('listen-ports')]: '[{"HTTP":80},{"HTTPS":8443}]',
            [alb('ssl-redirect')]: '8443',
          },
        },
      },
    ],
    [
      'serves HTTP and HTTPS where HTTP is not to be redirected',
      { tls: true, redirectHttp: false },
      {
        nginx: {
          annotations: { [nginx('ssl-redirect')]: 'false', [nginx('force-ssl-redirect')]: 'false' },
        },
        traefik: { annotations: secure, http: { [traefik('router.entrypoints')]: 'web' } },
        gce: { annotations: {} },
        alb: { annotations: { [alb('listen-ports')]: both } },
      },
    ],
    [
      'is reached from the network of the cloud only',
      { internal: true, tls: true },
      {
        gce: {
          annotations: {
            'kubernetes.io/ingress.class': 'gce-internal',
            'kubernetes.io/ingress.allow-http': 'false',
          },
        },
        alb: {
          annotations: {
            [alb('scheme')]: 'internal',
            [alb('listen-ports')]: both,
            [alb('ssl-redirect')]: '443',
          },
        },
      },
    ],
    [
      'lets only some addresses in, over HTTP and HTTPS',
      { ...limited, tls: true, redirectHttp: false },
      {
        nginx: {
          annotations: {
            [nginx('ssl-redirect')]: 'false',
            [nginx('force-ssl-redirect')]: 'false',
            [nginx('whitelist-source-range')]: '10.0.0.0/8,fd00::/8',
          },
        },
        traefik: {
          annotations: {
            ...secure,
            [traefik('router.middlewares')]: 'team-a-way-in-allow-list@kubernetescrd',
          },
          http: {
            [traefik('router.entrypoints')]: 'web',
            [traefik('router.middlewares')]: 'team-a-way-in-allow-list@kubernetescrd',
          },
          objects: [allowList],
        },
        alb: {
          annotations: { [alb('listen-ports')]: both, [alb('inbound-cidrs')]: '10.0.0.0/8,fd00::/8' },
        },
      },
    ],
    [
      'lets only some addresses in, and leads them to HTTPS',
      { ...limited, tls: true },
      {
        traefik: {
          annotations: {
            ...secure,
            [traefik('router.middlewares')]: 'team-a-way-in-allow-list@kubernetescrd',
          },
          http: {
            [traefik('router.entrypoints')]: 'web',
            [traefik('router.middlewares')]:
              'team-a-way-in-allow-list@kubernetescrd,team-a-way-in-redirect@kubernetescrd',
          },
          objects: [redirect({}), allowList],
        },
      },
    ],
    [
      'speaks TLS to the server',
      { serverTls: { host: 'mlflow.team-a.svc', secretName: 'server-tls' } },
      {
        nginx: { annotations: { [nginx('backend-protocol')]: 'HTTPS' } },
        traefik: {
          annotations: {},
          objects: [
            {
              kind: 'ServersTransport',
              name: 'way-in-transport',
              spec: { serverName: 'mlflow.team-a.svc', rootCAsSecrets: ['server-tls'] },
            },
          ],
          service: {
            [traefik('service.serversscheme')]: 'https',
            [traefik('service.serverstransport')]: 'team-a-way-in-transport@kubernetescrd',
          },
        },
        gce: {
          annotations: {},
          service: {
            'cloud.google.com/backend-config': '{"default":"way-in-backend"}',
            'cloud.google.com/neg': '{"ingress":true}',
            'cloud.google.com/app-protocols': '{"https":"HTTPS"}',
          },
        },
        alb: {
          annotations: { [alb('backend-protocol')]: 'HTTPS', [alb('healthcheck-protocol')]: 'HTTPS' },
        },
      },
    ],
    [
      'listens at another port',
      { port: 8080 },
      { alb: { annotations: { [alb('listen-ports')]: '[{"HTTP":8080}]' } }, traefik: { annotations: {} } },
    ],
  ] as const) {
    for (const [name, what] of Object.entries(expected))
      it(`of kind ${name} ${title}`, () =>
        expect(told(name as keyof typeof controllers, changes)).to.deep.equal(what));
  }
});

describe('the controller of an Ingress', () => {
  for (const [choice, expected] of [
    [{ className: 'nginx' }, 'nginx'],
    [{ className: 'nginx-internal' }, 'nginx'],
    [{ className: 'company.traefik' }, 'traefik'],
    [{ className: 'gce' }, 'gce'],
    [{ className: 'alb' }, 'alb'],
    [{ className: 'albion' }, 'other'],
    [{ className: 'other' }, 'other'],
    [{ className: 'public' }, 'other'],
    [{}, 'other'],
    [{ className: 'nginx', controller: 'other' }, 'other'],
    [{ controller: 'traefik' }, 'traefik'],
  ] as const) {
    it(`is ${expected} for ${JSON.stringify(choice)}`, () => expect(controllerOf(choice)).to.equal(expected));
  }

  for (const [implementation, expected] of [
    ['k8s.io/ingress-nginx', 'nginx'],
    ['traefik.io/ingress-controller', 'traefik'],
    ['ingress.k8s.aws/alb', 'alb'],
    // Another nginx, with annotations of its own.
    ['nginx.org/ingress-controller', 'other'],
  ] as const) {
    it(`is ${expected} behind ${implementation}`, () =>
      expect(controllerBehind(implementation)).to.equal(expected));
  }
});
