// Secrets that live outside the cluster, and are read through the External Secrets Operator.
import * as v from 'valibot';
import {
  className,
  dataKey,
  oneOf,
  optionalSection,
  secretName,
  section,
  text,
  texts,
} from '../lib/schema.ts';
import { kmsKeyArn } from './stores.ts';

const word = (what: string) => text(what, /^\S+$/, 1024);

const value = section({
  /** Key of the Secret that it becomes. */
  key: dataKey('Secret'),
  /** Name of the secret where it lives, or its path in Vault. */
  from: word('the name or path of a secret'),
  /** Field, where the secret holds several as JSON. Default: all of it. */
  property: v.optional(word('the name of a field')),
  /** One that is not the newest. Default: the newest. */
  version: v.optional(word('a version')),
});

const secret = section({
  /** Name of the Secret that is made in the namespace of the stack: what `existingSecret` and `...From` settings name. */
  name: secretName(),
  /** Type of that Secret. */
  type: v.optional(text('a type such as Opaque or kubernetes.io/tls', /^[\w./-]+$/), 'Opaque'),
  /** Values that are read, at least one. */
  data: v.array(value, 'a list, each item with key and from'),
  /**
   * Further keys, each with a text in which `{{ .key }}` stands for a value of `data`, such as
   * `postgresql://{{ .user }}:{{ .password | urlquery }}@db.example.com/mlflow`.
   */
  template: texts(),
});

export const externalSecrets = optionalSection({
  /** How often the operator reads again. Pods get new values with the next `up`. */
  refreshInterval: v.optional(
    text('a duration such as 1h or 15m', /^(\d+h)?(\d+m)?(\d+s)?(?<=[hms])$/),
    '1h',
  ),
  /** Where secrets are read from: a store that is there, by `name`, or one that the stack makes, by `provider`. */
  store: v.optional(
    section({
      /** Store that is there already. */
      name: v.optional(className()),
      /** Its kind. */
      kind: v.optional(oneOf(['SecretStore', 'ClusterSecretStore']), 'SecretStore'),
      /**
       * What the stack makes a SecretStore for, with a ServiceAccount that may read the named secrets and nothing else.
       * `gcpSecretManager` and `awsSecretsManager` are for the cloud of the stack.
       */
      provider: v.optional(oneOf(['gcpSecretManager', 'awsSecretsManager', 'vault'])),
      /** Key of your own that encrypts the secrets of `awsSecretsManager`, to read by. */
      kmsKeyArn: v.optional(kmsKeyArn()),
      /** Needed by `vault`, and by no other. */
      vault: v.optional(
        section({
          /** Address of Vault. */
          server: text('an address such as https://vault.example.com', /^https?:\/\/[^\s/]+$/),
          /** Mount of the key-value engine. */
          path: v.optional(word('a path'), 'secret'),
          /** Version of that engine. */
          version: v.optional(oneOf(['v1', 'v2']), 'v2'),
          /** Role that trusts ServiceAccount `mlflow-external-secrets` in the namespace of the stack. */
          role: word('the name of a role'),
          /** Mount of the Kubernetes log-in. */
          mountPath: v.optional(word('a path'), 'kubernetes'),
          /** Namespace of Vault itself. */
          namespace: v.optional(word('the name of a namespace')),
        }),
      ),
    }),
  ),
  /** Secrets that are made, each by an ExternalSecret. Pods wait until they are there. */
  secrets: v.optional(v.array(secret, 'a list, each item with name and data'), []),
});
