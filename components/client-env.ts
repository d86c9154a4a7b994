// ClientEnv: what programs in other namespaces need to know to use the server, for `envFrom`.
import * as pulumi from '@pulumi/pulumi';
import { ConfigMap } from '@pulumi/kubernetes/core/v1/configMap.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { objectLabels } from '../lib/labels.ts';
import type { ArtifactConnection, ServiceConnection } from './connections.ts';
import type { GeneratedUser } from './sign-in.ts';

export interface ClientEnvArgs {
  /** Namespaces that are there already. */
  readonly namespaces: readonly string[];
  readonly service: ServiceConnection;
  readonly artifacts: ArtifactConnection;
  /** How programs log in, by namespace. */
  readonly users: Readonly<Record<string, GeneratedUser>>;
}

/** A ConfigMap, and where programs have to log in a Secret, of the same name in each namespace. */
export class ClientEnv extends pulumi.ComponentResource {
  constructor(name: string, args: ClientEnvArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:ClientEnv', name, args, opts);
    for (const namespace of args.namespaces) {
      const metadata = { name, namespace, labels: objectLabels('client') };
      new ConfigMap(`${name}-${namespace}`, { metadata, data: clientSettings(args) }, { parent: this });
      const user = args.users[namespace];
      if (user === undefined) continue;
      new Secret(
        `${name}-${namespace}-log-in`,
        {
          metadata,
          type: 'Opaque',
          stringData: {
            MLFLOW_TRACKING_USERNAME: user.username,
            MLFLOW_TRACKING_PASSWORD: user.password,
          },
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}

/** Of a store that clients talk to themselves. Their rights in it are their own. */
const storeVariables = [
  'AWS_DEFAULT_REGION',
  'AWS_REGION',
  'MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE',
  'MLFLOW_S3_ENDPOINT_URL',
];

function clientSettings({ service, artifacts }: ClientEnvArgs): Record<string, pulumi.Input<string>> {
  const store = Object.entries(artifacts.settings).filter(([variable]) => storeVariables.includes(variable));
  return {
    MLFLOW_TRACKING_URI: service.url,
    ...(artifacts.mode === 'direct'
      ? Object.fromEntries(store)
      : // Presigned addresses would lead past the server, to a store that clients may not reach.
        {
          MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD: 'false',
          MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD: 'false',
        }),
  };
}
