// Buckets and databases: closed to the public, encrypted, and kept.
import { prefixLength } from '../../lib/cidr.ts';
import { defaultPorts } from '../../lib/database.ts';
import { annotations } from '../../lib/names.ts';
import {
  type Finding,
  type Props,
  type Resource,
  type Rule,
  at,
  isAws,
  isGcp,
  isKubernetes,
  isUnknown,
  list,
  mayBe,
  texts,
} from '../resource.ts';
import { allowed, isEverybody } from './rights.ts';

const blockFlags = ['blockPublicAcls', 'blockPublicPolicy', 'ignorePublicAcls', 'restrictPublicBuckets'];
const isBucket = (resource: Resource) => isAws(resource, 'Bucket', 'BucketV2');

export const noPublicBuckets: Rule = {
  name: 'no-public-buckets',
  description: 'Nobody reads or writes a bucket without being known.',
  resource: (resource) => {
    const { props } = resource;
    if (isAws(resource, 'BucketPublicAccessBlock'))
      return blockFlags.filter((flag) => !mayBe(props[flag], true)).map((flag) => `${flag} is not true`);
    if (isGcp(resource, 'Bucket'))
      return [
        ...(mayBe(props.publicAccessPrevention, 'enforced')
          ? []
          : ['publicAccessPrevention is not enforced']),
        ...(mayBe(props.uniformBucketLevelAccess, true) ? [] : ['uniformBucketLevelAccess is not true']),
      ];
    return [
      ...(isAws(resource, 'Bucket', 'BucketV2', 'BucketAcl', 'BucketAclV2') &&
      /^public-/.test(String(props.acl))
        ? [`acl is ${String(props.acl)}; leave it out`]
        : []),
      ...(isAws(resource, 'BucketPolicy') &&
      allowed(props.policy).some(({ Principal }) => isEverybody(Principal))
        ? ['lets everybody in; name the principals']
        : []),
    ];
  },
  stack: (resource, all) => {
    if (!isBucket(resource)) return [];
    const own = [resource.props.bucket, resource.props.id].filter((id) => id !== undefined);
    const blocked = all
      .filter((each) => isAws(each, 'BucketPublicAccessBlock'))
      .some(
        ({ props: { bucket } }) =>
          isUnknown(bucket) || own.length === 0 || own.some((id) => mayBe(id, bucket)),
      );
    return blocked ? [] : ['has no BucketPublicAccessBlock'];
  },
};

const databasePorts = Object.values(defaultPorts);
const isAnywhere = (range: unknown) => typeof range === 'string' && prefixLength(range) === 0;

/** Whether ports `from` to `to` have one of a database among them. */
const hasDatabasePort = (from: unknown, to: unknown): boolean =>
  databasePorts.some((port) => Number(from ?? 0) <= port && port <= Number(to ?? 65_535));

/** Rules of a security group, whichever resource they are in. */
function securityRules(resource: Resource): Props[] {
  const { props } = resource;
  if (isAws(resource, 'SecurityGroup', 'DefaultSecurityGroup')) return list(props.ingress) as Props[];
  if (isAws(resource, 'SecurityGroupRule')) return props.type === 'ingress' ? [props] : [];
  return isAws(resource, 'SecurityGroupIngressRule') ? [props] : [];
}

function isOpen(rule: Props): boolean {
  const sources = ['cidrBlocks', 'ipv6CidrBlocks', 'cidrIpv4', 'cidrIpv6'].flatMap((field) =>
    list(rule[field]),
  );
  const protocol = rule.protocol ?? rule.ipProtocol;
  const all = protocol === '-1' || protocol === 'all' || protocol === -1;
  return sources.some(isAnywhere) && (all || hasDatabasePort(rule.fromPort, rule.toPort));
}

const isFirewallOpen = ({ direction, sourceRanges, allows }: Props): boolean =>
  direction !== 'EGRESS' &&
  list(sourceRanges).some(isAnywhere) &&
  list(allows).some((allow) => {
    const ports = texts(at(allow, 'ports'));
    return ports.length === 0 || ports.some((range) => hasDatabasePort(...pair(range)));
  });

const pair = (range: string): [string, string] => {
  const [from = '', to = from] = range.split('-');
  return [from, to];
};

export const noOpenDatabases: Rule = {
  name: 'no-open-databases',
  description: 'Databases have no public address, and their ports are not open to everywhere.',
  resource: (resource) => {
    const { props } = resource;
    const found: Finding[] = [];
    if (isAws(resource, 'Instance', 'Cluster', 'ClusterInstance') && props.publiclyAccessible === true)
      found.push('publiclyAccessible is true');
    if (isGcp(resource, 'DatabaseInstance')) {
      const ip = at(props, 'settings.ipConfiguration');
      if (!mayBe(at(ip, 'ipv4Enabled'), false))
        found.push('settings.ipConfiguration.ipv4Enabled is not false');
      if (list(at(ip, 'authorizedNetworks')).some((network) => isAnywhere(at(network, 'value'))))
        found.push('settings.ipConfiguration.authorizedNetworks lets in every address');
    }
    if (securityRules(resource).some(isOpen)) found.push('opens the port of a database to every address');
    if (isGcp(resource, 'Firewall') && isFirewallOpen(props))
      found.push('opens the port of a database to every address');
    if (isKubernetes(resource, 'Service') && mayBe(at(props, 'spec.type'), 'LoadBalancer', 'NodePort')) {
      const ports = list(at(props, 'spec.ports')).map((port) => at(port, 'port'));
      if (ports.some((port) => databasePorts.includes(Number(port))))
        found.push('offers the port of a database outside the cluster; use type ClusterIP');
    }
    return found;
  },
};

export const encryptedDatabases: Rule = {
  name: 'encrypted-databases',
  description: 'Databases in a cloud are encrypted on disk and on the wire.',
  resource: (resource) => {
    const { props } = resource;
    if (isRds(resource) && !mayBe(props.storageEncrypted, true)) return ['storageEncrypted is not true'];
    const mode = at(props, 'settings.ipConfiguration.sslMode');
    return isGcp(resource, 'DatabaseInstance') &&
      !mayBe(mode, 'ENCRYPTED_ONLY', 'TRUSTED_CLIENT_CERTIFICATE_REQUIRED')
      ? ['settings.ipConfiguration.sslMode is not ENCRYPTED_ONLY']
      : [];
  },
};

const isRds = (resource: Resource): boolean =>
  isAws(resource, 'Instance', 'Cluster') && resource.type.startsWith('aws:rds/');

export const protectedData: Rule = {
  name: 'protected-data',
  description: 'Neither `pulumi destroy` nor a slip of the hand takes away a bucket, a database or a claim.',
  resource: (resource) => {
    const { props, protect } = resource;
    if (isRds(resource) && !mayBe(props.deletionProtection, true)) return ['deletionProtection is not true'];
    if (isGcp(resource, 'DatabaseInstance'))
      return [
        ...(mayBe(props.deletionProtection, true, undefined) ? [] : ['deletionProtection is not true']),
        ...(mayBe(at(props, 'settings.deletionProtectionEnabled'), true)
          ? []
          : ['settings.deletionProtectionEnabled is not true']),
      ];
    if ((isBucket(resource) || isGcp(resource, 'Bucket')) && props.forceDestroy === true)
      return ['forceDestroy is true'];
    const mode = at(props, `metadata.annotations.${annotations.dataProtection}`);
    return isKubernetes(resource, 'PersistentVolumeClaim') && !protect && !mayBe(mode, 'retain', 'protect')
      ? ['is deleted with the stack; set dataProtection to retain or protect']
      : [];
  },
};
