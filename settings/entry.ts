// The ways in for people and programs outside the cluster.
import * as v from 'valibot';
import { controllerNames } from '../lib/ingress-controllers.ts';
import {
  cidr,
  className,
  flag,
  hostName,
  manifests,
  notShown,
  objectName,
  oneOf,
  optionalSection,
  pem,
  secretName,
  section,
  text,
  texts,
  wholeNumber,
} from '../lib/schema.ts';

const hosts = () => v.array(hostName(), 'a list of host names');

/** Ports at which people reach what stands at the edge of the cluster, where they are not the usual ones. */
const ports = {
  /** Port at which people reach it by HTTP. */
  port: v.optional(wholeNumber(1, 65_535), 80),
  /** The same for HTTPS. */
  httpsPort: v.optional(wholeNumber(1, 65_535), 443),
};

/** One certificate: of an existing Secret, given here, made by the program, or else what the controller has. */
const tlsEntry = section({
  /** Hosts that the certificate is for. Default: all hosts of the Ingress. */
  hosts: v.optional(hosts()),
  /** Existing Secret of type `kubernetes.io/tls`. */
  secretName: v.optional(secretName()),
  /** The certificate in PEM, followed by those of its issuers; a Secret is made of it and the key. */
  certificate: v.optional(pem('a certificate')),
  /** The key in PEM, a secret. */
  key: v.optional(pem('a private key')),
  /** Makes a certificate that nobody knows, for a local stack. */
  selfSigned: v.optional(flag(), false),
});

const pathEntry = section({
  /** Path, from the root of the host. */
  path: text('a path such as / or /mlflow', /^\/\S*$/),
  /** What matches it. */
  pathType: v.optional(oneOf(['Prefix', 'Exact', 'ImplementationSpecific']), 'Prefix'),
});

export const ingress = optionalSection({
  /** Makes an Ingress. Needs a host. */
  enabled: v.optional(flag(), false),
  /** IngressClass: `nginx`, `traefik`, `gce`, `alb` or any other. Default: the cluster's own. */
  className: v.optional(className()),
  /**
   * Whose annotations are set, for large transfers, HTTPS and health checks: `nginx` (ingress-nginx), `traefik`, `gce` (GKE),
   * `alb` (AWS Load Balancer Controller); `other` sets none. Default: what the name of the class tells.
   */
  controller: v.optional(oneOf(controllerNames)),
  /** Hosts that people use, each accepted as Host header and as Origin of the UI's own requests. */
  hosts: v.optional(hosts(), []),
  /** Paths that lead to the server. Default: `server.staticPrefix`, else `/`. */
  paths: v.optional(
    v.pipe(
      v.array(pathEntry, 'a list of sections with path and pathType'),
      v.minLength(1, 'at least one path; leave the list out for all of them'),
    ),
  ),
  ...ports,
  /**
   * Certificates, which together are for every host: each of one existing Secret, or `certificate` and `key`, or `selfSigned`,
   * or of nothing for the controller's own. Any makes the Ingress serve HTTPS.
   */
  tls: v.optional(v.array(tlsEntry, `a list of sections with hosts and a certificate (${notShown})`), []),
  certificate: v.optional(
    section({
      /** Issuer of cert-manager, in the namespace of the stack, that is to make a certificate for all hosts. Excludes `ingress.tls`. */
      issuer: v.optional(className()),
      /** The same of a ClusterIssuer. */
      clusterIssuer: v.optional(className()),
      /** Has Google make and renew it, with gce. */
      googleManaged: v.optional(flag()),
      /** One of AWS Certificate Manager, with alb. */
      acmArn: v.optional(
        text(
          'the ARN of a certificate such as arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012',
          /^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[-a-z0-9]+$/,
        ),
      ),
      /** Has AWS Certificate Manager make it, proved by records in `dns.zone`, with alb. */
      acm: v.optional(flag()),
    }),
  ),
  /** Leads HTTP to HTTPS, where there is a certificate. */
  redirectHttp: v.optional(flag(), true),
  /** Makes the load balancer one of the cloud's own network, with `gce` and `alb`. */
  internal: v.optional(flag(), false),
  /** Ranges of addresses that alone may use it, with `nginx`, `traefik` and `alb`. Default: any address. */
  allowedCidrs: v.optional(v.array(cidr(), 'a list of ranges of addresses'), []),
  /** Reserves an address for the load balancer, with gce. */
  staticIp: v.optional(flag(), false),
  /** Makes records for the hosts. */
  dns: optionalSection({
    /** Zone of Cloud DNS, by name, or of Route 53, by id. */
    zone: v.optional(text('the name or id of a zone', /^[a-zA-Z0-9][-a-zA-Z0-9]*$/)),
  }),
  /** Annotations of the Ingress. They win over those that the program sets, but for what a setting above stands for. */
  annotations: texts(),
});

/** https://gateway-api.sigs.k8s.io/geps/gep-2257/ */
const duration = () => text('a duration such as 600s or 10m, or none', /^(none|(\d{1,5}(h|m|s|ms)){1,4})$/);

export const httpRoute = optionalSection({
  /** Makes an HTTPRoute of the Gateway API, 1.2 or newer. */
  enabled: v.optional(flag(), false),
  /** Gateways that it belongs to, at least one. */
  parentRefs: v.optional(
    v.array(
      section({
        /** Name of the Gateway. */
        name: className(),
        /** Its namespace. Default: that of the stack. */
        namespace: v.optional(objectName()),
        /** Listener of that Gateway. Default: all that let the route in. */
        sectionName: v.optional(className()),
        /** Port of that Gateway. Default: all. */
        port: v.optional(wholeNumber(1, 65_535)),
      }),
      'a list of Gateways, each with a name',
    ),
    [],
  ),
  /** Hosts that people use, at least one, none of them a host of the Ingress. */
  hosts: v.optional(hosts(), []),
  /** Requests that lead to the server, in the Gateway API's own terms. Default: all below `server.staticPrefix`, else all. */
  matches: manifests<object>('a match with path, headers, queryParams or method'),
  /** What a Gateway does to requests and answers, in the Gateway API's own terms. */
  filters: manifests<object>('a filter with a type'),
  timeouts: optionalSection({
    /** Longest that a client waits for its answer, large artifacts included; `none` leaves it to the Gateway. */
    request: v.optional(duration(), '600s'),
    /** The same of one attempt to ask the server. */
    backendRequest: v.optional(duration(), 'none'),
  }),
  /** Whether the listener serves HTTPS, which decides on URLs and origins. */
  tls: v.optional(flag(), false),
  ...ports,
  /** Labels of the route. */
  labels: texts(),
  /** Annotations of the route. */
  annotations: texts(),
});
