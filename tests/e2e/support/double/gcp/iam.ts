// Service accounts and who may do what, in the pretended Google Cloud.
import { generateKeyPairSync } from 'node:crypto';
import type { Context, Invoke, Kind } from '../provider.ts';
import { type Props } from '../store.ts';
import {
  accountId,
  checkLabels,
  existing,
  guarded,
  inProject,
  lastPart,
  member,
  now,
  numberOf,
  part,
  projectId,
  roleName,
  secretId,
  text,
  texts,
  withLabels,
} from './rules.ts';

const ACCOUNT = 'gcp:serviceaccount/account:Account';
const SECRET = 'gcp:secretmanager/secret:Secret';
const SECRET_VERSION = 'gcp:secretmanager/secretVersion:SecretVersion';

const emailOf = (inputs: Props, context: Context) =>
  `${text(inputs.accountId)}@${inProject(inputs, context)}.iam.gserviceaccount.com`;
const accountPath = (email: string) => `projects/${email.split(/[@.]/)[1] ?? ''}/serviceAccounts/${email}`;

export const account = guarded({
  replaceOnChanges: ['accountId', 'project'],
  autoname: { property: 'accountId', maxLength: 30 },
  defaults: (_, { project }) => ({ project }),
  check: (inputs, fail) => {
    texts({ accountId, project: projectId })(inputs, fail);
    if (text(inputs.displayName).length > 100)
      fail('displayName', 'expected length of display_name to be in the range (0 - 100)');
    if (text(inputs.description).length > 256)
      fail('description', 'expected length of description to be in the range (0 - 256)');
  },
  id: (inputs, context) => accountPath(emailOf(inputs, context)),
  computed: (inputs, context) => {
    const email = emailOf(inputs, context);
    return {
      email,
      member: `serviceAccount:${email}`,
      name: accountPath(email),
      uniqueId: `1${numberOf(email)}00000000`,
    };
  },
});

export const accountKey = guarded({
  replaceOnChanges: ['serviceAccountId', 'keyAlgorithm', 'privateKeyType', 'keepers'],
  secretOutputs: ['privateKey'],
  id: ({ serviceAccountId }) => `${text(serviceAccountId)}/keys/${crypto.randomUUID().replaceAll('-', '')}`,
  computed: ({ serviceAccountId }, { store }, old) => {
    if (old !== undefined) return old.outputs;
    const path = text(serviceAccountId);
    const { outputs } = existing(store, ACCOUNT, path, `Service account ${path}`);
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const json = {
      type: 'service_account',
      client_email: outputs.email,
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      token_uri: 'https://oauth2.googleapis.com/token',
    };
    return {
      name: `${path}/keys/key`,
      privateKey: Buffer.from(JSON.stringify(json)).toString('base64'),
      publicKey: Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })).toString('base64'),
      validAfter: now(),
      validBefore: '9999-12-31T23:59:59Z',
      keyAlgorithm: 'KEY_ALG_RSA_2048',
      keepers: {},
    };
  },
});

/** A condition is written in CEL; what matters here is that it has the two texts that the service wants. */
function checkCondition({ condition }: Props, fail: (property: string, reason: string) => void): void {
  if (condition === undefined) return;
  const { title, description, expression } = part(condition);
  if (text(title).length > 100) fail('condition.title', 'Title must be at most 100 characters');
  if (text(description).length > 256)
    fail('condition.description', 'Description must be at most 256 characters');
  if (expression === '') fail('condition.expression', 'Expression must not be empty');
}

/** One member of one role of something: `target` is the property that names it, `type` what it must be of. */
function membership(
  target: string,
  idOf: (inputs: Props) => string,
  exists?: (inputs: Props, context: Context) => void,
  further: readonly string[] = [],
): Kind {
  return {
    replaceOnChanges: [target, 'role', 'member', 'condition', ...further],
    check: (inputs, fail) => {
      texts({ member, role: roleName })(inputs, fail);
      checkCondition(inputs, fail);
    },
    id: (inputs) => {
      const title = part(inputs.condition).title;
      const id = `${idOf(inputs)}/${text(inputs.role)}/${text(inputs.member)}`;
      return title === undefined ? id : `${id}/${text(title)}`;
    },
    computed: () => ({ etag: 'BwYpretend0=' }),
    create: ({ inputs }, context) => {
      exists?.(inputs, context);
      const [, email] =
        /^serviceAccount:([^@]+@.+\.iam\.gserviceaccount\.com)$/.exec(text(inputs.member)) ?? [];
      const known =
        email === undefined || email.includes('@gcp-sa-') || /^service-\d+@/.test(email)
          ? true
          : context.store.get(ACCOUNT, accountPath(email)) !== undefined;
      if (!known)
        throw new Error(`googleapi: Error 400: Service account ${email ?? ''} does not exist., badRequest`);
    },
  };
}

export const bucketMember = membership(
  'bucket',
  ({ bucket }) => `b/${text(bucket)}`,
  ({ bucket }, { store }) => {
    existing(store, 'gcp:storage/bucket:Bucket', text(bucket), 'The specified bucket');
  },
);
export const accountMember = membership(
  'serviceAccountId',
  ({ serviceAccountId }) => text(serviceAccountId),
  ({ serviceAccountId }, { store }) => {
    existing(store, ACCOUNT, text(serviceAccountId), `Service account ${text(serviceAccountId)}`);
  },
);
export const projectMember = membership('project', ({ project }) => text(project));
export const secretMember = membership(
  'secretId',
  ({ secretId: id }) => text(id),
  ({ secretId: id, project }, context) => {
    const path = text(id).startsWith('projects/')
      ? text(id)
      : `projects/${inProject({ project }, context)}/secrets/${text(id)}`;
    existing(context.store, SECRET, path, `Secret [${path}]`);
  },
  ['project'],
);
const keyPath =
  /^(projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+|([^/]+\/){2,3}[^/]+)$/;
const keyMembership = membership('cryptoKeyId', ({ cryptoKeyId }) => text(cryptoKeyId));
export const keyMember: Kind = {
  ...keyMembership,
  check: (inputs, fail, context) => {
    keyMembership.check?.(inputs, fail, context);
    if (typeof inputs.cryptoKeyId === 'string' && !keyPath.test(inputs.cryptoKeyId))
      fail('cryptoKeyId', `Invalid CryptoKey id format: ${inputs.cryptoKeyId}`);
  },
};
export const repositoryMember = membership(
  'repository',
  ({ project, location, repository }) =>
    `projects/${text(project)}/locations/${text(location)}/repositories/${lastPart(repository)}`,
  undefined,
  ['project', 'location'],
);
export const webMember = membership('project', ({ project }) => `projects/${text(project)}/iap_web`);
export const webBackendMember = membership(
  'webBackendService',
  ({ project, webBackendService }) =>
    `projects/${text(project)}/iap_web/compute/services/${text(webBackendService)}`,
  undefined,
  ['project'],
);

export const auditConfig: Kind = {
  replaceOnChanges: ['project', 'service'],
  check: ({ auditLogConfigs }, fail) => {
    const configs = Array.isArray(auditLogConfigs) ? auditLogConfigs.map(part) : [];
    configs.forEach(({ logType, exemptedMembers }, index) => {
      if (typeof logType === 'string' && !['DATA_READ', 'DATA_WRITE', 'ADMIN_READ'].includes(logType))
        fail(`auditLogConfigs[${index}].logType`, `invalid value ${logType}`);
      for (const each of Array.isArray(exemptedMembers) ? exemptedMembers : []) {
        const problem = member(text(each));
        if (problem !== undefined) fail(`auditLogConfigs[${index}].exemptedMembers`, problem);
      }
    });
  },
  id: ({ project, service }) => `${text(project)}/audit_config/${text(service)}`,
  computed: () => ({ etag: 'BwYpretend0=' }),
};

export const projectService = guarded({
  replaceOnChanges: ['project', 'service'],
  defaults: (_, { project }) => ({ project, disableOnDestroy: true }),
  check: texts({
    project: projectId,
    service: (value) =>
      /^[a-z][-a-z0-9.]*\.[a-z]+\.[a-z]+$|\.googleapis\.com$/.test(value)
        ? undefined
        : 'expected the name of a service such as sqladmin.googleapis.com',
  }),
  id: (inputs, context) => `${inProject(inputs, context)}/${text(inputs.service)}`,
  // Switching on what is on does no harm.
  adopts: () => true,
  delete: ({ outputs }) => (outputs.disableOnDestroy === false ? 'kept' : undefined),
});

export const secret: Kind = guarded({
  replaceOnChanges: ['secretId', 'project', 'replication'],
  autoname: { property: 'secretId', maxLength: 255 },
  defaults: (_, { project }) => ({ project, deletionProtection: false }),
  check: (inputs, fail) => {
    texts({ secretId, project: projectId })(inputs, fail);
    checkLabels('labels', inputs.labels, fail);
    const { auto, userManaged } = part(inputs.replication);
    if (inputs.replication !== undefined && (auto === undefined) === (userManaged === undefined))
      fail('replication', 'one of `replication.0.auto,replication.0.user_managed` must be specified');
  },
  id: (inputs, context) => `projects/${inProject(inputs, context)}/secrets/${text(inputs.secretId)}`,
  computed: (inputs, context, old) => ({
    ...withLabels(inputs),
    name: `projects/${numberOf(inProject(inputs, context))}/secrets/${text(inputs.secretId)}`,
    createTime: old?.outputs.createTime ?? now(),
    annotations: part(inputs.annotations),
    effectiveAnnotations: part(inputs.annotations),
  }),
  delete: ({ outputs }) => {
    if (outputs.deletionProtection === true)
      throw new Error(
        'cannot destroy secret without setting deletion_protection=false and running `pulumi up`',
      );
  },
});

export const secretVersion = guarded(
  {
    replaceOnChanges: ['secret', 'secretData', 'isSecretDataBase64'],
    defaults: () => ({ enabled: true }),
    check: ({ secretData }, fail) => {
      if (Buffer.byteLength(text(secretData)) > 65_536)
        fail('secretData', 'The secret payload must be at most 65536 bytes');
    },
    id: ({ secret: path }, { store }) => {
      const versions = store.list(SECRET_VERSION).filter(({ inputs }) => inputs.secret === path);
      const next = Math.max(0, ...versions.map(({ outputs }) => Number(outputs.version))) + 1;
      return `${text(path)}/versions/${next}`;
    },
    computed: (inputs, context, old) => {
      if (old !== undefined) return { ...old.outputs, enabled: inputs.enabled };
      existing(context.store, SECRET, text(inputs.secret), `Secret [${text(inputs.secret)}]`);
      const name = secretVersion.id(inputs, context);
      return { name, version: lastPart(name), createTime: now(), destroyTime: '' };
    },
  },
  ['DELETE', 'PREVENT', 'ABANDON', 'DISABLE'],
);

export const getSecretVersion: Invoke = (args, context) => {
  const project = inProject(args, context);
  const path = `projects/${project}/secrets/${text(args.secret)}`;
  existing(context.store, SECRET, path, `Secret [${path}]`);
  const versions = context.store.list(SECRET_VERSION).filter(({ inputs }) => inputs.secret === path);
  const latest = versions.sort((a, b) => Number(a.outputs.version) - Number(b.outputs.version)).at(-1);
  if (latest === undefined)
    throw new Error(`googleapi: Error 404: Secret [${path}] has no version., notFound`);
  const { name, version, createTime, destroyTime, secretData, enabled } = latest.outputs;
  return {
    ...{ name, version, createTime, destroyTime, secretData, enabled },
    id: name,
    project,
    secret: args.secret,
  };
};

/** The account by which a service works in a project: made once, and never gone. */
export const serviceIdentity: Kind = {
  replaceOnChanges: ['project', 'service'],
  defaults: (_, { project }) => ({ project }),
  check: texts({ project: projectId }),
  id: (inputs, context) => `projects/${inProject(inputs, context)}/services/${text(inputs.service)}`,
  adopts: () => true,
  computed: (inputs, context) => {
    const agent = text(inputs.service).split('.')[0] ?? '';
    const email = `service-${numberOf(inProject(inputs, context))}@gcp-sa-${agent}.iam.gserviceaccount.com`;
    return { email, member: `serviceAccount:${email}` };
  },
  delete: () => 'kept',
};
