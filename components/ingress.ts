// Ingress: the way in for people and programs outside the cluster.
import * as pulumi from '@pulumi/pulumi';
import { Ingress as KubernetesIngress } from '@pulumi/kubernetes/networking/v1/ingress.js';
import { publicUrls } from '../lib/allowed-hosts.ts';
import { objectLabels } from '../lib/labels.ts';
import type { ServiceConnection } from './connections.ts';

export interface IngressArgs {
  readonly service: ServiceConnection;
  /** IngressClass that answers. Default: the cluster's default class. */
  readonly className?: string | undefined;
  /** Host names, at least one. The server must know them as public hosts. */
  readonly hosts: readonly string[];
  /** Port at which the Ingress controller is reached from outside. */
  readonly port: number;
  readonly annotations: Record<string, string>;
}

/** One rule per host, all of which lead to the server. */
export class Ingress extends pulumi.ComponentResource {
  /** URL of the first host. */
  public readonly url: string;

  constructor(name: string, args: IngressArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:Ingress', name, args, opts);
    const [url] = publicUrls(args);
    if (url === undefined) {
      throw new pulumi.ResourceError(
        `Ingress "${name}": hosts: empty; allowed: at least one host name`,
        this,
      );
    }
    const { service } = args;
    const backend = { service: { name: service.name, port: { number: service.port } } };
    new KubernetesIngress(
      `${name}-ingress`,
      {
        metadata: {
          name,
          namespace: service.namespace,
          labels: objectLabels('ingress'),
          // Many controllers never report an address, for which an update would wait ten minutes.
          annotations: { 'pulumi.com/skipAwait': 'true', ...args.annotations },
        },
        spec: {
          ingressClassName: args.className,
          rules: args.hosts.map((host) => ({
            host,
            http: { paths: [{ path: '/', pathType: 'Prefix', backend }] },
          })),
        },
      },
      { parent: this },
    );
    this.url = url;
    this.registerOutputs({ url });
  }
}
