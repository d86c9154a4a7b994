// Cloud SQL Auth Proxy, which knows the instance by its name and encrypts on the way to it: beside each client, or one for all.
// https://github.com/GoogleCloudPlatform/cloud-sql-proxy
import * as pulumi from '@pulumi/pulumi';
import { Deployment } from '@pulumi/kubernetes/apps/v1/deployment.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { credentials } from '../../components/artifact-store.ts';
import { workloadAccount } from '../../components/service-account.ts';
import { objectLabels, selectorLabels } from '../../lib/labels.ts';
import { accountFileKey, cloudSqlProxyName, serviceHost } from '../../lib/names.ts';
import { containerBasics, definedOnly, podBasics } from '../../lib/pod.ts';
import { account, bind, instanceRights } from './accounts.ts';
import type { GcpContext } from './context.ts';

/** At which it tells whether it is ready. */
const healthPort = 9090;
/** User of the image. */
const proxyUser = 65_532;

interface ProxyArgs {
  readonly port: number;
  /** Whether it logs in as its account, so that nobody has to show a password. */
  readonly iam: boolean;
  readonly address: string;
}

function proxyContainer(
  { settings, gcp }: GcpContext,
  instance: pulumi.Input<string>,
  { port, iam, address }: ProxyArgs,
): core.v1.Container {
  const keyFile = settings.identity.kind === 'keys' ? keys(settings.identity.secretName) : undefined;
  const probe = (path: string) => ({ httpGet: { path, port: healthPort } });
  return {
    name: 'cloud-sql-proxy',
    image: gcp.cloudSqlProxy.image,
    args: [
      '--private-ip',
      '--structured-logs',
      `--address=${address}`,
      `--port=${port}`,
      '--health-check',
      '--http-address=0.0.0.0',
      `--http-port=${healthPort}`,
      // Connections that are still open get time to end.
      '--max-sigterm-delay=20s',
      '--exit-zero-on-sigterm',
      ...(iam ? ['--auto-iam-authn'] : []),
      ...(keyFile === undefined
        ? []
        : [`--credentials-file=${keyFile.settings.GOOGLE_APPLICATION_CREDENTIALS as string}`]),
      instance,
    ],
    // It would send figures to Cloud Monitoring, for which its account has no right. Older proxies know no such option.
    env: [{ name: 'CSQL_PROXY_ENABLE_BUILTIN_METRICS', value: 'false' }],
    // Whatever comes after it in the pod waits until it is ready.
    startupProbe: { ...probe('/startup'), periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 60 },
    livenessProbe: { ...probe('/liveness'), periodSeconds: 30, timeoutSeconds: 10, failureThreshold: 4 },
    resources: {
      requests: { ...gcp.cloudSqlProxy.resources.requests },
      limits: definedOnly(gcp.cloudSqlProxy.resources.limits),
    },
    ...(keyFile !== undefined && { volumeMounts: [...keyFile.volumeMounts] }),
    ...containerBasics,
  };
}

const keys = (secretName: string) =>
  credentials({ secretName, keys: [], googleCredentialsKey: accountFileKey });

/** Reached by its own pod alone. */
export const proxySidecar = (
  context: GcpContext,
  instance: pulumi.Input<string>,
  args: Omit<ProxyArgs, 'address'>,
): core.v1.Container => proxyContainer(context, instance, { ...args, address: '127.0.0.1' });

/** Returns the host at which it answers, known only once it does. Between it and its clients nothing is encrypted. */
export function proxyDeployment(
  context: GcpContext,
  name: string,
  args: {
    readonly namespace: pulumi.Input<string>;
    readonly instance: pulumi.Output<string>;
    readonly port: number;
  },
  opts: pulumi.ComponentResourceOptions,
): pulumi.Output<string> {
  const { namespace, instance, port } = args;
  const { settings, gcp } = context;
  const component = 'cloudsql-proxy';
  const own = `${name}-proxy`;
  const identity =
    settings.identity.kind === 'workload' ? proxyIdentity(context, own, args, opts) : undefined;
  const serviceAccount = workloadAccount(
    own,
    { namespace, component, identity, objectName: cloudSqlProxyName },
    opts,
  );
  const metadata = { name: cloudSqlProxyName, namespace, labels: objectLabels(component) };
  const volumes = settings.identity.kind === 'keys' ? [...keys(settings.identity.secretName).volumes] : [];
  const container = proxyContainer(context, instance, { port, iam: false, address: '0.0.0.0' });
  const deployment = new Deployment(
    `${own}-deployment`,
    {
      metadata,
      spec: {
        replicas: gcp.cloudSqlProxy.replicas,
        selector: { matchLabels: selectorLabels(component) },
        strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
        template: {
          metadata: { labels: objectLabels(component) },
          spec: {
            ...podBasics({
              serviceAccount: serviceAccount.metadata.name,
              imagePullSecrets: settings.pods.imagePullSecrets,
              user: settings.server.runAsUser === 'none' ? 'none' : proxyUser,
            }),
            terminationGracePeriodSeconds: 30,
            containers: [
              {
                ...container,
                ports: [{ name: 'postgres', containerPort: port }],
                readinessProbe: {
                  httpGet: { path: '/readiness', port: healthPort },
                  periodSeconds: 5,
                  timeoutSeconds: 10,
                },
              },
            ],
            volumes,
          },
        },
      },
    },
    opts,
  );
  const service = new Service(
    `${own}-service`,
    {
      // The Deployment is waited for; waiting for its Service as well would only add ten seconds.
      metadata: { ...metadata, annotations: { 'pulumi.com/skipAwait': 'true' } },
      spec: {
        selector: selectorLabels(component),
        ports: [{ name: 'postgres', port, targetPort: 'postgres' }],
      },
    },
    opts,
  );
  return pulumi
    .all([service.metadata.namespace, service.metadata.name, deployment.id])
    .apply(([home, host]) => serviceHost(home, host));
}

/** It alone may connect to the instance: the pods behind it need no right for that. */
function proxyIdentity(
  context: GcpContext,
  name: string,
  {
    namespace,
    instance,
  }: { readonly namespace: pulumi.Input<string>; readonly instance: pulumi.Output<string> },
  opts: pulumi.ComponentResourceOptions,
) {
  const email = account(context, name, 'sql', 'Cloud SQL Auth Proxy', opts);
  instanceRights(context, name, email, { id: instance, iam: false }, opts);
  return bind(context, name, email, { namespace, serviceAccount: cloudSqlProxyName }, opts);
}
