// HttpRoute: the way in through a Gateway.
import * as pulumi from '@pulumi/pulumi';
import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import { type WayIn, publicUrls } from '../lib/allowed-hosts.ts';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import type { ServiceConnection } from './connections.ts';

/** A Gateway, or one of its listeners. */
export interface ParentRef {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly sectionName?: string | undefined;
  readonly port?: number | undefined;
}

export interface HttpRouteArgs extends Omit<WayIn, 'redirectHttp'> {
  readonly service: ServiceConnection;
  /** At least one. */
  readonly parentRefs: readonly ParentRef[];
  /** Default: the path under which the server lives, with all that is below it. */
  readonly matches: readonly object[];
  readonly filters: readonly object[];
  /** Durations of the Gateway API; `none` leaves one to the Gateway. */
  readonly timeouts: { readonly request: string; readonly backendRequest: string };
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#httproute */
export class HttpRoute extends pulumi.ComponentResource {
  /** URL of the first host. */
  public readonly url: string;

  constructor(name: string, args: HttpRouteArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:HttpRoute', name, args, opts);
    const [url] = publicUrls({ ...args, redirectHttp: true });
    if (url === undefined || args.parentRefs.length === 0) {
      const [what, allowed] =
        url === undefined ? ['hosts', 'at least one host name'] : ['parentRefs', 'at least one Gateway'];
      throw new pulumi.ResourceError(`HttpRoute "${name}": ${what}: empty; allowed: ${allowed}`, this);
    }
    const { service } = args;
    new CustomResource(
      `${name}-route`,
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'HTTPRoute',
        metadata: {
          name,
          namespace: service.namespace,
          labels: { ...args.labels, ...objectLabels('http-route') },
          annotations: { ...overruleOthers, ...args.annotations },
        },
        spec: { parentRefs: args.parentRefs, hostnames: args.hosts, rules: [rule(args)] },
      },
      { parent: this },
    );
    this.url = url;
    this.registerOutputs({ url });
  }
}

function rule({ service, matches, filters, timeouts }: HttpRouteArgs): object {
  const everything = { path: { type: 'PathPrefix', value: service.prefix === '' ? '/' : service.prefix } };
  const limits = Object.entries(timeouts).filter(([, duration]) => duration !== 'none');
  return {
    matches: matches.length > 0 ? matches : [everything],
    ...(filters.length > 0 && { filters }),
    ...(limits.length > 0 && { timeouts: Object.fromEntries(limits) }),
    backendRefs: [{ name: service.name, port: service.port }],
  };
}
