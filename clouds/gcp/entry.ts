// The way in: reserved addresses, certificates and log-ins of Google, limits of sources, records of Cloud DNS.
import * as pulumi from '@pulumi/pulumi';
import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { Address } from '@pulumi/gcp/compute/address.js';
import { GlobalAddress } from '@pulumi/gcp/compute/globalAddress.js';
import { SecurityPolicy } from '@pulumi/gcp/compute/securityPolicy.js';
import { RecordSet } from '@pulumi/gcp/dns/recordSet.js';
import { WebIamMember } from '@pulumi/gcp/iap/webIamMember.js';
import { secretValue } from '../../components/secret-value.ts';
import { controllerOf } from '../../lib/ingress-controllers.ts';
import { objectLabels } from '../../lib/labels.ts';
import { ingressNames, names } from '../../lib/names.ts';
import type { EntryParts, StoreArgs } from '../cloud.ts';
import type { GcpContext } from './context.ts';

export function entry(
  context: GcpContext,
  name: string,
  args: StoreArgs,
  opts: pulumi.ComponentResourceOptions,
): EntryParts {
  const { ingress } = context.settings;
  const { allowedCidrs, certificate, dns, staticIp } = ingress;
  if (controllerOf(ingress) !== 'gce') return { annotations: {}, serviceAnnotations: {} };
  const own = context.after(['compute'], opts);
  const reserved = staticIp ? reservedAddress(context, name, own) : undefined;
  if (reserved !== undefined && dns.zone !== undefined)
    records(context, name, dns.zone, reserved.address, context.after(['dns'], opts));
  return {
    address: reserved?.address,
    annotations: {
      ...(reserved && { [reserved.annotation]: reserved.name }),
      ...(certificate?.googleManaged === true && {
        'networking.gke.io/managed-certificates': managedCertificate(context, name, args, opts),
      }),
    },
    serviceAnnotations: {},
    backend: {
      ...(allowedCidrs.length > 0 && { securityPolicy: { name: sources(context, name, own) } }),
      ...logIn(context, name, args, opts),
    },
  };
}

const prefix = 'kubernetes.io/ingress';

interface Reserved {
  readonly annotation: string;
  readonly name: pulumi.Output<string>;
  readonly address: pulumi.Output<string>;
}

/** https://cloud.google.com/kubernetes-engine/docs/concepts/ingress-xlb#static_ip_addresses_for_https_load_balancers */
function reservedAddress(
  { settings, gcp, labels }: GcpContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): Reserved {
  const args = { description: 'Way in to MLflow', labels };
  if (!settings.ingress.internal) {
    const made = new GlobalAddress(`${name}-address`, args, opts);
    return { name: made.name, address: made.address, annotation: `${prefix}.global-static-ip-name` };
  }
  const made = new Address(
    `${name}-address`,
    {
      ...args,
      region: gcp.region,
      addressType: 'INTERNAL',
      purpose: 'SHARED_LOADBALANCER_VIP',
      ...(gcp.subnetwork !== undefined && { subnetwork: gcp.subnetwork }),
    },
    opts,
  );
  return { name: made.name, address: made.address, annotation: `${prefix}.regional-static-ip-name` };
}

function records(
  { settings, gcp }: GcpContext,
  name: string,
  managedZone: string,
  address: pulumi.Output<string>,
  opts: pulumi.ComponentResourceOptions,
): void {
  for (const host of settings.ingress.hosts)
    new RecordSet(
      `${name}-record-${host}`,
      { project: gcp.project, managedZone, name: `${host}.`, type: 'A', ttl: 300, rrdatas: [address] },
      opts,
    );
}

/** Google makes it once the hosts' names lead to the load balancer, which may take an hour; nothing waits for it. */
function managedCertificate(
  { settings }: GcpContext,
  name: string,
  { namespace }: StoreArgs,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  return new CustomResource(
    `${name}-certificate`,
    {
      apiVersion: 'networking.gke.io/v1',
      kind: 'ManagedCertificate',
      metadata: {
        name: ingressNames(names.ingress).managed,
        namespace,
        labels: objectLabels('ingress'),
      },
      spec: { domains: [...settings.ingress.hosts] },
    },
    opts,
  ).metadata.name;
}

/** Cloud Armor: https://cloud.google.com/armor/docs/configure-security-policies */
function sources(
  { settings, gcp }: GcpContext,
  name: string,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { allowedCidrs } = settings.ingress;
  // A rule has ten ranges at most.
  const groups = Array.from({ length: Math.ceil(allowedCidrs.length / 10) }, (_, index) =>
    allowedCidrs.slice(10 * index, 10 * index + 10),
  );
  const rule = (priority: number, action: string, ranges: readonly string[], description: string) => ({
    priority,
    action,
    description,
    match: { versionedExpr: 'SRC_IPS_V1', config: { srcIpRanges: [...ranges] } },
  });
  return new SecurityPolicy(
    `${name}-sources`,
    {
      project: gcp.project,
      description: 'Who reaches MLflow',
      rules: [
        ...groups.map((ranges, index) => rule(1000 + index, 'allow', ranges, 'ingress.allowedCidrs')),
        rule(2 ** 31 - 1, 'deny(403)', ['*'], 'everybody else'),
      ],
    },
    opts,
  ).name;
}

/** Identity-Aware Proxy: https://cloud.google.com/iap/docs/enabling-kubernetes-howto */
function logIn(
  context: GcpContext,
  name: string,
  { namespace }: StoreArgs,
  opts: pulumi.ComponentResourceOptions,
): object {
  const { settings, gcp } = context;
  const { edge, kind } = settings.auth;
  if (kind !== 'edge' || edge.iap === undefined) return {};
  const { clientId, clientSecretFrom, members } = edge.iap;
  const client = new Secret(
    `${name}-iap`,
    {
      metadata: { namespace, labels: objectLabels('ingress') },
      type: 'Opaque',
      stringData: {
        client_id: clientId,
        client_secret: secretValue(`${name}-client`, namespace, clientSecretFrom, opts),
      },
    },
    opts,
  );
  // The service behind the load balancer gets its name from GKE, so what is granted is bound to the hosts.
  const hosts = settings.ingress.hosts.map((host) => `request.host == "${host}"`).join(' || ');
  const own = context.after(['iap'], opts);
  for (const member of members)
    new WebIamMember(
      `${name}-member-${member.replace(/[^a-zA-Z0-9]+/g, '-')}`,
      {
        project: gcp.project,
        role: 'roles/iap.httpsResourceAccessor',
        member,
        condition: { title: 'hosts of the stack', expression: hosts },
      },
      own,
    );
  return { iap: { enabled: true, oauthclientCredentials: { secretName: client.metadata.name } } };
}
