// The way in: addresses, certificates of ACM, log-ins of the load balancer, records of Route 53.
import * as pulumi from '@pulumi/pulumi';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { secretValue } from '../../components/secret-value.ts';
import { objectLabels } from '../../lib/labels.ts';
import type { EntryParts, StoreArgs } from '../cloud.ts';
import type { AwsContext } from './context.ts';

/** https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/ */
const prefix = 'alb.ingress.kubernetes.io';

/** SDKs of what a stack does not use are not loaded. */
export interface EntrySdk {
  readonly addresses?: typeof import('./addresses.ts') | undefined;
  readonly acm?: typeof import('./certificate.ts') | undefined;
  readonly dns?: typeof import('./records.ts') | undefined;
}

export async function loadEntrySdk({ ingress, server }: AwsContext['settings']): Promise<EntrySdk> {
  const [addresses, acm, dns] = await Promise.all([
    server.service.staticIp ? import('./addresses.ts') : undefined,
    ingress.enabled && ingress.certificate?.acm === true ? import('./certificate.ts') : undefined,
    ingress.enabled && ingress.dns.zone !== undefined ? import('./records.ts') : undefined,
  ]);
  return { addresses, acm, dns };
}

export function entry(
  context: AwsContext,
  sdk: EntrySdk,
  name: string,
  { namespace }: StoreArgs,
  opts: pulumi.ComponentResourceOptions,
): EntryParts {
  const { ingress } = context.settings;
  const reserved = sdk.addresses?.reservedAddresses(context, name, opts);
  const certificate = sdk.acm?.issuedCertificate(context, name, opts) ?? ingress.certificate?.acmArn;
  return {
    address: reserved?.address,
    annotations: {
      ...(certificate !== undefined && { [`${prefix}/certificate-arn`]: certificate }),
      ...logIn(context, name, namespace, opts),
    },
    serviceAnnotations: reserved?.annotations ?? {},
    awaitsAddress: sdk.dns !== undefined,
  };
}

/** People log in before the load balancer lets them through. */
function logIn(
  { settings }: AwsContext,
  name: string,
  namespace: pulumi.Input<string>,
  opts: pulumi.ComponentResourceOptions,
): Record<string, pulumi.Input<string>> {
  const { kind, edge } = settings.auth;
  if (kind !== 'edge') return {};
  const asked = { [`${prefix}/auth-on-unauthenticated-request`]: 'authenticate' };
  if (edge.cognito !== undefined)
    return {
      ...asked,
      [`${prefix}/auth-type`]: 'cognito',
      [`${prefix}/auth-idp-cognito`]: JSON.stringify({
        userPoolARN: edge.cognito.userPoolArn,
        userPoolClientID: edge.cognito.userPoolClientId,
        userPoolDomain: edge.cognito.userPoolDomain,
      }),
    };
  if (edge.oidc === undefined) return {};
  const { clientId, clientSecretFrom, ...provider } = edge.oidc;
  const secretName = clientSecret(name, { namespace, clientId, clientSecretFrom }, opts);
  return {
    ...asked,
    [`${prefix}/auth-type`]: 'oidc',
    [`${prefix}/auth-idp-oidc`]: secretName.apply((each) =>
      JSON.stringify({ ...provider, secretName: each }),
    ),
  };
}

/** As the controller reads it: with the client's id beside its secret. */
function clientSecret(
  name: string,
  args: {
    readonly namespace: pulumi.Input<string>;
    readonly clientId: string;
    readonly clientSecretFrom: { readonly secretName: string; readonly key: string };
  },
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const value = secretValue(`${name}-client`, args.namespace, args.clientSecretFrom, opts);
  const secret = new Secret(
    `${name}-oidc`,
    {
      metadata: { namespace: args.namespace, labels: objectLabels('ingress') },
      type: 'Opaque',
      stringData: { clientID: args.clientId, clientSecret: value },
    },
    opts,
  );
  return secret.metadata.name;
}
