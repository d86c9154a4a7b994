// Roles, their policies, and whom they trust.
import * as iam from '@aws-sdk/client-iam';
import type { Context, ServedKind } from '../provider.ts';
import type { Props } from '../store.ts';
import { allTags, asTagList, clientOf, saying, sorted, unlessAbsent } from './clients.ts';
import { arn, httpsUrl, identityPolicy, policyName, roleName, texts, trustPolicy } from './rules.ts';

const client = clientOf((settings) => new iam.IAMClient(settings));

const roleOutputs = (role: iam.Role | undefined, inputs: Props, context: Context): Props => ({
  arn: role?.Arn,
  createDate: role?.CreateDate?.toISOString(),
  uniqueId: role?.RoleId,
  tagsAll: allTags(inputs, context),
});

export const role: ServedKind = {
  replaceOnChanges: ['name', 'namePrefix', 'path'],
  autoname: { property: 'name', maxLength: 64 },
  defaults: () => ({ forceDetachPolicies: false, maxSessionDuration: 3600, path: '/' }),
  check: (inputs, fail) => {
    texts({ name: roleName, assumeRolePolicy: trustPolicy, permissionsBoundary: arn })(inputs, fail);
    const { maxSessionDuration = 3600, description = '' } = inputs;
    if (Number(maxSessionDuration) < 3600 || Number(maxSessionDuration) > 43_200)
      fail('maxSessionDuration', 'expected max_session_duration to be in the range (3600 - 43200)');
    if (String(description).length > 1000)
      fail('description', 'expected length to be in the range (0 - 1000)');
  },
  make: async (inputs, context) => {
    const name = inputs.name as string;
    const made = client(context).send(
      new iam.CreateRoleCommand({
        RoleName: name,
        AssumeRolePolicyDocument: inputs.assumeRolePolicy as string,
        Path: inputs.path as string,
        Description: inputs.description as string | undefined,
        MaxSessionDuration: inputs.maxSessionDuration as number,
        PermissionsBoundary: inputs.permissionsBoundary as string | undefined,
        Tags: asTagList(allTags(inputs, context)),
      }),
    );
    const { Role } = await saying(`creating IAM Role (${name})`, 'IAM: CreateRole', made);
    return { id: name, outputs: roleOutputs(Role, inputs, context) };
  },
  look: async ({ id, outputs }, context) => {
    const found = await unlessAbsent(client(context).send(new iam.GetRoleCommand({ RoleName: id })));
    return found && roleOutputs(found.Role, outputs, context);
  },
  change: async (inputs, { id: RoleName }, context) => {
    const send = client(context);
    await send.send(
      new iam.UpdateAssumeRolePolicyCommand({
        RoleName,
        PolicyDocument: inputs.assumeRolePolicy as string,
      }),
    );
    await send.send(
      new iam.UpdateRoleCommand({
        RoleName,
        Description: (inputs.description ?? '') as string,
        MaxSessionDuration: inputs.maxSessionDuration as number,
      }),
    );
    const PermissionsBoundary = inputs.permissionsBoundary as string | undefined;
    if (PermissionsBoundary !== undefined)
      await send.send(new iam.PutRolePermissionsBoundaryCommand({ RoleName, PermissionsBoundary }));
    await send.send(new iam.TagRoleCommand({ RoleName, Tags: asTagList(allTags(inputs, context)) }));
    const { Role } = await send.send(new iam.GetRoleCommand({ RoleName }));
    return roleOutputs(Role, inputs, context);
  },
  unmake: async ({ id: RoleName }, context) => {
    // As the service does, which moto leaves to the good.
    const { PolicyNames = [] } = await client(context).send(new iam.ListRolePoliciesCommand({ RoleName }));
    if (PolicyNames.length > 0)
      throw new Error(
        `deleting IAM Role (${RoleName}): operation error IAM: DeleteRole, https response error StatusCode: 409, DeleteConflict: Cannot delete entity, must delete policies first.`,
      );
    const deleted = client(context).send(new iam.DeleteRoleCommand({ RoleName }));
    await saying(`deleting IAM Role (${RoleName})`, 'IAM: DeleteRole', deleted);
  },
};

/** Quotas of IAM, without white space: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const tooLong = (policy: unknown, most: number): boolean =>
  typeof policy === 'string' && policy.replaceAll(/\s/g, '').length > most;

const putRolePolicy = (inputs: Props, context: Context) => {
  const [role, name] = [inputs.role as string, inputs.name as string];
  const put = client(context).send(
    new iam.PutRolePolicyCommand({
      RoleName: role,
      PolicyName: name,
      PolicyDocument: inputs.policy as string,
    }),
  );
  return saying(`putting IAM Role (${role}) Policy (${name})`, 'IAM: PutRolePolicy', put);
};

export const rolePolicy: ServedKind = {
  replaceOnChanges: ['name', 'namePrefix', 'role'],
  autoname: { property: 'name', maxLength: 128 },
  check: (inputs, fail) => {
    texts({ name: policyName, role: roleName, policy: identityPolicy })(inputs, fail);
    if (tooLong(inputs.policy, 10_240))
      fail('policy', 'LimitExceeded: Maximum policy size of 10240 bytes exceeded');
  },
  make: async (inputs, context) => {
    await putRolePolicy(inputs, context);
    return { id: `${inputs.role as string}:${inputs.name as string}`, outputs: {} };
  },
  look: async ({ id }, context) => {
    const [RoleName, PolicyName] = id.split(':');
    return await unlessAbsent(
      client(context)
        .send(new iam.GetRolePolicyCommand({ RoleName, PolicyName }))
        .then(() => ({})),
    );
  },
  change: async (inputs, _, context) => {
    await putRolePolicy(inputs, context);
    return {};
  },
  unmake: async ({ id }, context) => {
    const [RoleName, PolicyName] = id.split(':');
    await unlessAbsent(client(context).send(new iam.DeleteRolePolicyCommand({ RoleName, PolicyName })));
  },
};

const policyOutputs = (policy: iam.Policy | undefined, inputs: Props, context: Context): Props => ({
  arn: policy?.Arn,
  attachmentCount: policy?.AttachmentCount ?? 0,
  policyId: policy?.PolicyId,
  tagsAll: allTags(inputs, context),
});

export const policy: ServedKind = {
  replaceOnChanges: ['name', 'namePrefix', 'path', 'description'],
  autoname: { property: 'name', maxLength: 128 },
  defaults: () => ({ path: '/' }),
  check: (inputs, fail) => {
    texts({ name: policyName, policy: identityPolicy })(inputs, fail);
    if (tooLong(inputs.policy, 6144))
      fail('policy', 'LimitExceeded: Cannot exceed quota for PolicySize: 6144');
  },
  make: async (inputs, context) => {
    const made = client(context).send(
      new iam.CreatePolicyCommand({
        PolicyName: inputs.name as string,
        PolicyDocument: inputs.policy as string,
        Path: inputs.path as string,
        Description: inputs.description as string | undefined,
        Tags: asTagList(allTags(inputs, context)),
      }),
    );
    const { Policy } = await saying(
      `creating IAM Policy (${inputs.name as string})`,
      'IAM: CreatePolicy',
      made,
    );
    return { id: Policy?.Arn ?? '', outputs: policyOutputs(Policy, inputs, context) };
  },
  look: async ({ id, outputs }, context) => {
    const found = await unlessAbsent(client(context).send(new iam.GetPolicyCommand({ PolicyArn: id })));
    return found && policyOutputs(found.Policy, outputs, context);
  },
  change: async (inputs, { id: PolicyArn }, context) => {
    const PolicyDocument = inputs.policy as string;
    await client(context).send(
      new iam.CreatePolicyVersionCommand({ PolicyArn, PolicyDocument, SetAsDefault: true }),
    );
    const { Policy } = await client(context).send(new iam.GetPolicyCommand({ PolicyArn }));
    return policyOutputs(Policy, inputs, context);
  },
  unmake: async ({ id: PolicyArn }, context) => {
    const { Versions = [] } = await client(context).send(new iam.ListPolicyVersionsCommand({ PolicyArn }));
    for (const { VersionId, IsDefaultVersion } of Versions)
      if (IsDefaultVersion === false)
        await client(context).send(new iam.DeletePolicyVersionCommand({ PolicyArn, VersionId }));
    const deleted = client(context).send(new iam.DeletePolicyCommand({ PolicyArn }));
    await saying(`deleting IAM Policy (${PolicyArn})`, 'IAM: DeletePolicy', deleted);
  },
};

export const rolePolicyAttachment: ServedKind = {
  replaceOnChanges: ['role', 'policyArn'],
  check: texts({ role: roleName, policyArn: arn }),
  make: async ({ role, policyArn }, context) => {
    const [RoleName, PolicyArn] = [role as string, policyArn as string];
    const made = client(context).send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn }));
    await saying(
      `attaching IAM Policy (${PolicyArn}) to IAM Role (${RoleName})`,
      'IAM: AttachRolePolicy',
      made,
    );
    return { id: `${RoleName}/${PolicyArn}`, outputs: {} };
  },
  look: async ({ outputs }, context) => {
    const RoleName = outputs.role as string;
    const found = await unlessAbsent(
      client(context).send(new iam.ListAttachedRolePoliciesCommand({ RoleName })),
    );
    return found?.AttachedPolicies?.some(({ PolicyArn }) => PolicyArn === outputs.policyArn) === true
      ? {}
      : undefined;
  },
  unmake: async ({ outputs }, context) => {
    const [RoleName, PolicyArn] = [outputs.role as string, outputs.policyArn as string];
    await unlessAbsent(client(context).send(new iam.DetachRolePolicyCommand({ RoleName, PolicyArn })));
  },
};

export const openIdConnectProvider: ServedKind = {
  replaceOnChanges: ['url'],
  check: texts({ url: httpsUrl }),
  make: async (inputs, context) => {
    const { url, clientIdLists, thumbprintLists = [] } = inputs;
    const made = client(context).send(
      new iam.CreateOpenIDConnectProviderCommand({
        Url: url as string,
        ClientIDList: clientIdLists as string[],
        ThumbprintList: thumbprintLists as string[],
      }),
    );
    const { OpenIDConnectProviderArn = '' } = await saying(
      'creating IAM OIDC Provider',
      'IAM: CreateOpenIDConnectProvider',
      made,
    );
    return {
      id: OpenIDConnectProviderArn,
      outputs: { arn: OpenIDConnectProviderArn, thumbprintLists, tagsAll: allTags(inputs, context) },
    };
  },
  look: async ({ id }, context) =>
    await unlessAbsent(
      client(context)
        .send(new iam.GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: id }))
        .then(() => ({})),
    ),
  unmake: async ({ id: OpenIDConnectProviderArn }, context) => {
    await client(context).send(new iam.DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }));
  },
};

export async function getOpenIdConnectProvider(args: Props, context: Context): Promise<Props> {
  const { OpenIDConnectProviderList = [] } = await client(context).send(
    new iam.ListOpenIDConnectProvidersCommand({}),
  );
  const wanted =
    (args.arn as string | undefined) ?? `oidc-provider/${String(args.url).replace(/^https:\/\//, '')}`;
  const found = OpenIDConnectProviderList.find(({ Arn = '' }) => Arn.endsWith(wanted));
  if (found?.Arn === undefined) throw new Error('finding IAM OIDC Provider: empty result');
  const provider = await client(context).send(
    new iam.GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: found.Arn }),
  );
  return {
    arn: found.Arn,
    id: found.Arn,
    url: provider.Url,
    clientIdLists: sorted(provider.ClientIDList),
    thumbprintLists: sorted(provider.ThumbprintList),
    tags: {},
  };
}
