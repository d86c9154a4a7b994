// An S3 server in the cluster (SeaweedFS) with one private bucket and one key, for stacks whose artifacts several
// pods must share and that have no bucket elsewhere.
import * as pulumi from '@pulumi/pulumi';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { objectLabels } from '../lib/labels.ts';
import { podPorts } from '../lib/network.ts';
import { parseQuantity } from '../lib/quantity.ts';
import type { ArtifactStoreArgs } from './artifact-store.ts';
import type { GeneratedSecrets, SecretKey } from './connections.ts';
import { statefulServer } from './stateful-server.ts';

/** Where the server is, known once it is ready, and the key to its bucket. */
export interface S3Server {
  readonly endpointUrl: pulumi.Input<string>;
  readonly secrets: Readonly<Record<string, SecretKey>>;
  readonly generated: GeneratedSecrets;
}

const component = 's3';
const port = podPorts.s3;
/** Any user that is not root: the image has none of its own. */
const user = 1000;
const dataPath = '/data';
const configPath = '/etc/seaweedfs';

export function s3Server(name: string, args: ArtifactStoreArgs, parent: pulumi.Resource): S3Server {
  const { secretName, secretKey } = credentialsSecret(name, args, parent);
  const host = statefulServer(
    name,
    {
      ...args,
      component,
      user,
      port,
      command: ['weed'],
      args: ['-logtostderr=true', 'server', ...serverOptions(args.size)],
      env: [
        { name: 'BUCKET', value: args.bucket },
        { name: 'HOME', value: '/tmp' },
        { name: 'WEED_MASTER_VOLUME_GROWTH_COPY_1', value: String(volumesAtOnce(args.size)) },
        ...lockedToolPort,
      ],
      dataPath,
      volumes: [{ name: 'config', secret: { secretName, items: [{ key: 's3.json', path: 's3.json' }] } }],
      volumeMounts: [{ name: 'config', mountPath: configPath, readOnly: true }],
      question: { httpGet: { path: '/healthz', port: component } },
      afterStart: ['sh', '-c', makeBucketScript],
      // Its volumes are closed after two. One of its parts then goes on for a minute to write a log of changes, which nobody
      // reads, to the volumes that are gone.
      graceSeconds: 5,
      timeoutSeconds: 300,
    },
    parent,
  );
  return {
    endpointUrl: pulumi.interpolate`http://${host}:${port}`,
    secrets: {
      AWS_ACCESS_KEY_ID: { secretName, key: 'AWS_ACCESS_KEY_ID' },
      AWS_SECRET_ACCESS_KEY: { secretName, key: 'AWS_SECRET_ACCESS_KEY' },
    },
    generated: { 's3-key': secretKey },
  };
}

/** One key, with rights on the bucket alone; without it nobody gets in. */
function credentialsSecret(name: string, args: ArtifactStoreArgs, parent: pulumi.Resource) {
  const accessKey = 'mlflow';
  const { result: secretKey } = new RandomPassword(
    `${name}-secret-key`,
    { length: 40, special: false },
    { parent },
  );
  const actions = ['Read', 'Write', 'List', 'Tagging'].map((action) => `${action}:${args.bucket}`);
  const config = pulumi.jsonStringify({
    identities: [{ name: 'mlflow', credentials: [{ accessKey, secretKey }], actions }],
  });
  const secret = new Secret(
    `${name}-credentials`,
    {
      metadata: { namespace: args.namespace, labels: objectLabels(component) },
      type: 'Opaque',
      stringData: { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, 's3.json': config },
    },
    { parent },
  );
  return { secretName: secret.metadata.name, secretKey };
}

/** SeaweedFS keeps objects in volumes, files of this size. */
const volumeMebibytes = 128;

/** A fifth of the claim stays free: deleted space comes back by copying what is left of a volume. */
const volumesIn = (size: string): number =>
  Math.max(3, Math.floor((0.8 * (parseQuantity(size) ?? 0)) / 2 ** 20 / volumeMebibytes));

/** The server's own notes have volumes beside those of the bucket; by default seven, which a small claim cannot spare. */
const volumesAtOnce = (size: string): number => Math.min(7, Math.floor(volumesIn(size) / 3));

/** The parts of the server talk to each other on loopback; only S3 itself is open to other pods. */
function serverOptions(size: string): string[] {
  return [
    ...[`-dir=${dataPath}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1'],
    ...['-master.peers=none', '-master.telemetry=false', `-master.volumeSizeLimitMB=${volumeMebibytes}`],
    ...[`-volume.max=${volumesIn(size)}`, '-volume.preStopSeconds=1'],
    ...['-s3', '-s3.ip.bind=0.0.0.0', `-s3.port=${port}`, `-s3.config=${configPath}/s3.json`],
    ...['-s3.iam=false', '-s3.autoCreateBucket=false', '-s3.port.iceberg=0', '-s3.port.lance=0'],
    // Uploads that wait for their turn instead of filling the memory.
    '-s3.concurrentUploadLimitMB=64',
  ];
}

/**
 * Beside its port S3 opens another for its own tools, which gives keys to whoever asks. With a certificate that does not
 * exist nobody can speak to it.
 */
const lockedToolPort = ['WEED_GRPC_CA', 'WEED_GRPC_S3_CERT', 'WEED_GRPC_S3_KEY'].map((name) => ({
  name,
  value: '/dev/null',
}));

/** The pod is not ready before its bucket is there. */
const makeBucketScript = `
shell() { weed -logtostderr=true shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888 2> /dev/null; }
for attempt in $(seq 120); do
  if echo s3.bucket.list | shell | grep -q "^ *$BUCKET[[:space:]]"; then exit 0; fi
  echo "s3.bucket.create -name $BUCKET" | shell || sleep 1
done
echo "bucket $BUCKET could not be made" >&2
exit 1`;
