// ExternalSecrets: Secrets that the External Secrets Operator makes of values that live elsewhere.
import * as pulumi from '@pulumi/pulumi';
import { CustomResource } from '@pulumi/kubernetes/apiextensions/customResource.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import type { Cloud, SecretReader } from '../clouds/cloud.ts';
import type { MadeSecret } from '../lib/external-secrets.ts';
import { secretMark } from '../lib/hash.ts';
import { instanceName, objectLabels, overruleOthers } from '../lib/labels.ts';
import { workloadAccount } from './service-account.ts';

export interface ExternalSecretsArgs {
  readonly namespace: pulumi.Input<string>;
  /** Gives rights in its secret manager. */
  readonly cloud: Pick<Cloud, 'secretReader'>;
  /** A store that is there, by name, or one that is made. */
  readonly store: {
    readonly name?: string | undefined;
    readonly kind: 'SecretStore' | 'ClusterSecretStore';
    readonly vault?: VaultArgs | undefined;
  };
  readonly refreshInterval: string;
  readonly secrets: readonly MadeSecret[];
  /** Names of those whose new values make new pods. */
  readonly watched: readonly string[];
  /** Changes with what else the stack does not manage itself. */
  readonly externalRevision: pulumi.Input<string>;
}

interface VaultArgs {
  readonly server: string;
  /** Mount of the key-value engine, and its version. */
  readonly path: string;
  readonly version: 'v1' | 'v2';
  /** Mount of the Kubernetes log-in, and the role that trusts the ServiceAccount. */
  readonly mountPath: string;
  readonly role: string;
  readonly namespace?: string | undefined;
}

const component = 'external-secrets';
const apiVersion = 'external-secrets.io/v1';
/** An update waits until the operator has read everything. */
const untilReady = { ...overruleOthers, 'pulumi.com/waitFor': 'condition=Ready' };

export class ExternalSecrets extends pulumi.ComponentResource {
  public readonly made: {
    /** Names of the Secrets, known only once they are there. */
    readonly secretNames: Readonly<Record<string, pulumi.Output<string>>>;
    /** Changes with their values, and is known only once they are there: pods that carry it wait for them. */
    readonly externalRevision: pulumi.Output<string>;
  };

  constructor(name: string, args: ExternalSecretsArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:ExternalSecrets', name, recordedArgs(args), opts);
    const storeRef =
      args.store.name === undefined
        ? { name: ownStore(name, args, this), kind: 'SecretStore' }
        : { name: args.store.name, kind: args.store.kind };
    const made = args.secrets.map(
      (secret) => [secret.name, externalSecret(name, args, secret, storeRef, this)] as const,
    );
    this.made = {
      secretNames: Object.fromEntries(
        made.map(([each, { metadata }]) => [each, (metadata as Named).apply((known) => known.name)]),
      ),
      externalRevision: revision(name, args, made, this),
    };
    this.registerOutputs({});
  }
}

type Named = pulumi.Output<{ name: string }>;

/** Args as the state keeps them: without what only does something. */
function recordedArgs({ cloud: _, ...args }: ExternalSecretsArgs): pulumi.Inputs {
  return args;
}

/** https://external-secrets.io/latest/api/secretstore; returns its name, known only once it works. */
function ownStore(name: string, args: ExternalSecretsArgs, parent: pulumi.Resource): pulumi.Output<string> {
  const { namespace } = args;
  const { identity, provider } = reader(name, args, parent);
  const account = workloadAccount(name, { namespace, component, identity }, parent);
  const { metadata } = new CustomResource(
    `${name}-store`,
    {
      apiVersion,
      kind: 'SecretStore',
      metadata: { name, namespace, labels: objectLabels(component), annotations: untilReady },
      spec: { provider },
    },
    { parent, dependsOn: account },
  );
  return (metadata as Named).apply((known) => known.name);
}

/** Who reads, as a ServiceAccount of the component's name, and how. */
function reader(
  name: string,
  { cloud, namespace, secrets, store }: ExternalSecretsArgs,
  parent: pulumi.Resource,
): Partial<SecretReader> {
  if (store.vault !== undefined) return { provider: vaultProvider(name, store.vault) };
  const read = [...new Set(secrets.flatMap(({ data }) => data.map(({ from }) => from)))].sort();
  const found = cloud.secretReader?.(name, { namespace, serviceAccount: name, secrets: read }, { parent });
  if (found === undefined)
    throw new pulumi.RunError('ExternalSecrets: store: of another cloud; allowed: name, vault');
  return found;
}

/** https://external-secrets.io/latest/provider/hashicorp-vault/#kubernetes-authentication */
const vaultProvider = (
  account: string,
  { server, path, version, mountPath, role, namespace }: VaultArgs,
) => ({
  vault: {
    server,
    path,
    version,
    ...(namespace !== undefined && { namespace }),
    auth: { kubernetes: { mountPath, role, serviceAccountRef: { name: account } } },
  },
});

/** https://external-secrets.io/latest/api/externalsecret */
function externalSecret(
  name: string,
  { namespace, refreshInterval }: ExternalSecretsArgs,
  secret: MadeSecret,
  secretStoreRef: object,
  parent: pulumi.Resource,
): CustomResource {
  const { data, template, type } = secret;
  return new CustomResource(
    `${name}-${secret.name}`,
    {
      apiVersion,
      kind: 'ExternalSecret',
      metadata: {
        name: secret.name,
        namespace,
        labels: objectLabels(component),
        annotations: untilReady,
      },
      spec: {
        refreshInterval,
        secretStoreRef,
        target: {
          name: secret.name,
          creationPolicy: 'Owner',
          deletionPolicy: 'Retain',
          // Beside what the templates make, the values themselves stay.
          template: { type, engineVersion: 'v2', mergePolicy: 'Merge', data: template },
        },
        data: data.map(({ key, from, property, version }) => ({
          secretKey: key,
          remoteRef: {
            key: from,
            ...(property !== undefined && { property }),
            ...(version !== undefined && { version }),
          },
        })),
      },
    },
    { parent },
  );
}

function revision(
  name: string,
  { externalRevision, watched }: ExternalSecretsArgs,
  made: readonly (readonly [string, CustomResource])[],
  parent: pulumi.Resource,
): pulumi.Output<string> {
  // An ExternalSecret has the same id as the Secret that it makes.
  const values = made.map(([each, { id }]) =>
    watched.includes(each)
      ? Secret.get(`${name}-made-${each}`, id, { parent }).data.apply(sorted)
      : id.apply((text): unknown => text),
  );
  const mark = pulumi
    .all([externalRevision, ...values])
    .apply((all) => secretMark(JSON.stringify(all), instanceName()));
  return pulumi.unsecret(mark);
}

/** In an order that depends on the content alone. */
const sorted = (data: Readonly<Record<string, string>> | undefined): unknown =>
  Object.entries(data ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
