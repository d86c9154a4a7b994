import * as pulumi from '@pulumi/pulumi';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import type { SecretKey } from './connections.ts';

/** What a key of an existing Secret holds, for what cannot refer to the Secret itself. */
export function secretValue(
  name: string,
  namespace: pulumi.Input<string>,
  { secretName, key }: SecretKey,
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { data } = Secret.get(`${name}-existing`, pulumi.interpolate`${namespace}/${secretName}`, opts);
  return pulumi.secret(
    data.apply((values: Readonly<Record<string, string>> | undefined) =>
      Buffer.from(values?.[key] ?? '', 'base64').toString(),
    ),
  );
}
