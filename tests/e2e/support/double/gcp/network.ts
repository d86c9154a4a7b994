// Networks, addresses, names and certificates in the pretended Google Cloud.
import { type Kind } from '../provider.ts';
import type { CloudObject, Props, Store } from '../store.ts';
import {
  checkLabels,
  computeName,
  existing,
  guarded,
  inProject,
  lastPart,
  now,
  numberOf,
  oneOf,
  part,
  projectId,
  region,
  text,
  texts,
  withLabels,
} from './rules.ts';

const NETWORK = 'gcp:compute/network:Network';
const CONNECTION = 'gcp:servicenetworking/connection:Connection';
const url = (path: string) => `https://www.googleapis.com/compute/v1/${path}`;
const autoname = { property: 'name', maxLength: 63, lowercase: true };

export const networkPath = (network: unknown, project: string): string => {
  const [, path] = /(projects\/[^/]+\/global\/networks\/[^/]+)$/.exec(text(network)) ?? [];
  return path ?? `projects/${project}/global/networks/${text(network)}`;
};

export const network = guarded({
  replaceOnChanges: ['name', 'project', 'autoCreateSubnetworks', 'description'],
  autoname,
  defaults: (_, { project }) => ({ project, autoCreateSubnetworks: true, routingMode: 'REGIONAL' }),
  check: texts({ name: computeName, project: projectId, routingMode: oneOf('REGIONAL', 'GLOBAL') }),
  id: (inputs, context) => networkPath(inputs.name, inProject(inputs, context)),
  computed: (inputs, context) => {
    const path = networkPath(inputs.name, inProject(inputs, context));
    return {
      selfLink: url(path),
      gatewayIpv4: '',
      mtu: inputs.mtu ?? 0,
      networkId: numberOf(path),
      numericId: numberOf(path),
    };
  },
  delete: ({ id }, { store }) => {
    if (connectionsOf(store, id).length > 0)
      throw new Error(
        `Error waiting for Deleting Network: The network resource '${id}' is already being used by 'projects/service/global/networks/servicenetworking'`,
      );
  },
});

function addressRules(
  inputs: Props,
  fail: (property: string, reason: string) => void,
  purposes: readonly string[],
): void {
  texts({
    name: computeName,
    project: projectId,
    addressType: oneOf('EXTERNAL', 'INTERNAL'),
    purpose: oneOf(...purposes),
    ipVersion: oneOf('IPV4', 'IPV6', ''),
  })(inputs, fail);
  checkLabels('labels', inputs.labels, fail);
}

export const globalAddress: Kind = guarded({
  replaceOnChanges: [
    ...['name', 'project', 'address', 'addressType', 'ipVersion'],
    ...['network', 'prefixLength', 'purpose', 'description'],
  ],
  autoname,
  defaults: (_, { project }) => ({ project, addressType: 'EXTERNAL' }),
  check: (inputs, fail) => {
    addressRules(inputs, fail, ['VPC_PEERING', 'PRIVATE_SERVICE_CONNECT', '']);
    const { addressType, purpose, network: given, prefixLength } = inputs;
    if (purpose === 'VPC_PEERING' && addressType === 'EXTERNAL')
      fail('purpose', 'VPC_PEERING is only for addresses of type INTERNAL');
    if (addressType === 'EXTERNAL' && given !== undefined)
      fail('network', 'Network can not be specified for a global external address.');
    if (addressType === 'EXTERNAL' && prefixLength !== undefined)
      fail('prefixLength', 'prefixLength is only for reserved internal ranges');
    if (typeof prefixLength === 'number' && (prefixLength < 8 || prefixLength > 29))
      fail('prefixLength', 'expected prefix_length to be in the range (8 - 29)');
  },
  id: (inputs, context) => `projects/${inProject(inputs, context)}/global/addresses/${text(inputs.name)}`,
  computed: (inputs, context, old) => ({
    ...withLabels(inputs),
    labelFingerprint: '42WmSpB8rSM=',
    address:
      inputs.address ??
      old?.outputs.address ??
      (inputs.addressType === 'INTERNAL' ? '10.7.0.0' : '203.0.113.7'),
    prefixLength: inputs.prefixLength ?? 0,
    creationTimestamp: old?.outputs.creationTimestamp ?? now(),
    selfLink: url(`projects/${inProject(inputs, context)}/global/addresses/${text(inputs.name)}`),
  }),
  create: ({ inputs }, context) => {
    if (inputs.network !== undefined)
      existing(
        context.store,
        NETWORK,
        networkPath(inputs.network, inProject(inputs, context)),
        `The resource '${text(inputs.network)}'`,
      );
  },
});

export const address: Kind = guarded({
  replaceOnChanges: [
    ...['name', 'project', 'region', 'address', 'addressType', 'ipVersion', 'networkTier'],
    ...['network', 'subnetwork', 'prefixLength', 'purpose', 'description'],
  ],
  autoname,
  defaults: (_, config) => ({ project: config.project, region: config.region, addressType: 'EXTERNAL' }),
  check: (inputs, fail) => {
    addressRules(inputs, fail, [
      ...['GCE_ENDPOINT', 'SHARED_LOADBALANCER_VIP', 'VPC_PEERING', 'IPSEC_INTERCONNECT'],
      ...['PRIVATE_SERVICE_CONNECT', 'NAT_AUTO', ''],
    ]);
    texts({ region, networkTier: oneOf('PREMIUM', 'STANDARD', '') })(inputs, fail);
  },
  id: (inputs, context) =>
    `projects/${inProject(inputs, context)}/regions/${text(inputs.region)}/addresses/${text(inputs.name)}`,
  computed: (inputs, context, old) => ({
    ...withLabels(inputs),
    labelFingerprint: '42WmSpB8rSM=',
    address: inputs.address ?? old?.outputs.address ?? '203.0.113.8',
    addressId: Number(numberOf(text(inputs.name))),
    creationTimestamp: old?.outputs.creationTimestamp ?? now(),
    networkTier: inputs.networkTier ?? 'PREMIUM',
    prefixLength: inputs.prefixLength ?? 0,
    purpose: inputs.purpose ?? '',
    subnetwork: inputs.subnetwork ?? '',
    users: [],
    selfLink: url(
      `projects/${inProject(inputs, context)}/regions/${text(inputs.region)}/addresses/${text(inputs.name)}`,
    ),
  }),
});

/** The peering through which managed services have addresses in a network. */
export const connection: Kind = guarded({
  replaceOnChanges: ['network', 'service'],
  id: ({ network: given, service }) => `${encodeURIComponent(text(given))}:${text(service)}`,
  computed: () => ({ peering: 'servicenetworking-googleapis-com' }),
  adopts: ({ updateOnCreationFail }) => updateOnCreationFail === true,
  create: ({ inputs }, context) => {
    const project = inProject({}, context);
    existing(
      context.store,
      NETWORK,
      networkPath(inputs.network, project),
      `The resource '${text(inputs.network)}'`,
    );
    for (const range of Array.isArray(inputs.reservedPeeringRanges) ? inputs.reservedPeeringRanges : []) {
      const id = `projects/${project}/global/addresses/${text(range)}`;
      if (
        part(context.store.get('gcp:compute/globalAddress:GlobalAddress', id)?.inputs).purpose !==
        'VPC_PEERING'
      )
        throw new Error(
          `googleapi: Error 400: Cannot create connection: allocated IP range '${text(range)}' not found in network., invalidArgument`,
        );
    }
  },
  delete: ({ inputs }, { store }) => {
    // Also for days after the last instance is gone, but no test waits that long.
    const used = store
      .list('gcp:sql/databaseInstance:DatabaseInstance')
      .some(
        (instance) =>
          lastPart(part(part(instance.inputs.settings).ipConfiguration).privateNetwork) ===
          lastPart(inputs.network),
      );
    if (used)
      throw new Error(
        'Unable to remove Service Networking Connection, err: Error waiting for Delete Service Networking Connection: Error code 9, message: Failed to delete connection; Producer services (e.g. CloudSQL, Cloud Memstore, etc.) are still using this connection.',
      );
  },
});

/** Those of a network, by which managed services can have addresses in it. */
export const connectionsOf = (store: Store, network: unknown): CloudObject[] =>
  store.list(CONNECTION).filter(({ inputs }) => lastPart(inputs.network) === lastPart(network));

export const managedCertificate: Kind = guarded({
  replaceOnChanges: ['name', 'project', 'managed', 'type', 'description'],
  autoname,
  defaults: (_, { project }) => ({ project, type: 'MANAGED' }),
  check: (inputs, fail) => {
    texts({ name: computeName })(inputs, fail);
    const { domains } = part(inputs.managed);
    if (Array.isArray(domains) && (domains.length === 0 || domains.length > 100))
      fail('managed.domains', 'expected 1 to 100 domains');
  },
  id: (inputs, context) =>
    `projects/${inProject(inputs, context)}/global/sslCertificates/${text(inputs.name)}`,
  computed: (inputs, context) => ({
    certificateId: Number(numberOf(text(inputs.name))),
    creationTimestamp: now(),
    expireTime: '',
    subjectAlternativeNames: part(inputs.managed).domains ?? [],
    selfLink: url(`projects/${inProject(inputs, context)}/global/sslCertificates/${text(inputs.name)}`),
  }),
});

export const recordSet: Kind = guarded({
  replaceOnChanges: ['name', 'managedZone', 'project', 'type'],
  defaults: (_, { project }) => ({ project }),
  check: (inputs, fail) => {
    texts({
      name: (value) => (value.endsWith('.') ? undefined : 'must end with a trailing dot'),
      type: oneOf('A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SPF', 'SRV', 'TXT'),
    })(inputs, fail);
    if (Array.isArray(inputs.rrdatas) && inputs.rrdatas.length === 0)
      fail('rrdatas', 'expected at least one');
  },
  id: (inputs, context) =>
    `projects/${inProject(inputs, context)}/managedZones/${text(inputs.managedZone)}/rrsets/${text(inputs.name)}/${text(inputs.type)}`,
  create: ({ inputs }, context) => {
    existing(
      context.store,
      'gcp:dns/managedZone:ManagedZone',
      `projects/${inProject(inputs, context)}/managedZones/${text(inputs.managedZone)}`,
      `The 'parameters.managedZone' resource named '${text(inputs.managedZone)}'`,
    );
  },
});
