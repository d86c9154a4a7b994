// What Ingress controllers want to be told beside hosts and paths, controller by controller. The rest of the program knows
// no controller by name.
import * as pulumi from '@pulumi/pulumi';
import { ingressNames } from './names.ts';

export const controllerNames = ['nginx', 'traefik', 'gce', 'alb', 'other'] as const;
export type ControllerName = (typeof controllerNames)[number];

/** A value, which may refer to objects by their namespace, which is not known before it is made. */
export type Annotation = string | ((namespace: string) => string);
export type Annotations = Readonly<Record<string, Annotation>>;

/** What an Ingress has to do. */
export interface IngressNeeds {
  /** Name of the Ingress, with which the names of all objects beside it begin. */
  readonly name: string;
  readonly tls: boolean;
  /** Whether HTTP leads to HTTPS, where there is TLS. */
  readonly redirectHttp: boolean;
  /** Ports at which people reach the controller. */
  readonly port: number;
  readonly httpsPort: number;
  /** Whether only the cloud's own network reaches it. */
  readonly internal: boolean;
  /** Ranges of addresses that reach it; none for any. */
  readonly allowedCidrs: readonly string[];
  /** Whether it asks for a name and a password, which a Secret beside the Ingress knows. */
  readonly asksPasswords: boolean;
  /** What the cloud adds to what the controller knows of the server, in the controller's own terms. */
  readonly backend?: object | undefined;
  /** What a load balancer asks to know whether the server is well. */
  readonly healthPath: string;
  /** The host for which the server has a certificate, and the Secret that its authority is in, where it speaks TLS itself. */
  readonly serverTls?:
    { readonly host: pulumi.Input<string>; readonly secretName: pulumi.Input<string> } | undefined;
}

/** A custom resource of the controller. */
export interface ControllerObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly spec: object;
  /** What to do where the cluster does not know the kind. */
  readonly remedy: string;
}

export const cloudCertificates = ['googleManaged', 'acmArn', 'acm'] as const;
export type CloudCertificate = (typeof cloudCertificates)[number];

interface Controller {
  /** How it calls itself in `spec.controller` of an IngressClass. */
  readonly implementation?: string;
  /** Whether it takes certificates from Secrets. */
  readonly readsSecrets: boolean;
  /** Certificates of its cloud that it can use, as `ingress.certificate` has them. */
  readonly cloudCertificates?: readonly CloudCertificate[];
  readonly canBeInternal: boolean;
  readonly canLimitSources: boolean;
  readonly canAskPasswords: boolean;
  /** Where its connections to the server come from: pods of its own, subnets that only their owner knows, or ranges. */
  sendsFrom(needs: Pick<IngressNeeds, 'internal'>): 'pods' | 'subnets' | readonly string[];
  /** Annotations that a setting stands for, which must therefore not be given by hand. */
  readonly owned: Readonly<Record<string, string>>;
  annotations(needs: IngressNeeds): Annotations;
  /** Of a second Ingress for plain HTTP, where one Ingress cannot serve both; undefined where none is needed. */
  plainAnnotations?(needs: IngressNeeds): Annotations | undefined;
  /** Of the Service behind the Ingress. */
  serviceAnnotations?(needs: IngressNeeds): Annotations;
  objects?(needs: IngressNeeds): ControllerObject[];
}

const fromPods = () => 'pods' as const;

/** Seconds for one transfer through a load balancer: large artifacts, and requests that the server works on for long. */
const transferSeconds = 600;

const none: Annotations = {};
/** Sources that are let in, in one annotation. */
const list = (ranges: readonly string[]) => ranges.join(',');
/** What a browser calls that which it asks a password for. */
const realm = 'MLflow';
const redirects = ({ tls, redirectHttp }: IngressNeeds) => tls && redirectHttp;

const nginxPrefix = 'nginx.ingress.kubernetes.io';
const traefikPrefix = 'traefik.ingress.kubernetes.io';
const albPrefix = 'alb.ingress.kubernetes.io';

/** https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/ */
const nginx: Controller = {
  implementation: 'k8s.io/ingress-nginx',
  readsSecrets: true,
  canBeInternal: false,
  canLimitSources: true,
  canAskPasswords: true,
  sendsFrom: fromPods,
  owned: {
    [`${nginxPrefix}/whitelist-source-range`]: 'ingress.allowedCidrs',
    [`${nginxPrefix}/allowlist-source-range`]: 'ingress.allowedCidrs',
  },
  annotations: (needs) => ({
    // Without them an artifact of more than 1 MiB is refused, and each is written to the controller's disk.
    [`${nginxPrefix}/proxy-body-size`]: '0',
    [`${nginxPrefix}/proxy-request-buffering`]: 'off',
    [`${nginxPrefix}/proxy-buffering`]: 'off',
    [`${nginxPrefix}/proxy-read-timeout`]: String(transferSeconds),
    [`${nginxPrefix}/proxy-send-timeout`]: String(transferSeconds),
    ...(needs.tls && {
      [`${nginxPrefix}/ssl-redirect`]: String(needs.redirectHttp),
      // Also where the certificate is none of a Secret, but the controller's own.
      [`${nginxPrefix}/force-ssl-redirect`]: String(needs.redirectHttp),
    }),
    ...(needs.allowedCidrs.length > 0 && {
      [`${nginxPrefix}/whitelist-source-range`]: list(needs.allowedCidrs),
    }),
    ...(needs.asksPasswords && {
      [`${nginxPrefix}/auth-type`]: 'basic',
      [`${nginxPrefix}/auth-secret`]: ingressNames(needs.name).passwords,
      [`${nginxPrefix}/auth-realm`]: realm,
    }),
    ...(needs.serverTls && { [`${nginxPrefix}/backend-protocol`]: 'HTTPS' }),
  }),
};

/** https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/#referencing-resources-in-annotations */
const traefikReference = (names: readonly string[]) => (namespace: string) =>
  names.map((name) => `${namespace}-${name}@kubernetescrd`).join(',');

/** What lets requests in or not, in this order. */
function guards(needs: IngressNeeds): string[] {
  const { allowList, passwords } = ingressNames(needs.name);
  return [...(needs.allowedCidrs.length > 0 ? [allowList] : []), ...(needs.asksPasswords ? [passwords] : [])];
}

const middlewares = (names: readonly string[]): Annotations =>
  names.length > 0 ? { [`${traefikPrefix}/router.middlewares`]: traefikReference(names) } : none;

/**
 * A router of Traefik that ends TLS answers no plain HTTP, so TLS takes two Ingresses. Its time-outs belong to its entry
 * points, where no Ingress can change them. https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/
 */
const traefik: Controller = {
  implementation: 'traefik.io/ingress-controller',
  readsSecrets: true,
  canBeInternal: false,
  canLimitSources: true,
  canAskPasswords: true,
  sendsFrom: fromPods,
  owned: {},
  annotations: (needs) => ({
    ...(needs.tls && {
      [`${traefikPrefix}/router.entrypoints`]: 'websecure',
      [`${traefikPrefix}/router.tls`]: 'true',
    }),
    ...middlewares(guards(needs)),
  }),
  plainAnnotations: (needs) => {
    if (!needs.tls) return undefined;
    const { redirect } = ingressNames(needs.name);
    return {
      [`${traefikPrefix}/router.entrypoints`]: 'web',
      // Nobody is asked for a password that would not be encrypted, where there is another way.
      ...middlewares(
        needs.redirectHttp ? [...guards({ ...needs, asksPasswords: false }), redirect] : guards(needs),
      ),
    };
  },
  serviceAnnotations: (needs) => ({
    ...(needs.serverTls && {
      [`${traefikPrefix}/service.serversscheme`]: 'https',
      [`${traefikPrefix}/service.serverstransport`]: traefikReference([ingressNames(needs.name).transport]),
    }),
  }),
  objects: (needs) => {
    const { redirect, allowList, passwords, transport } = ingressNames(needs.name);
    const middleware = (name: string, spec: object, setting: string) => ({
      apiVersion: 'traefik.io/v1alpha1',
      kind: 'Middleware',
      name,
      spec,
      remedy: `install the custom resource definitions of Traefik, or ${setting}`,
    });
    return [
      ...(redirects(needs)
        ? [
            middleware(
              redirect,
              {
                redirectScheme: {
                  scheme: 'https',
                  permanent: true,
                  ...(needs.httpsPort !== 443 && { port: String(needs.httpsPort) }),
                },
              },
              'set mlflow-stack:ingress.redirectHttp to false and redirect at the entry point',
            ),
          ]
        : []),
      ...(needs.allowedCidrs.length > 0
        ? [
            middleware(
              allowList,
              { ipAllowList: { sourceRange: [...needs.allowedCidrs] } },
              'limit the sources at the load balancer and leave mlflow-stack:ingress.allowedCidrs out',
            ),
          ]
        : []),
      ...(needs.asksPasswords
        ? [
            middleware(
              passwords,
              { basicAuth: { secret: passwords, realm, removeHeader: true } },
              'use another mlflow-stack:auth.kind than edge',
            ),
          ]
        : []),
      ...(needs.serverTls
        ? [
            {
              apiVersion: 'traefik.io/v1alpha1',
              kind: 'ServersTransport',
              name: transport,
              // Deprecated since Traefik 3.4 in favour of a list that older ones do not know.
              spec: { serverName: needs.serverTls.host, rootCAsSecrets: [needs.serverTls.secretName] },
              remedy:
                'install the custom resource definitions of Traefik, or leave mlflow-stack:server.tls off',
            },
          ]
        : []),
    ];
  },
};

const gkeOnly = 'class gce is for GKE with its HTTP load balancing switched on; choose another class';

/** https://cloud.google.com/kubernetes-engine/docs/how-to/ingress-configuration */
const gce: Controller = {
  readsSecrets: true,
  cloudCertificates: ['googleManaged'],
  canBeInternal: true,
  // By Cloud Armor, which cloud gcp sets up.
  canLimitSources: true,
  canAskPasswords: false,
  // https://cloud.google.com/load-balancing/docs/firewall-rules; an internal one sends from the subnet of its proxies.
  sendsFrom: ({ internal }) => (internal ? 'subnets' : ['130.211.0.0/22', '35.191.0.0/16']),
  owned: { 'kubernetes.io/ingress.class': 'ingress.className and ingress.internal' },
  annotations: (needs) => ({
    // GKE knows no IngressClass: https://cloud.google.com/kubernetes-engine/docs/concepts/ingress
    'kubernetes.io/ingress.class': needs.internal ? 'gce-internal' : 'gce',
    // An internal load balancer cannot redirect, and serves one of the two.
    ...(needs.tls && needs.internal && { 'kubernetes.io/ingress.allow-http': 'false' }),
    ...(redirects(needs) &&
      !needs.internal && { 'networking.gke.io/v1beta1.FrontendConfig': ingressNames(needs.name).frontend }),
  }),
  serviceAnnotations: (needs) => ({
    'cloud.google.com/backend-config': JSON.stringify({ default: ingressNames(needs.name).backend }),
    // Lets the load balancer reach pods behind a Service of type ClusterIP.
    'cloud.google.com/neg': JSON.stringify({ ingress: true }),
    ...(needs.serverTls && { 'cloud.google.com/app-protocols': JSON.stringify({ https: 'HTTPS' }) }),
  }),
  objects: (needs) => [
    {
      apiVersion: 'cloud.google.com/v1',
      kind: 'BackendConfig',
      name: ingressNames(needs.name).backend,
      spec: {
        timeoutSec: transferSeconds,
        // The default, the path `/`, is answered with 401 where the server asks for a log-in.
        healthCheck: { type: needs.serverTls ? 'HTTPS' : 'HTTP', requestPath: needs.healthPath },
        ...needs.backend,
      },
      remedy: gkeOnly,
    },
    ...(redirects(needs) && !needs.internal
      ? [
          {
            apiVersion: 'networking.gke.io/v1beta1',
            kind: 'FrontendConfig',
            name: ingressNames(needs.name).frontend,
            spec: { redirectToHttps: { enabled: true } },
            remedy: gkeOnly,
          },
        ]
      : []),
  ],
};

/** https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/ */
const alb: Controller = {
  implementation: 'ingress.k8s.aws/alb',
  readsSecrets: false,
  cloudCertificates: ['acmArn', 'acm'],
  canBeInternal: true,
  canLimitSources: true,
  canAskPasswords: false,
  sendsFrom: () => 'subnets',
  owned: {
    [`${albPrefix}/scheme`]: 'ingress.internal',
    [`${albPrefix}/inbound-cidrs`]: 'ingress.allowedCidrs',
  },
  annotations: (needs) => ({
    [`${albPrefix}/scheme`]: needs.internal ? 'internal' : 'internet-facing',
    // Reaches pods behind a Service of type ClusterIP.
    [`${albPrefix}/target-type`]: 'ip',
    [`${albPrefix}/load-balancer-attributes`]: `idle_timeout.timeout_seconds=${transferSeconds}`,
    [`${albPrefix}/healthcheck-path`]: needs.healthPath,
    [`${albPrefix}/success-codes`]: '200',
    ...((needs.tls || needs.port !== 80) && {
      [`${albPrefix}/listen-ports`]: JSON.stringify([
        { HTTP: needs.port },
        ...(needs.tls ? [{ HTTPS: needs.httpsPort }] : []),
      ]),
    }),
    ...(redirects(needs) && { [`${albPrefix}/ssl-redirect`]: String(needs.httpsPort) }),
    ...(needs.allowedCidrs.length > 0 && { [`${albPrefix}/inbound-cidrs`]: list(needs.allowedCidrs) }),
    ...(needs.serverTls && {
      [`${albPrefix}/backend-protocol`]: 'HTTPS',
      [`${albPrefix}/healthcheck-protocol`]: 'HTTPS',
    }),
  }),
};

const other: Controller = {
  readsSecrets: true,
  canBeInternal: false,
  canLimitSources: false,
  canAskPasswords: false,
  sendsFrom: fromPods,
  owned: {},
  annotations: () => none,
};

export const controllers: Readonly<Record<ControllerName, Controller>> = { nginx, traefik, gce, alb, other };

/** What settings say of the controller. */
export interface ControllerChoice {
  readonly controller?: ControllerName | undefined;
  readonly className?: string | undefined;
}

/** The controller that is named, or that the name of the class tells: `nginx`, `nginx-internal`, `public-nginx`. */
export function controllerOf({ controller, className = '' }: ControllerChoice): ControllerName {
  const words = className.split(/[-.]/);
  return controller ?? controllerNames.find((name) => name !== 'other' && words.includes(name)) ?? 'other';
}

/** The controller behind an IngressClass, by its `spec.controller`. */
export function controllerBehind(implementation: string): ControllerName {
  return controllerNames.find((name) => controllers[name].implementation === implementation) ?? 'other';
}

/** The same annotations as inputs. */
export function inNamespace(
  annotations: Readonly<Record<string, Annotation | pulumi.Input<string>>>,
  namespace: pulumi.Input<string>,
): Record<string, pulumi.Input<string>> {
  return Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [
      key,
      typeof value === 'function' ? pulumi.output(namespace).apply(value) : value,
    ]),
  );
}
