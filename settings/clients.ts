// What programs in the cluster are told of the server.
import * as v from 'valibot';
import { namespaceName, optionalSection } from '../lib/schema.ts';

export const clientEnv = optionalSection({
  /**
   * Namespaces whose pods use the server. Each must be there; it gets a ConfigMap `mlflow-client`, and with `auth.kind: basic` a
   * Secret `mlflow-client` with a user of its own, which pods take by `envFrom`. NetworkPolicies let them in.
   */
  namespaces: v.optional(v.array(namespaceName(), 'a list of namespaces'), []),
});
