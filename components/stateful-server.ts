// The one recipe for servers with data of their own, PostgreSQL and the S3 server: one pod, one claim, one Service.
import * as pulumi from '@pulumi/pulumi';
import { StatefulSet } from '@pulumi/kubernetes/apps/v1/statefulSet.js';
import { Service } from '@pulumi/kubernetes/core/v1/service.js';
import type { core } from '@pulumi/kubernetes/types/input.js';
import { objectLabels, selectorLabels } from '../lib/labels.ts';
import { type Resources, definedOnly, containerBasics, podBasics, secretVariables } from '../lib/pod.ts';
import { type StorageArgs, dataClaim } from './claim.ts';
import type { SecretKey } from './connections.ts';
import { workloadAccount } from './service-account.ts';

export interface StatefulServerArgs extends StorageArgs {
  /** Label `app.kubernetes.io/component`; also the name of container and port. */
  readonly component: string;
  readonly image: string;
  readonly imagePullSecrets: readonly string[];
  /** User and group of the process. */
  readonly user: number;
  readonly port: number;
  readonly command?: string[];
  readonly args: string[];
  readonly env: core.v1.EnvVar[];
  readonly secrets?: Readonly<Record<string, SecretKey>>;
  /** Where the claim is mounted. */
  readonly dataPath: string;
  /** Beside the claim and a `/tmp`. */
  readonly volumes: core.v1.Volume[];
  readonly volumeMounts: core.v1.VolumeMount[];
  /** How the server is asked whether it answers. */
  readonly question: core.v1.Probe;
  /** Run once the container has started. The pod is not ready before it ends well. */
  readonly afterStart: string[];
  readonly podAnnotations?: Record<string, pulumi.Input<string>>;
  /** Seconds that it has to end, before it is killed. */
  readonly graceSeconds: number;
  readonly resources: Resources;
  /** Seconds that an update waits for the server. */
  readonly timeoutSeconds: number;
}

/** Returns the host at which the server answers, known only once it does. */
export function statefulServer(
  name: string,
  args: StatefulServerArgs,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const { component, port } = args;
  const claim = dataClaim(name, { ...args, name, accessMode: 'ReadWriteOnce' }, parent);
  const serviceAccount = workloadAccount(name, args, parent);
  const metadata = { name, namespace: args.namespace, labels: objectLabels(component) };
  const service = new Service(
    `${name}-service`,
    {
      // The StatefulSet is waited for; waiting for its Service as well would only add ten seconds.
      metadata: { ...metadata, annotations: { 'pulumi.com/skipAwait': 'true' } },
      spec: {
        selector: selectorLabels(component),
        ports: [{ name: component, port, targetPort: component }],
      },
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
          metadata: { labels: objectLabels(component), annotations: args.podAnnotations },
          spec: serverPod(args, serviceAccount.metadata.name, claim.metadata.name),
        },
      },
    },
    {
      parent,
      // A change of its pod makes a new StatefulSet on the same claim. An update in place would not do: Kubernetes never
      // replaces a pod that cannot start (https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback),
      // and the plug-in takes the old pod's readiness for the new one's. The restart takes as long either way.
      replaceOnChanges: ['spec.template'],
      deleteBeforeReplace: true,
      customTimeouts: { create: `${args.timeoutSeconds}s`, update: `${args.timeoutSeconds}s` },
    },
  );
  return pulumi.interpolate`${server.spec.serviceName}.${server.metadata.namespace}.svc`;
}

function serverPod(
  args: StatefulServerArgs,
  serviceAccount: pulumi.Input<string>,
  claimName: pulumi.Input<string>,
): core.v1.PodSpec {
  const { component, question } = args;
  return {
    ...podBasics({ ...args, serviceAccount }),
    terminationGracePeriodSeconds: args.graceSeconds,
    containers: [
      {
        name: component,
        image: args.image,
        command: args.command,
        args: args.args,
        env: [...args.env, ...secretVariables(args.secrets ?? {})],
        ports: [{ name: component, containerPort: args.port }],
        lifecycle: { postStart: { exec: { command: args.afterStart } } },
        startupProbe: { ...question, periodSeconds: 2, timeoutSeconds: 5, failureThreshold: 150 },
        readinessProbe: { ...question, periodSeconds: 5, timeoutSeconds: 5 },
        livenessProbe: { ...question, periodSeconds: 20, timeoutSeconds: 10, failureThreshold: 6 },
        resources: { requests: args.resources.requests, limits: definedOnly(args.resources.limits) },
        ...containerBasics,
        volumeMounts: [
          { name: 'data', mountPath: args.dataPath },
          ...args.volumeMounts,
          { name: 'tmp', mountPath: '/tmp' },
        ],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName } },
      ...args.volumes,
      { name: 'tmp', emptyDir: {} },
    ],
  };
}
