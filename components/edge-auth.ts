// Kind edge: the Ingress controller asks for a name and a password. Inside the cluster the server stays open.
import type * as pulumi from '@pulumi/pulumi';
import { ingressNames, names } from '../lib/names.ts';
import { type AuthWiring, type SignIn, generatedUser, htpasswdSecret } from './sign-in.ts';

export interface EdgeAuthArgs {
  /** Who may enter, at least one. */
  readonly users: readonly string[];
}

export function edgeAuth(
  name: string,
  args: EdgeAuthArgs,
  { namespace }: AuthWiring,
  parent: pulumi.Resource,
): SignIn {
  const users = args.users.map((user) => generatedUser(`${name}-user-${user}`, user, parent));
  // Where annotations of the Ingress refer to it.
  htpasswdSecret(name, { name: ingressNames(names.ingress).passwords, namespace }, users, parent);
  return { users };
}
