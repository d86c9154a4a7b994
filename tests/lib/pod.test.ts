import { expect } from 'chai';
import { definedOnly, mlflowPodSpec, restrictedPod } from '../../lib/pod.ts';
import { waitForDatabaseScript } from '../../lib/scripts.ts';
import { backend } from '../support/args.ts';
import { type PodSpec, violations } from '../support/restricted.ts';

const args = {
  name: 'gc',
  image: 'mlflow:v3.17.2',
  imagePullPolicy: 'Always',
  serviceAccount: 'account',
  backend,
  command: ['mlflow', 'gc'],
  args: ['--older-than', '30d'],
  env: [{ name: 'EXTRA', value: '1' }],
  resources: { requests: { cpu: '1', memory: '2Gi' }, limits: { cpu: undefined, memory: '3Gi' } },
  tmpSize: '4Gi',
  runAsUser: 1000,
  volumes: [{ name: 'artifacts', emptyDir: {} }],
  volumeMounts: [{ name: 'artifacts', mountPath: '/mlflow' }],
  container: { ports: [{ name: 'http', containerPort: 5000 }] },
} as const;
const pod = (changes: object = {}) => mlflowPodSpec({ ...structuredClone(args), ...changes } as never);

describe('the pod recipe', () => {
  it('makes a restricted pod that waits for the database and knows it by libpq variables', () => {
    const env = [
      { name: 'HOME', value: '/tmp' },
      { name: 'MLFLOW_DISABLE_TELEMETRY', value: 'true' },
      { name: 'PGHOST', value: 'db.example' },
      { name: 'PGPORT', value: '6432' },
      { name: 'PGDATABASE', value: 'tracking' },
      { name: 'PGUSER', value: 'tracker' },
      { name: 'PGPASSWORD', valueFrom: { secretKeyRef: { name: 'db-secret', key: 'pw' } } },
      { name: 'PGSSLMODE', value: 'verify-full' },
      { name: 'PGAPPNAME', value: 'gc' },
      { name: 'PGCONNECT_TIMEOUT', value: '10' },
      { name: 'EXTRA', value: '1' },
    ];
    const shared = {
      image: 'mlflow:v3.17.2',
      imagePullPolicy: 'Always',
      env,
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      terminationMessagePolicy: 'FallbackToLogsOnError',
    };
    expect(pod()).to.deep.equal({
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
      initContainers: [
        {
          ...shared,
          name: 'wait-for-database',
          command: ['python3', '-c', waitForDatabaseScript],
          resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
          volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
        },
      ],
      containers: [
        {
          ...shared,
          name: 'gc',
          command: ['mlflow', 'gc'],
          args: ['--older-than', '30d'],
          resources: {
            requests: { cpu: '1', memory: '2Gi', 'ephemeral-storage': '4Gi' },
            limits: { memory: '3Gi' },
          },
          volumeMounts: [
            { name: 'tmp', mountPath: '/tmp' },
            { name: 'artifacts', mountPath: '/mlflow' },
          ],
          ports: [{ name: 'http', containerPort: 5000 }],
        },
      ],
      volumes: [
        { name: 'tmp', emptyDir: { sizeLimit: '4Gi' } },
        { name: 'artifacts', emptyDir: {} },
      ],
    });
  });

  it('leaves user and group to the cluster where the user says none, and still refuses root', () => {
    const { securityContext } = pod({ runAsUser: 'none' });
    expect(securityContext).to.deep.equal({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(violations(pod({ runAsUser: 'none' }) as PodSpec)).to.deep.equal([]);
    expect(restrictedPod('none')).to.deep.equal(securityContext);
  });

  it('passes limits on only where there are any', () => {
    expect(definedOnly({ cpu: undefined, memory: '1Gi' })).to.deep.equal({ memory: '1Gi' });
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
    it(`finds a pod that ${weakness}`, () => {
      expect(violations({ ...pod(), ...change } as unknown as PodSpec).join()).to.include(weakness);
    });
  }

  it('keeps /tmp on a claim that goes with the pod where a class is named for it', () => {
    const spec = pod({ tmpStorageClassName: 'fast' });
    expect((spec.volumes as object[])[0]).to.deep.equal({
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
});
