// Who may do what in the pretended project, as Google's APIs have it: a policy of each thing, where the store has an object for
// each member of a role.
import { isDeepStrictEqual } from 'node:util';
import type { Props } from '../double/store.ts';
import { part, text } from '../double/gcp/rules.ts';
import { type Asked, make, type Routes, unmake } from './objects.ts';

/** Things of one kind that have a policy. */
interface Governed {
  /** Of which the members are. */
  readonly type: string;
  /** The property of a member that says of which thing it is. */
  readonly target: string;
  named(named: Asked['named']): string;
}

interface Binding {
  readonly role: string;
  readonly members: string[];
  readonly condition?: Props;
}

const membersOf = ({ type, target, named }: Governed, asked: Asked) =>
  asked.context.store.list(type).filter(({ inputs }) => inputs[target] === named(asked.named));

/** https://cloud.google.com/iam/docs/reference/rest/v1/Policy */
function policyOf(governed: Governed, asked: Asked): Props {
  const bindings: Binding[] = [];
  for (const { inputs } of membersOf(governed, asked)) {
    const [role, member] = [text(inputs.role), text(inputs.member)];
    const condition = inputs.condition === undefined ? {} : { condition: part(inputs.condition) };
    const same = bindings.find(({ members: _, ...binding }) =>
      isDeepStrictEqual(binding, { role, ...condition }),
    );
    if (same === undefined) bindings.push({ role, members: [member], ...condition });
    else same.members.push(member);
  }
  return { version: 3, etag: 'BwYpretend0=', bindings };
}

async function setPolicy(governed: Governed, asked: Asked, policy: Props): Promise<Props> {
  const { type, target, named } = governed;
  const bindings = (policy.bindings ?? []) as Binding[];
  const wanted = bindings.flatMap(({ role, members, condition }) =>
    members.map((member) => ({
      [target]: named(asked.named),
      role,
      member,
      ...(condition && { condition }),
    })),
  );
  const present = membersOf(governed, asked);
  for (const object of present)
    if (!wanted.some((inputs) => isDeepStrictEqual(inputs, object.inputs)))
      await unmake(type, object, asked.context);
  for (const inputs of wanted)
    if (!present.some((object) => isDeepStrictEqual(inputs, object.inputs)))
      await make(type, inputs, asked.context);
  return policyOf(governed, asked);
}

const project: Governed = {
  type: 'gcp:projects/iAMMember:IAMMember',
  target: 'project',
  named: ({ project: id = '' }) => id,
};
const account: Governed = {
  type: 'gcp:serviceaccount/iAMMember:IAMMember',
  target: 'serviceAccountId',
  named: ({ project: id, account: email }) => `projects/${id}/serviceAccounts/${email}`,
};
const secret: Governed = {
  type: 'gcp:secretmanager/secretIamMember:SecretIamMember',
  target: 'secretId',
  named: ({ project: id, secret: name }) => `projects/${id}/secrets/${name}`,
};
const bucket: Governed = {
  type: 'gcp:storage/bucketIAMMember:BucketIAMMember',
  target: 'bucket',
  named: ({ bucket: name = '' }) => name,
};

const governing = (path: string, governed: Governed): Routes => ({
  [`GET ${path}:getIamPolicy`]: (asked) => policyOf(governed, asked),
  [`POST ${path}:getIamPolicy`]: (asked) => policyOf(governed, asked),
  [`POST ${path}:setIamPolicy`]: (asked) => setPolicy(governed, asked, part(asked.body.policy)),
});

export const policyRoutes: Routes = {
  ...governing('/cloudresourcemanager/v1/projects/{project}', project),
  ...governing('/iam/v1/projects/{project}/serviceAccounts/{account}', account),
  ...governing('/secretmanager/v1/projects/{project}/secrets/{secret}', secret),
  'GET /storage/v1/b/{bucket}/iam': (asked) => policyOf(bucket, asked),
  'PUT /storage/v1/b/{bucket}/iam': (asked) => setPolicy(bucket, asked, asked.body),
};
