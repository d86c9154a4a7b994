// An S3 server in the cluster (SeaweedFS): one pod, one claim, one private bucket, one key, for stacks whose artifacts several
// pods must share and that have no bucket elsewhere.
import * as pulumi from '@pulumi/pulumi';
import { StatefulSet } from '@pulumi/kubernetes/apps/v1/statefulSet.js';
import { Secret } from '@pulumi/kubernetes/core/v1/secret.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { RandomPassword } from '@pulumi/random/randomPassword.js';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import { podPorts } from '../lib/network.ts';
import { definedOnly, restrictedContainer, restrictedPod } from '../lib/pod.ts';
import { parseQuantity } from '../lib/quantity.ts';
import type { ArtifactStoreArgs } from './artifact-store.ts';
import { dataClaim } from './claim.ts';
import type { SecretKey } from './connections.ts';
import { workloadAccount } from './service-account.ts';

/** Where the server is, known once it is ready, and the key to its bucket. */
export interface S3Server {
  readonly endpointUrl: pulumi.Input<string>;
  readonly secrets: Readonly<Record<string, SecretKey>>;
}

const component = 's3';
const port = podPorts.s3;
/** Any user that is not root: the image has none of its own. */
const user = 1000;
const dataPath = '/data';
const configPath = '/etc/seaweedfs';

export function s3Server(name: string, args: ArtifactStoreArgs, parent: pulumi.Resource): S3Server {
  const credentials = credentialsSecret(name, args, parent);
  const claim = dataClaim(name, { ...args, name, component, accessMode: 'ReadWriteOnce' }, parent);
  const metadata = { name, namespace: args.namespace, labels: objectLabels(component) };
  const serviceAccount = workloadAccount(name, { ...args, component }, parent);
  const service = new Service(
    `${name}-service`,
    {
      // The StatefulSet is waited for; waiting for its Service as well would only add ten seconds.
      metadata: { ...metadata, annotations: { 'pulumi.com/skipAwait': 'true' } },
      spec: { selector: selectorLabels(component), ports: [{ name: 's3', port, targetPort: 's3' }] },
    },
    { parent },
  );
  const server = new StatefulSet(
    `${name}-server`,
    {
      metadata,
      spec: {
        serviceName: service.metadata.name,
        replicas: 1,
        selector: { matchLabels: selectorLabels(component) },
        template: {
          metadata: { labels: objectLabels(component) },
          spec: serverPod(args, {
            serviceAccount: serviceAccount.metadata.name,
            secretName: credentials.metadata.name,
            claimName: claim.metadata.name,
          }),
        },
      },
    },
    // As for the database: a pod that cannot start must be replaced by one that can.
    { parent, replaceOnChanges: ['spec.template'], deleteBeforeReplace: true },
  );
  const key = (variable: string): SecretKey => ({ secretName: credentials.metadata.name, key: variable });
  return {
    endpointUrl: pulumi.interpolate`http://${server.spec.serviceName}.${server.metadata.namespace}.svc:${port}`,
    secrets: {
      AWS_ACCESS_KEY_ID: key('AWS_ACCESS_KEY_ID'),
      AWS_SECRET_ACCESS_KEY: key('AWS_SECRET_ACCESS_KEY'),
    },
  };
}

/** One key, with rights on the bucket alone; without it nobody gets in. */
function credentialsSecret(name: string, args: ArtifactStoreArgs, parent: pulumi.Resource): Secret {
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
  return new Secret(
    `${name}-credentials`,
    {
      metadata: { namespace: args.namespace, labels: objectLabels(component) },
      type: 'Opaque',
      stringData: { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, 's3.json': config },
    },
    { parent },
  );
}

/** SeaweedFS keeps objects in volumes, files of this size. */
const volumeMebibytes = 128;

/** The parts of the server talk to each other on loopback; only S3 itself is open to other pods. */
function serverOptions(size: string): string[] {
  // A fifth of the claim stays free: deleted space comes back by copying what is left of a volume.
  const volumes = Math.max(1, Math.floor((0.8 * (parseQuantity(size) ?? 0)) / 2 ** 20 / volumeMebibytes));
  return [
    ...[`-dir=${dataPath}`, '-ip=127.0.0.1', '-ip.bind=127.0.0.1'],
    ...['-master.peers=none', '-master.telemetry=false', `-master.volumeSizeLimitMB=${volumeMebibytes}`],
    ...[`-volume.max=${volumes}`, '-volume.preStopSeconds=1'],
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

function serverPod(
  args: ArtifactStoreArgs,
  names: Record<'serviceAccount' | 'secretName' | 'claimName', pulumi.Input<string>>,
): core.v1.PodSpec {
  const answers = { httpGet: { path: '/healthz', port: 's3' } };
  return {
    serviceAccountName: names.serviceAccount,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    imagePullSecrets: args.imagePullSecrets.map((secret) => ({ name: secret })),
    securityContext: restrictedPod(user),
    terminationGracePeriodSeconds: 60,
    containers: [
      {
        name: 's3',
        image: args.image,
        command: ['weed'],
        args: ['-logtostderr=true', 'server', ...serverOptions(args.size)],
        env: [{ name: 'BUCKET', value: args.bucket }, { name: 'HOME', value: '/tmp' }, ...lockedToolPort],
        ports: [{ name: 's3', containerPort: port }],
        lifecycle: { postStart: { exec: { command: ['sh', '-c', makeBucketScript] } } },
        startupProbe: { ...answers, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 150 },
        readinessProbe: { ...answers, periodSeconds: 5, timeoutSeconds: 5 },
        livenessProbe: { ...answers, periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 6 },
        resources: { requests: args.resources.requests, limits: definedOnly(args.resources.limits) },
        securityContext: restrictedContainer,
        terminationMessagePolicy: 'FallbackToLogsOnError',
        volumeMounts: [
          { name: 'data', mountPath: dataPath },
          { name: 'config', mountPath: configPath, readOnly: true },
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: names.claimName } },
      {
        name: 'config',
        secret: { secretName: names.secretName, items: [{ key: 's3.json', path: 's3.json' }] },
      },
      { name: 'tmp', emptyDir: {} },
    ],
  };
}
