// Ingress: the way in for people and programs outside the cluster.
import * as pulumi from '@pulumi/pulumi';
import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { Ingress as KubernetesIngress } from '@pulumi/kubernetes/networking/v1/ingress.js';
import type { networking } from '@pulumi/kubernetes/types/input.js';
import type { EntryParts } from '../clouds/cloud.ts';
import { publicUrls } from '../lib/allowed-hosts.ts';
import { endsTls } from '../lib/entry.ts';
import {
  type Annotation,
  type Annotations,
  type ControllerName,
  type IngressNeeds,
  controllerOf,
  controllers,
  inNamespace,
} from '../lib/ingress-controllers.ts';
import { objectLabels, overruleOthers } from '../lib/labels.ts';
import { ingressNames, serviceHost } from '../lib/names.ts';
import { probePaths } from '../lib/server-paths.ts';
import type { ServiceConnection } from './connections.ts';

/** One certificate: from an existing Secret, given, made for the stack; with none of these it is the controller's own. */
export interface IngressTls {
  /** Default: all hosts. */
  readonly hosts?: readonly string[] | undefined;
  readonly secretName?: string | undefined;
  /** In PEM, followed by the certificates of its issuers. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly selfSigned?: boolean | undefined;
}

export interface IngressArgs {
  readonly service: ServiceConnection;
  /** IngressClass that answers. Default: the cluster's default class. */
  readonly className?: string | undefined;
  /** Whose annotations to set. Default: what the name of the class tells. */
  readonly controller?: ControllerName | undefined;
  /** Host names, at least one. The server must know them as public hosts. */
  readonly hosts: readonly string[];
  /** Default: the path under which the server lives, with all that is below it. */
  readonly paths?: readonly { readonly path: string; readonly pathType: string }[] | undefined;
  /** Ports at which the Ingress controller is reached from outside. */
  readonly port: number;
  readonly httpsPort: number;
  readonly tls: readonly IngressTls[];
  /** Where one certificate for all hosts comes from: cert-manager, or the cloud. */
  readonly certificate?:
    | {
        readonly issuer?: string | undefined;
        readonly clusterIssuer?: string | undefined;
        /** Kept by the cloud, which names it by an annotation. */
        readonly googleManaged?: boolean | undefined;
        readonly acmArn?: string | undefined;
        readonly acm?: boolean | undefined;
      }
    | undefined;
  /** Whether HTTP leads to HTTPS, where there is a certificate. */
  readonly redirectHttp: boolean;
  /** Whether only the cloud's own network reaches it. */
  readonly internal: boolean;
  /** Ranges of addresses that may use it; none for any. */
  readonly allowedCidrs: readonly string[];
  /** Whether the controller asks for a name and a password, by the htpasswd file of kind `edge`. */
  readonly asksPasswords: boolean;
  /** These win over those that the program sets. */
  readonly annotations: Record<string, string>;
  /** What the cloud adds: addresses, certificates, log-ins. */
  readonly parts?: Pick<EntryParts, 'annotations' | 'awaitsAddress' | 'backend'> | undefined;
  /** Values of the Secret with the certificate that was made for the stack, which is kept as long as it is good. */
  readonly existingCertificate: Readonly<Record<string, string>>;
}

/** One rule per host, all of which lead to the server, and what its controller needs to serve them well. */
export class Ingress extends pulumi.ComponentResource {
  /** URL of the first host. */
  public readonly url: string;
  /** Host name or address of the load balancer, where an update waits for it. */
  public readonly address: pulumi.Output<string>;

  constructor(name: string, args: IngressArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:Ingress', name, recordedArgs(args), opts);
    const needs = needsOf(name, args);
    const [url] = publicUrls({ ...args, tls: needs.tls });
    if (url === undefined) {
      throw new pulumi.ResourceError(
        `Ingress "${name}": hosts: empty; allowed: at least one host name`,
        this,
      );
    }
    const controller = controllers[controllerOf(args)];
    const dependsOn = controllerObjects(args, controller.objects?.(needs) ?? [], this);
    const ingress = (
      resourceName: string,
      objectName: string,
      annotations: Readonly<Record<string, Annotation | pulumi.Input<string>>>,
      tls: networking.v1.IngressTLS[],
    ) =>
      new KubernetesIngress(
        resourceName,
        {
          metadata: {
            name: objectName,
            namespace: args.service.namespace,
            labels: objectLabels('ingress'),
            // Many controllers never report an address, for which an update would wait ten minutes.
            annotations: {
              ...(args.parts?.awaitsAddress !== true && { 'pulumi.com/skipAwait': 'true' }),
              ...inNamespace(annotations, args.service.namespace),
            },
          },
          spec: {
            ingressClassName: 'kubernetes.io/ingress.class' in annotations ? undefined : args.className,
            tls: tls.length > 0 ? tls : undefined,
            rules: rules(args),
          },
        },
        { parent: this, dependsOn },
      );
    const main = ingress(
      `${name}-ingress`,
      name,
      {
        ...controller.annotations(needs),
        ...issuerAnnotations(args),
        ...args.parts?.annotations,
        ...args.annotations,
      },
      certificates(name, args, this),
    );
    const plain = controller.plainAnnotations?.(needs);
    if (plain !== undefined) ingress(ingressNames(name).plain, ingressNames(name).plain, plain, []);
    this.url = url;
    this.address = main.status.apply((status: ReportedStatus | undefined) => {
      const [reported] = status?.loadBalancer?.ingress ?? [];
      return reported?.hostname ?? reported?.ip ?? '';
    });
    this.registerOutputs({ url });
  }
}

/** Parts of it are missing until the controller has reported. */
interface ReportedStatus {
  readonly loadBalancer?: {
    readonly ingress?: readonly { readonly hostname?: string; readonly ip?: string }[];
  };
}

/** Args as the state keeps them: without keys, and without what was only found there. */
function recordedArgs({ tls, existingCertificate: _, ...args }: IngressArgs): pulumi.Inputs {
  return { ...args, tls: tls.map(({ key: __, ...entry }) => entry) };
}

function needsOf(name: string, args: IngressArgs): IngressNeeds {
  const { ca, ...service } = args.service;
  return {
    ...args,
    name,
    tls: endsTls(args),
    backend: args.parts?.backend,
    healthPath: `${service.prefix}${probePaths.health}`,
    serverTls: ca && {
      host: pulumi.all([service.namespace, service.name]).apply(([home, each]) => serviceHost(home, each)),
      secretName: ca.secretName,
    },
  };
}

function controllerObjects(
  { service }: IngressArgs,
  objects: ReturnType<NonNullable<(typeof controllers)[ControllerName]['objects']>>,
  parent: pulumi.Resource,
): pulumi.Resource[] {
  return objects.map(
    ({ apiVersion, kind, name, spec }) =>
      new CustomResource(
        name,
        {
          apiVersion,
          kind,
          metadata: { name, namespace: service.namespace, labels: objectLabels('ingress') },
          spec,
        },
        { parent },
      ),
  );
}

function rules({ service, hosts, paths }: IngressArgs): networking.v1.IngressRule[] {
  const backend = { service: { name: service.name, port: { number: service.port } } };
  const all = paths ?? [{ path: service.prefix === '' ? '/' : service.prefix, pathType: 'Prefix' }];
  return hosts.map((host) => ({ host, http: { paths: all.map((each) => ({ ...each, backend })) } }));
}

/** https://cert-manager.io/docs/usage/ingress/#supported-annotations */
function issuerAnnotations({ certificate }: IngressArgs): Annotations {
  const { issuer, clusterIssuer } = certificate ?? {};
  return {
    ...(issuer !== undefined && { 'cert-manager.io/issuer': issuer }),
    ...(clusterIssuer !== undefined && { 'cert-manager.io/cluster-issuer': clusterIssuer }),
  };
}

/** Where the controller finds the certificate of each host. */
function certificates(name: string, args: IngressArgs, parent: pulumi.Resource): networking.v1.IngressTLS[] {
  const { issuer, clusterIssuer } = args.certificate ?? {};
  if (args.certificate !== undefined && issuer === undefined && clusterIssuer === undefined) return [];
  if (args.certificate !== undefined)
    return [{ hosts: [...args.hosts], secretName: ingressNames(name).issued }];
  return args.tls.map((entry, index) => {
    const hosts = [...(entry.hosts ?? args.hosts)];
    const { certificate, key } = entry;
    if (certificate !== undefined && key !== undefined)
      return {
        hosts,
        secretName: tlsSecret(
          `${name}-tls-${index}`,
          args,
          {},
          { 'tls.crt': certificate, 'tls.key': key },
          parent,
        ),
      };
    if (entry.selfSigned === true) return { hosts, secretName: selfSignedSecret(name, args, hosts, parent) };
    return { hosts, secretName: entry.secretName };
  });
}

/** Its name is known, so that the next update finds the certificate again. */
function selfSignedSecret(
  name: string,
  args: IngressArgs,
  hosts: readonly string[],
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const files = pulumi.output(args.service.namespace).apply(async () => {
    const { serverCertificate } = await import('../lib/certificates.ts');
    return await serverCertificate(hosts, args.existingCertificate);
  });
  const metadata = { name: ingressNames(name).selfSigned, annotations: overruleOthers };
  return tlsSecret(`${name}-self-signed`, args, metadata, files, parent);
}

function tlsSecret(
  name: string,
  { service }: IngressArgs,
  metadata: object,
  files: pulumi.Input<Record<string, string>>,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const secret = new Secret(
    name,
    {
      metadata: { ...metadata, namespace: service.namespace, labels: objectLabels('ingress') },
      type: 'kubernetes.io/tls',
      stringData: pulumi.secret(files),
    },
    { parent },
  );
  return secret.metadata.name;
}
