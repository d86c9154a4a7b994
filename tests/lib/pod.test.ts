import { expect } from 'chai';
import type { PodParts } from '../../components/index.ts';
import { type MlflowPodArgs, definedOnly, mlflowPod, restrictedPod } from '../../lib/pod.ts';
import { labelsOf, noParts, runtime, selectorOf } from '../support/args.ts';
import { runStack } from '../support/mocks.ts';
import { type Container, type PodSpec, violations } from '../../policy/restricted.ts';

const args: MlflowPodArgs = {
  component: 'gc',
  name: 'gc',
  serviceAccount: 'account',
  script: 'collect_garbage',
  args: ['--older-than', '30d'],
  env: [{ name: 'EXTRA', value: '1' }],
  secrets: { API_KEY: { secretName: 'keys', key: 'api' } },
  resources: { requests: { cpu: '1', memory: '2Gi' }, limits: { cpu: undefined, memory: '3Gi' } },
  tmpSize: '4Gi',
  mounts: {
    volumes: [{ name: 'artifacts', emptyDir: {} }],
    volumeMounts: [{ name: 'artifacts', mountPath: '/mlflow' }],
  },
  container: { ports: [{ name: 'http', containerPort: 5000 }] },
  pod: { terminationGracePeriodSeconds: 7 },
};

interface Pod {
  readonly metadata: { labels: Record<string, string>; annotations: Record<string, string> };
  readonly spec: PodSpec & Record<string, unknown>;
}

/** Labels need a stack. */
async function pod(changes: Partial<MlflowPodArgs> = {}, shared: Partial<typeof runtime> = {}): Promise<Pod> {
  let made: unknown;
  await runStack(() => void (made = mlflowPod({ ...runtime, ...shared }, { ...args, ...changes })));
  return made as Pod;
}

const names = (items: readonly { readonly name: string }[] | undefined) => items?.map(({ name }) => name);

describe('the pod recipe', () => {
  it('makes a restricted pod that waits for the database', async () => {
    const secretKeyRef = (name: string, key: string) => ({ valueFrom: { secretKeyRef: { name, key } } });
    const shared = {
      image: 'mlflow:v3.17.2',
      imagePullPolicy: 'IfNotPresent',
      envFrom: [{ configMapRef: { name: 'the-settings' } }],
      env: [
        { name: 'PGAPPNAME', value: 'gc' },
        { name: 'API_KEY', ...secretKeyRef('keys', 'api') },
        { name: 'PGPASSWORD', ...secretKeyRef('db-secret', 'pw') },
        { name: 'EXTRA', value: '1' },
      ],
      volumeMounts: [
        { name: 'tmp', mountPath: '/tmp' },
        { name: 'mlflow-stack', mountPath: '/opt/mlflow-stack', readOnly: true },
        { name: 'artifacts', mountPath: '/mlflow' },
      ],
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      terminationMessagePolicy: 'FallbackToLogsOnError',
    };
    expect(await pod()).to.deep.equal({
      metadata: { labels: labelsOf('gc'), annotations: {} },
      spec: {
        serviceAccountName: 'account',
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 1000,
          runAsGroup: 1000,
          fsGroup: 1000,
          fsGroupChangePolicy: 'OnRootMismatch',
          seccompProfile: { type: 'RuntimeDefault' },
        },
        imagePullSecrets: [],
        nodeSelector: {},
        tolerations: [],
        affinity: undefined,
        priorityClassName: undefined,
        initContainers: [
          {
            ...shared,
            name: 'wait-for-database',
            command: ['python3', '/opt/mlflow-stack/wait_for_database.py'],
            resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
          },
        ],
        containers: [
          {
            ...shared,
            name: 'gc',
            command: ['python3', '/opt/mlflow-stack/collect_garbage.py'],
            args: ['--older-than', '30d'],
            resources: {
              requests: { cpu: '1', memory: '2Gi', 'ephemeral-storage': '4Gi' },
              limits: { memory: '3Gi' },
            },
            ports: [{ name: 'http', containerPort: 5000 }],
          },
        ],
        volumes: [
          { name: 'tmp', emptyDir: { sizeLimit: '4Gi' } },
          { name: 'mlflow-stack', configMap: { name: 'the-files' } },
          { name: 'artifacts', emptyDir: {} },
        ],
        terminationGracePeriodSeconds: 7,
      },
    });
  });

  it('leaves user and group to the cluster where the user says none, and still refuses root', async () => {
    const { spec } = await pod({}, { runAsUser: 'none' });
    expect(spec.securityContext).to.deep.equal({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(violations(spec)).to.deep.equal([]);
    expect(restrictedPod('none')).to.deep.equal(spec.securityContext);
  });

  it('mounts a volume that stores share once', async () => {
    const shared = {
      volumes: [{ name: 'artifacts', persistentVolumeClaim: { claimName: 'files' } }],
      volumeMounts: [{ name: 'artifacts', mountPath: '/mlflow' }],
    };
    const { spec } = await pod({ mounts: shared }, shared);
    expect(names(spec.volumes)).to.deep.equal(['tmp', 'mlflow-stack', 'artifacts']);
    const [main] = spec.containers as (Container & { volumeMounts: { mountPath: string }[] })[];
    expect(main?.volumeMounts.map(({ mountPath }) => mountPath)).to.deep.equal([
      '/tmp',
      '/opt/mlflow-stack',
      '/mlflow',
    ]);
  });

  it('keeps /tmp on a claim that goes with the pod where a class is named for it', async () => {
    const { spec } = await pod({ tmpStorageClassName: 'fast' });
    expect(spec.volumes?.[0]).to.deep.equal({
      name: 'tmp',
      ephemeral: {
        volumeClaimTemplate: {
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: 'fast',
            resources: { requests: { storage: '4Gi' } },
          },
        },
      },
    });
    expect(JSON.stringify(spec)).not.to.include('ephemeral-storage');
  });

  it('gives a token only to a pod that has a use for it', async () => {
    expect((await pod({ mountToken: true })).spec.automountServiceAccountToken).to.equal(true);
  });

  it("adds the user's ConfigMaps and Secrets after its own, so that they win", async () => {
    const { spec } = await pod(
      {},
      { envFrom: [{ secretRef: { name: 'proxy' } }], imagePullSecrets: ['registry'] },
    );
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
      expect(container, container.name).to.deep.include({
        envFrom: [{ configMapRef: { name: 'the-settings' } }, { secretRef: { name: 'proxy' } }],
      });
    }
    expect(spec.imagePullSecrets).to.deep.equal([{ name: 'registry' }]);
  });

  it('passes limits on only where there are any', () => {
    expect(definedOnly({ cpu: undefined, memory: '1Gi' })).to.deep.equal({ memory: '1Gi' });
  });
});

describe('what the user adds to pods', () => {
  const toleration = (key: string) => ({ key, operator: 'Exists' });
  const everywhere: PodParts = {
    labels: { team: 'a', 'app.kubernetes.io/component': 'postgres' },
    annotations: { note: 'all', all: 'x' },
    nodeSelector: { disk: 'ssd' },
    tolerations: [toleration('all')],
    affinity: { nodeAffinity: {} },
    priorityClassName: 'low',
    initContainers: [{ name: 'prepare', image: 'prepare:1' }],
    sidecars: [{ name: 'proxy', image: 'proxy:1' }],
    volumes: [{ name: 'extra', emptyDir: {} }],
    volumeMounts: [{ name: 'extra', mountPath: '/extra' }],
  };
  const here: PodParts = {
    ...noParts,
    labels: { tier: 'web' },
    annotations: { note: 'here' },
    nodeSelector: { zone: 'b' },
    tolerations: [toleration('here')],
    priorityClassName: 'high',
    sidecars: [{ name: 'watcher', image: 'watcher:1' }],
  };

  it('is added for all pods and for one, the latter last', async () => {
    const { metadata, spec } = await pod({ parts: here }, everywhere);
    expect(metadata.labels).to.include({ team: 'a', tier: 'web' });
    expect(metadata.annotations).to.deep.equal({ note: 'here', all: 'x' });
    expect(spec).to.deep.include({
      nodeSelector: { disk: 'ssd', zone: 'b' },
      tolerations: [toleration('all'), toleration('here')],
      affinity: { nodeAffinity: {} },
      priorityClassName: 'high',
    });
    expect(names(spec.volumes)).to.include('extra');
    expect(spec.containers[0]).to.have.property('volumeMounts').that.deep.includes({
      name: 'extra',
      mountPath: '/extra',
    });
  });

  it('keeps a pod near the server where both mount a claim, unless somebody says where it goes', async () => {
    const mounts = {
      volumes: [{ name: 'artifacts', persistentVolumeClaim: { claimName: 'artifacts' } }],
      volumeMounts: [],
    };
    const podAffinityTerm = {
      labelSelector: { matchLabels: selectorOf('tracking-server') },
      topologyKey: 'kubernetes.io/hostname',
    };
    expect((await pod({ mounts })).spec.affinity).to.deep.equal({
      podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm }] },
    });
    expect((await pod({ mounts }, everywhere)).spec.affinity).to.deep.equal({ nodeAffinity: {} });
    expect((await pod({ mounts, component: 'tracking-server' })).spec.affinity).to.equal(undefined);
  });

  it('never takes a pod out of its workload', async () => {
    const { metadata } = await pod({}, { ...everywhere, labels: { 'app.kubernetes.io/name': 'other' } });
    expect(metadata.labels).to.include(labelsOf('gc'));
  });

  it('runs beside the pod as native sidecars, from before the database is looked for, and ends with it', async () => {
    const { spec } = await pod({ parts: here }, everywhere);
    expect(names(spec.initContainers)).to.deep.equal(['proxy', 'watcher', 'wait-for-database', 'prepare']);
    for (const container of spec.initContainers ?? []) {
      const isSidecar = ['proxy', 'watcher'].includes(container.name);
      const policy = (container as { restartPolicy?: string }).restartPolicy;
      expect(policy, container.name).to.equal(isSidecar ? 'Always' : undefined);
    }
    expect(names(spec.containers)).to.deep.equal(['gc']);
  });
});

describe('the check of the restricted level in these tests', () => {
  const container = { name: 'main', securityContext: { capabilities: { drop: ['ALL'] } } };
  for (const [weakness, change] of [
    ['may run as root', { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }],
    ['may run as root', { securityContext: { runAsNonRoot: true, runAsUser: 0 } }],
    ['has no seccomp profile', { securityContext: { runAsNonRoot: true } }],
    ['keeps capabilities', { containers: [{ name: 'main' }] }],
    ['may gain privileges', { containers: [container] }],
    ['may write to its root file system', { containers: [container] }],
    ['is of a forbidden type', { volumes: [{ name: 'node', hostPath: { path: '/' } }] }],
    ['shares a namespace with its node', { hostNetwork: true }],
    ['takes a port of its node', { containers: [{ name: 'main', ports: [{ hostPort: 80 }] }] }],
    ['gets a service account token', { automountServiceAccountToken: undefined }],
  ] as const) {
    it(`finds a pod that ${weakness}`, async () => {
      const { spec } = await pod();
      expect(violations({ ...spec, ...change } as unknown as PodSpec).join()).to.include(weakness);
    });
  }
});
