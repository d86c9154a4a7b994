// How the External Secrets Operator reads from Secret Manager: as a ServiceAccount with an account of its own.
import * as pulumi from '@pulumi/pulumi';
import { SecretIamMember } from '@pulumi/gcp/secretmanager/secretIamMember.js';
import type { SecretReader, SecretReaderArgs } from '../cloud.ts';
import { account, bind } from './accounts.ts';
import type { GcpContext } from './context.ts';

export function secretReader(
  context: GcpContext,
  name: string,
  { secrets, ...who }: SecretReaderArgs,
  opts: pulumi.ComponentResourceOptions,
): SecretReader {
  const { clusterProject, project } = context.gcp;
  const email = account(context, name, 'sec', 'reader of secrets', opts);
  const own = context.after(['secretmanager'], opts);
  const member = pulumi.interpolate`serviceAccount:${email}`;
  const rights = secrets.map(
    (secretId) =>
      new SecretIamMember(
        `${name}-read-${secretId}`,
        { secretId, role: 'roles/secretmanager.secretAccessor', member },
        own,
      ),
  );
  const workloadIdentity = {
    serviceAccountRef: { name: who.serviceAccount },
    ...(clusterProject !== undefined && { clusterProjectID: clusterProject }),
  };
  return {
    identity: bind(context, name, email, who, opts),
    // Nobody reads before the rights are there.
    provider: pulumi
      .all(rights.map(({ id }) => id))
      .apply(() => ({ gcpsm: { projectID: project, auth: { workloadIdentity } } })),
  };
}
