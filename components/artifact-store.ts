// ArtifactStore: where MLflow keeps files (models, plots, data sets).
import * as pulumi from '@pulumi/pulumi';
import type { Cloud } from '../clouds/cloud.ts';
import type { Resources } from '../lib/pod.ts';
import { credentialVariables } from '../lib/secret-references.ts';
import { type StorageArgs, dataClaim } from './claim.ts';
import type { ArtifactConnection, GeneratedSecrets, Mounts, SecretKey, Variables } from './connections.ts';
import { s3Server } from './s3-server.ts';

export interface ArtifactStoreArgs extends StorageArgs {
  /**
   * `pvc`: a claim. `s3Compatible`: a bucket, in a server that the stack runs when no `endpointUrl` is given. `gcs`, `s3`: a
   * bucket of the cloud. `external`: a URI.
   */
  readonly kind: 'pvc' | 's3Compatible' | 'gcs' | 's3' | 'external';
  /** Makes the bucket of kinds `gcs` and `s3`. */
  readonly cloud?: Pick<Cloud, 'bucket'> | undefined;
  /** `proxy`: clients need the tracking URL and nothing else. `direct`: clients talk to the store. */
  readonly mode: 'proxy' | 'direct';
  /** `ReadWriteMany` lets pods on several nodes share the claim. */
  readonly accessMode: 'ReadWriteOnce' | 'ReadWriteMany';
  /** A claim that is there already. */
  readonly existingClaim?: string | undefined;
  /** Address of the S3 server, scheme and host. Default: one in the cluster. */
  readonly endpointUrl?: string | undefined;
  readonly bucket: string;
  /** Folder in the bucket. */
  readonly prefix: string;
  readonly region: string;
  /** `path`: https://server/bucket; `virtual`: https://bucket.server. */
  readonly addressingStyle: 'path' | 'virtual' | 'auto';
  /** Destination of kind `external`. */
  readonly uri?: string | undefined;
  /** Existing Secret with the credentials. */
  readonly credentialsFrom?:
    | {
        readonly secretName: string;
        /** Keys that become variables of the same name. */
        readonly keys: readonly string[];
        /** Key with a Google service-account file. */
        readonly googleCredentialsKey?: string | undefined;
      }
    | undefined;
  /** Image and resources of the S3 server in the cluster. */
  readonly image: string;
  readonly imagePullSecrets: readonly string[];
  readonly resources: Resources;
}

/** A claim, a bucket or any other place that MLflow knows. */
export class ArtifactStore extends pulumi.ComponentResource {
  /** What a pod needs to use the store. */
  public readonly connection: ArtifactConnection;
  /** The claim that pods mount; undefined where artifacts are in a bucket. */
  public readonly claimMounts: Mounts | undefined;

  /** What was made secret for it. */
  public readonly generated: GeneratedSecrets;

  constructor(name: string, args: ArtifactStoreArgs, opts?: pulumi.ComponentResourceOptions) {
    super('mlflow-stack:index:ArtifactStore', name, recordedArgs(args), opts);
    const { generated = {}, ...store }: Store = connections[args.kind](name, args, this);
    this.connection = { mode: args.mode, ...store };
    this.generated = generated;
    const { volumes, volumeMounts } = this.connection;
    this.claimMounts = args.kind === 'pvc' ? { volumes, volumeMounts } : undefined;
    this.registerOutputs({ uri: this.connection.uri });
  }
}

type Store = Omit<ArtifactConnection, 'mode'> & { readonly generated?: GeneratedSecrets };

const connections = { pvc, s3Compatible, gcs: ofCloud, s3: ofCloud, external } as const;

/** Args as the state keeps them: without what only does something. */
function recordedArgs({ cloud: _, ...args }: ArtifactStoreArgs): pulumi.Inputs {
  return args;
}

function ofCloud(name: string, args: ArtifactStoreArgs, parent: pulumi.Resource): Store {
  const store = args.cloud?.bucket?.(name, { parent });
  if (store === undefined)
    throw new pulumi.RunError(
      `ArtifactStore: kind ${args.kind}: of another cloud; allowed: kinds of this cloud`,
    );
  return store;
}

const mountPath = '/mlflow';

function pvc(name: string, args: ArtifactStoreArgs, parent: pulumi.Resource): Store {
  const claimName =
    args.existingClaim ??
    dataClaim(name, { ...args, name, component: 'artifact-store' }, parent).metadata.name;
  return {
    uri: `${mountPath}/artifacts`,
    settings: {},
    secrets: {},
    volumes: [{ name: 'artifacts', persistentVolumeClaim: { claimName } }],
    volumeMounts: [{ name: 'artifacts', mountPath }],
  };
}

function s3Compatible(name: string, args: ArtifactStoreArgs, parent: pulumi.Resource): Store {
  const { credentialsFrom } = args;
  const { endpointUrl, ...access } =
    args.endpointUrl === undefined || credentialsFrom === undefined
      ? s3Server(name, args, parent)
      : { endpointUrl: args.endpointUrl, ...credentials(credentialsFrom) };
  return {
    volumes: [],
    volumeMounts: [],
    ...access,
    uri: `s3://${args.bucket}/${args.prefix}`,
    settings: {
      MLFLOW_S3_ENDPOINT_URL: endpointUrl,
      AWS_REGION: args.region,
      AWS_DEFAULT_REGION: args.region,
      MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE: args.addressingStyle,
    },
  };
}

function external(_name: string, { uri = '', credentialsFrom }: ArtifactStoreArgs): Store {
  const none = { settings: {}, secrets: {}, volumes: [], volumeMounts: [] };
  return { uri, ...(credentialsFrom ? credentials(credentialsFrom) : none) };
}

const credentialsPath = '/etc/mlflow-stack/credentials';

export function credentials(from: NonNullable<ArtifactStoreArgs['credentialsFrom']>): Variables & Mounts {
  const { secretName, googleCredentialsKey } = from;
  const key = (name: string): SecretKey => ({ secretName, key: name });
  const file = googleCredentialsKey && `${credentialsPath}/${googleCredentialsKey}`;
  return {
    settings: file === undefined ? {} : { GOOGLE_APPLICATION_CREDENTIALS: file },
    secrets: Object.fromEntries(credentialVariables(from).map((name) => [name, key(name)])),
    volumes: file === undefined ? [] : [{ name: 'credentials', secret: { secretName } }],
    volumeMounts:
      file === undefined ? [] : [{ name: 'credentials', mountPath: credentialsPath, readOnly: true }],
  };
}
