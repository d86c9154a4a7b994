// How the External Secrets Operator reads from Secrets Manager: as a ServiceAccount with a role of its own.
import type * as pulumi from '@pulumi/pulumi';
import type { SecretReader, SecretReaderArgs } from '../cloud.ts';
import type { AwsContext } from './context.ts';
import { identity } from './identities.ts';
import { secretStatements } from './policies.ts';

export function secretReader(
  context: AwsContext,
  name: string,
  { secrets, ...who }: SecretReaderArgs,
  opts: pulumi.ComponentResourceOptions,
): SecretReader {
  const { region, settings } = context;
  const statements = secretStatements(
    secrets.map((secret) => secretArn(context, secret)),
    settings.externalSecrets.store?.kmsKeyArn,
  );
  const auth = { jwt: { serviceAccountRef: { name: who.serviceAccount } } };
  return {
    identity: identity(context, name, { ...who, statements }, opts),
    provider: { aws: { service: 'SecretsManager', region, auth } },
  };
}

/** The service adds a hyphen and six characters to the name. */
const secretArn = ({ partition, region, accountId }: AwsContext, secret: string): string =>
  secret.startsWith('arn:')
    ? secret
    : `arn:${partition}:secretsmanager:${region}:${accountId}:secret:${secret}-??????`;
