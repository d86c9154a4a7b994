import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { diagnose, obstacleToPods } from '../../tools/doctor/diagnose.ts';
import { type Finding, commandsFor, findingIds } from '../../tools/doctor/finding.ts';
import { type Check, checkFindings, readChecks } from '../../tools/doctor/inside.ts';
import type { Observation } from '../../tools/lib/observation.ts';
import { settingsWith } from '../support/settings.ts';
import {
  claim,
  endpoints,
  job,
  now,
  observation,
  pod,
  unschedulable,
  waiting,
  warning,
} from './support/observation.ts';

const commands = commandsFor('prod', 'ctx', 'mlflow', false);

function found(changes: Partial<Observation> = {}, settings: object = {}, waitingPods = {}): Finding[] {
  const seen = observation(changes);
  return diagnose({ seen, settings: settingsWith(settings), commands, waiting: waitingPods, now });
}

const server = (status: object) => ({ pods: [pod('mlflow-a', 'tracking-server', status)] });
const secretName = 'my-secret';
const passwordFrom = { backendStore: { passwordFrom: { secretName, key: 'pw' } } };

describe('the doctor, from outside', () => {
  it('finds nothing in a stack that is well', () => {
    expect(found()).to.deep.equal([]);
  });

  for (const [title, changes, expected, settings = {}, logs = {}] of [
    [
      'a Secret of the user that is missing',
      server(waiting('CreateContainerConfigError', `secret "${secretName}" not found`)),
      ['secret-missing', 'create what mlflow-stack:backendStore.passwordFrom names'],
      passwordFrom,
    ],
    [
      'a key that is missing in one',
      server(waiting('CreateContainerConfigError', `couldn't find key pw in Secret mlflow/${secretName}`)),
      ['secret-missing', 'npm run verify-secret -- --stack prod'],
      passwordFrom,
    ],
    [
      'a Secret of the stack itself that somebody deleted',
      server(waiting('CreateContainerConfigError', 'secret "mlflow-keys" not found')),
      ['secret-missing', 'npm run pulumi -- up --refresh --stack prod'],
    ],
    [
      'a Secret that a volume wants',
      {
        ...server(waiting('ContainerCreating')),
        warnings: [
          warning(
            'Pod',
            'mlflow-a',
            'FailedMount',
            'MountVolume.SetUp failed for volume "tls" : secret "tls" not found',
          ),
        ],
      },
      ['secret-missing', 'up'],
    ],
    [
      'a volume that cannot be mounted',
      {
        ...server(waiting('ContainerCreating')),
        warnings: [warning('Pod', 'mlflow-a', 'FailedAttachVolume', 'Multi-Attach error for volume "pvc-1"')],
      },
      ['volume-mount', 'kubectl --context ctx --namespace mlflow describe pod mlflow-a'],
    ],
    [
      'an image that cannot be pulled',
      server(waiting('ImagePullBackOff', 'Back-off pulling image "x"')),
      ['image-pull', 'mlflow-stack:server.image,'],
    ],
    [
      'the same of the database',
      { pods: [pod('mlflow-postgres-0', 'postgres', waiting('ErrImagePull', 'not found'))] },
      ['image-pull', 'mlflow-stack:backendStore.image,'],
    ],
    [
      'a container that the node refuses',
      server(waiting('CreateContainerConfigError', 'container has runAsNonRoot and image will run as root')),
      ['container-config', 'describe pod mlflow-a'],
    ],
    [
      'a server that needs more memory',
      server(waiting('CrashLoopBackOff', '', { exitCode: 137, reason: 'OOMKilled' })),
      ['out-of-memory', 'mlflow-stack:server.resources.limits.memory'],
    ],
    [
      'the same of the S3 server',
      {
        pods: [
          pod(
            'mlflow-artifacts-0',
            's3',
            waiting('CrashLoopBackOff', '', { exitCode: 137, reason: 'OOMKilled' }),
          ),
        ],
      },
      ['out-of-memory', 'mlflow-stack:artifactStore.resources.limits.memory'],
    ],
    [
      'a crash',
      server(waiting('CrashLoopBackOff', '', { exitCode: 2, message: 'Error: no such option' })),
      ['crash', 'npm run logs -- server --stack prod --previous'],
    ],
    [
      'a password that the database refuses',
      server(
        waiting('CrashLoopBackOff', '', {
          exitCode: 1,
          message:
            'the database at db:5432 refuses this pod: FATAL: password authentication failed for user "mlflow"',
        }),
      ),
      ['database-login', `correct Secret "${secretName}"`],
      passwordFrom,
    ],
    [
      'a generated password that the database does not know',
      server(
        waiting('CrashLoopBackOff', '', {
          exitCode: 1,
          message: 'the database at db refuses: Access denied',
        }),
      ),
      ['database-login', 'rollout restart statefulset/mlflow-postgres'],
    ],
    [
      'a certificate that nobody vouches for',
      server(
        waiting('CrashLoopBackOff', '', {
          exitCode: 1,
          message: 'the database at db: certificate verify failed',
        }),
      ),
      ['database-login', 'mlflow-stack:server.caBundle'],
    ],
    [
      'a database that does not answer',
      server({
        phase: 'Pending',
        initContainerStatuses: [{ name: 'wait-for-database', state: { running: {} } }],
      }),
      ['database-unreachable', 'npm run logs -- database --stack prod'],
      {},
      { 'mlflow-a': 'waiting for the database at mlflow-postgres.mlflow.svc:5432: Connection refused' },
    ],
    [
      'a cluster without room',
      server(unschedulable('0/3 nodes are available: 3 Insufficient memory.')),
      ['no-room', 'mlflow-stack:server.resources.requests'],
    ],
    [
      'a node that nobody has',
      server(unschedulable("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.")),
      ['unschedulable', 'describe pod mlflow-a'],
    ],
    [
      'a server that does not answer its probes',
      {
        ...server({ phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] }),
        warnings: [warning('Pod', 'mlflow-a', 'Unhealthy', 'Readiness probe failed: connection refused')],
      },
      ['not-answering', 'npm run logs -- server --stack prod'],
    ],
    [
      'a class of storage that is not there',
      { claims: [claim('mlflow-postgres', 'postgres', 'Pending', { storageClassName: 'fast' })] },
      ['claim-pending', 'name one of standard in mlflow-stack:backendStore.storageClassName'],
    ],
    [
      'such a class for backups',
      { claims: [claim('mlflow-backups', 'backup', 'Pending', { storageClassName: 'fast' })] },
      ['claim-pending', 'name one of standard in mlflow-stack:backup.storageClassName'],
    ],
    [
      'a cluster without a default class',
      {
        claims: [claim('mlflow-artifacts', 'artifact-store', 'Pending', { storageClassName: undefined })],
        storageClasses: [],
      },
      ['claim-pending', 'mlflow-stack:artifactStore.storageClassName'],
    ],
    [
      'a claim that no volume fits',
      { claims: [claim('mlflow-artifacts', 'artifact-store', 'Pending', { storageClassName: '' })] },
      ['claim-pending', 'describe persistentvolumeclaim mlflow-artifacts'],
    ],
    [
      'too little storage',
      {
        claims: [claim('mlflow-artifacts', 'artifact-store', 'Pending')],
        warnings: [
          warning(
            'PersistentVolumeClaim',
            'mlflow-artifacts',
            'ProvisioningFailed',
            'not enough free space for 10Gi',
          ),
        ],
      },
      ['claim-pending', 'lower mlflow-stack:artifactStore.size (10Gi)'],
    ],
    [
      'a provisioner that does not run',
      {
        claims: [
          claim(
            'mlflow-postgres',
            'postgres',
            'Pending',
            {},
            {
              annotations: { 'volume.kubernetes.io/selected-node': 'node-1' },
            },
          ),
        ],
      },
      ['claim-pending', 'describe persistentvolumeclaim'],
    ],
    [
      'a volume that is gone',
      { claims: [claim('mlflow-postgres', 'postgres', 'Lost')] },
      ['claim-lost', 'describe persistentvolumeclaim mlflow-postgres'],
    ],
    [
      'a migration that failed, with its last lines',
      {
        jobs: [job('mlflow-migration-2', 'migration', { type: 'Failed', message: 'too often' })],
        pods: [
          pod(
            'mlflow-migration-2-x',
            'migration',
            {
              phase: 'Failed',
              containerStatuses: [
                {
                  name: 'migration',
                  state: { terminated: { exitCode: 1, message: 'holds tables but no MLflow schema' } },
                },
              ],
            },
            {
              labels: {
                'app.kubernetes.io/component': 'migration',
                'batch.kubernetes.io/job-name': 'mlflow-migration-2',
              },
            },
          ),
        ],
      },
      ['migration-failed', 'up --refresh'],
    ],
    [
      'garbage collection that failed',
      { jobs: [job('mlflow-gc-2', 'gc', { type: 'Failed', message: 'the store did not answer' })] },
      ['job-failed', 'npm run logs -- gc --stack prod'],
    ],
    [
      'a quota that is used up',
      {
        pods: [],
        statefulSets: [{ metadata: { name: 'mlflow-postgres' }, spec: { replicas: 1 } }],
        warnings: [
          warning('StatefulSet', 'mlflow-postgres', 'FailedCreate', 'forbidden: exceeded quota: small'),
        ],
      },
      ['pods-refused', 'describe resourcequota'],
    ],
    ['a server that is not there', { server: undefined }, ['server-missing', 'up --refresh']],
    [
      'a Service that nobody answers for',
      { endpoints: [endpoints('mlflow', false), endpoints('mlflow-postgres')] },
      ['no-endpoints', 'get pods --selector app.kubernetes.io/component=tracking-server'],
    ],
    [
      'an Ingress without address',
      {
        ingresses: [
          { metadata: { name: 'mlflow-ingress' }, spec: { ingressClassName: 'nginx' }, status: {} },
        ],
      },
      ['no-address', 'describe ingress mlflow-ingress'],
    ],
    [
      'a route that its Gateway refuses',
      {
        routes: [
          {
            metadata: { name: 'mlflow' },
            spec: {},
            status: {
              parents: [
                {
                  parentRef: { name: 'gate' },
                  conditions: [{ type: 'Accepted', status: 'False', message: 'no such listener' }],
                },
              ],
            },
          },
        ],
      },
      ['route-refused', 'describe httproute mlflow'],
    ],
    [
      'a node under pressure',
      {
        nodes: [
          { metadata: { name: 'n' }, status: { conditions: [{ type: 'DiskPressure', status: 'True' }] } },
        ],
      },
      ['node-pressure', 'describe node n'],
    ],
    ['pods that sleep', {}, ['diagnostic-mode', 'set it to false'], { server: { diagnosticMode: true } }],
  ] as [string, Partial<Observation>, [string, string], object?, object?][]) {
    it(`names ${title}, and what to do`, () => {
      const [finding, ...others] = found(changes, settings, logs);
      expect(others).to.deep.equal([]);
      expect(finding?.id).to.equal(expected[0]);
      expect(finding?.next).to.include(expected[1]);
      expect(finding?.cause).not.to.equal('');
    });
  }

  it('names one cause of several pods once, and not what follows from it', () => {
    const status = waiting('CreateContainerConfigError', 'secret "x" not found');
    const seen = {
      pods: [pod('mlflow-a', 'tracking-server', status), pod('mlflow-b', 'tracking-server', status)],
      endpoints: [],
    };
    expect(found(seen).map(({ what }) => what)).to.deep.equal(['pod mlflow-a does not start']);
  });

  it('blames the claim and not the pod that waits for it', () => {
    const findings = found({
      ...server(unschedulable('0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.')),
      claims: [claim('mlflow-artifacts', 'artifact-store', 'Pending', { storageClassName: 'fast' })],
    });
    expect(findings.map(({ id }) => id)).to.deep.equal(['claim-pending']);
    expect(obstacleToPods(findings)?.id).to.equal('claim-pending');
  });

  it('leaves the pods of Jobs that have ended to their Jobs', () => {
    const status = {
      phase: 'Failed',
      containerStatuses: [{ name: 'gc', state: { terminated: { exitCode: 1 } } }],
    };
    expect(found({ pods: [pod('mlflow-gc-1-x', 'gc', status)] })).to.deep.equal([]);
  });
});

describe('the doctor, from inside', () => {
  const database = 'database mlflow at db:5432';
  const bucket = 'artifact store s3://b/p';
  const failed = (store: string, check: string, detail: string): Check => ({
    store,
    check,
    ok: false,
    detail,
  });

  for (const [check, id, next, settings = {}] of [
    [failed(database, 'port', 'Connection refused'), 'database-unreachable', 'logs -- database'],
    [failed(database, 'port', 'Network is unreachable'), 'database-unreachable', 'mlflow-stack:backendStore'],
    [
      failed(database, 'log-in', 'FATAL: password authentication failed'),
      'database-login',
      secretName,
      passwordFrom,
    ],
    [failed(database, 'log-in', 'too many connections'), 'database-login', 'mlflow-stack:backendStore'],
    [
      failed(database, 'schema', 'it has revision a, and this image wants b'),
      'database-schema',
      'migrations.runId',
    ],
    [failed(bucket, 'port', 'timed out'), 'artifacts-unreachable', 'objectStoreCidrs'],
    [
      failed(bucket, 'write', 'An error occurred (AccessDenied) when calling PutObject'),
      'artifacts-denied',
      'rights',
    ],
    [
      failed(bucket, 'identity', 'no identity: the pod has neither a role nor a key'),
      'artifacts-denied',
      'identity',
    ],
    [
      failed(bucket, 'write', 'NoSuchBucket: The specified bucket does not exist'),
      'artifacts-bucket-missing',
      'create',
    ],
    [failed(bucket, 'write', 'No space left on device'), 'storage-full', 'artifactStore.size'],
    [failed(bucket, 'delete', 'what was deleted is still listed'), 'artifacts-failed', 'logs -- server'],
  ] as [Check, string, string, object?][]) {
    it(`takes "${check.check}: ${check.detail}" for ${id}`, () => {
      const [finding] = checkFindings([check], settingsWith(settings), commands);
      expect(finding?.id).to.equal(id);
      expect(finding?.next).to.include(next);
      expect(finding?.cause).to.include(check.detail);
    });
  }

  it('reads its lines among others', () => {
    const line = '{"check": "port", "detail": "d", "ok": true, "store": "s"}';
    expect(readChecks(`2026 INFO mlflow\n${line}\n{"other": 1}\n`)).to.deep.equal([
      { check: 'port', detail: 'd', ok: true, store: 's' },
    ]);
    expect(checkFindings(readChecks(line), settingsWith(), commands)).to.deep.equal([]);
  });
});

describe('the page on operations', () => {
  it('has a line on each finding', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
    const lines = [...page.matchAll(/^\| <a name="([\w-]+)"><\/a>`([\w-]+)` +\|/gm)];
    for (const [, anchor, id] of lines) expect(anchor).to.equal(id);
    expect(lines.map(([, anchor]) => anchor)).to.have.members(findingIds);
  });
});
