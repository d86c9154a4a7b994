import { expect } from 'chai';
import { observe } from '../../tools/lib/observation.ts';
import { logSources } from '../../tools/lib/logs.ts';
import { statusOf, statusText } from '../../tools/lib/status.ts';
import { duration, table } from '../../tools/lib/text.ts';
import { ForbiddenError } from '../../cluster/client.ts';
import { settingsWith } from '../support/settings.ts';
import {
  claim,
  endpoints,
  job,
  now,
  observation,
  pod,
  ready,
  waiting,
  warning,
} from './support/observation.ts';

describe('npm run status', () => {
  it('is content with a stack that is well', () => {
    const status = statusOf(observation());
    expect(status).to.deep.include({
      ready: true,
      notReady: [],
      mlflowVersion: '3.17.2',
      schemaRevision: '0123456789ab',
    });
    expect(statusText(status, now).split('\n')).to.include.members([
      'Deployment mlflow            1/1    ready',
      'mlflow-a           tracking-server  1/1    Running  0         2h',
      'migration  mlflow-migration-1  succeeded  1h   with updates',
      'gc                                             0 2 * * 0',
      'MLflow 3.17.2 is ready (schema 0123456789ab).',
    ]);
  });

  const stopped = observation();
  for (const [title, changes, expected] of [
    ['no server', { server: undefined }, ['there is no server']],
    [
      'a server that is rolled out',
      {
        server: {
          ...observation().server,
          status: { observedGeneration: 2, replicas: 2, updatedReplicas: 1, availableReplicas: 1 },
        },
      },
      ['Deployment mlflow is rolling out: 1 of 1 pods are ready'],
    ],
    [
      'a server that was stopped',
      { server: { ...stopped.server, spec: { ...stopped.server?.spec, replicas: 0 } } },
      ['Deployment mlflow is stopped: it has no pods'],
    ],
    [
      'a database that is down',
      { statefulSets: [{ metadata: { name: 'mlflow-postgres' }, spec: {}, status: {} }] },
      ['StatefulSet mlflow-postgres is not ready: 0 of 1 pods are ready'],
    ],
    ['a claim without volume', { claims: [claim('files', 's3', 'Pending')] }, ['claim files is pending']],
    ['a claim that the first backup will use', { claims: [claim('backups', 'backup', 'Pending')] }, []],
    [
      'a claim that a backup waits for',
      {
        claims: [claim('backups', 'backup', 'Pending')],
        jobs: [job('backup-1', 'backup', { type: 'Suspended' })],
      },
      ['claim backups is pending'],
    ],
    [
      'a Service that nobody answers for',
      { endpoints: [endpoints('mlflow')] },
      ['no pod answers for Service mlflow-postgres'],
    ],
    [
      'a migration that failed',
      { jobs: [job('m-2', 'migration', { type: 'Failed' }), job('m-1', 'migration', { type: 'Complete' })] },
      ['the last migration (Job m-2) failed'],
    ],
    ['garbage collection that failed', { jobs: [job('gc-1', 'gc', { type: 'Failed' })] }, []],
  ] as [string, object, string[]][]) {
    it(`judges ${title}`, () => {
      const status = statusOf(observation(changes));
      expect(status.notReady).to.deep.equal(expected);
      expect(status.ready).to.equal(expected.length === 0);
      expect(statusText(status, now)).to.include(expected.map((each) => `✗ ${each}`).join('\n'));
    });
  }

  it('shows use, where it is measured, and the state of pods', () => {
    const status = statusOf(
      observation({
        pods: [
          pod('mlflow-a', 'tracking-server', waiting('CrashLoopBackOff')),
          pod('mlflow-b', 'tracking-server', {
            phase: 'Pending',
            initContainerStatuses: [{ name: 'wait-for-database', state: { running: {} } }],
          }),
          pod('mlflow-c', 'tracking-server', ready, { deletionTimestamp: '2026-01-01T11:00:00Z' }),
        ],
        usage: [
          {
            metadata: { name: 'mlflow-a' },
            containers: [
              { usage: { cpu: '1500000n', memory: '1024Ki' } },
              { usage: { cpu: '2m', memory: '3Mi' } },
            ],
          },
        ],
      }),
    );
    expect(status.pods.map(({ state }) => state)).to.deep.equal([
      'CrashLoopBackOff',
      'Init: wait-for-database',
      'Terminating',
    ]);
    expect(statusText(status, now)).to.match(/^mlflow-a .* 3 +4m +4Mi +2h$/m);
  });

  it('shows the newest warnings, and what it may not read', () => {
    const warnings = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) =>
      warning('Pod', name, 'BackOff', `of\n${name}`),
    );
    const text = statusText(statusOf(observation({ warnings, unreadable: ['nodes'] })), now);
    expect(text)
      .to.match(/^Pod a +1m +BackOff +of a$/m)
      .and.not.to.include('Pod f');
    expect(text).to.include('Your log-in may not read: nodes.');
  });

  it('reads no more than it may', async () => {
    const asked: string[] = [];
    const seen = await observe(
      {
        get: async (path) => {
          asked.push(path);
          if (path.includes('/nodes')) throw new ForbiddenError('no');
          return undefined;
        },
      },
      'prod',
      settingsWith(),
    );
    expect(seen.unreadable).to.deep.equal(['nodes']);
    expect(asked.filter((path) => path.includes('/pods?'))).to.deep.equal([
      '/api/v1/namespaces/mlflow/pods?labelSelector=app.kubernetes.io%2Finstance%3Dmlflow-stack.prod',
    ]);
    expect(asked.join()).not.to.include('httproutes');
  });
});

describe('npm run logs', () => {
  const ofJob = (name: string) => ({
    labels: { 'app.kubernetes.io/component': 'gc', 'batch.kubernetes.io/job-name': name },
  });
  const seen = observation({
    pods: [
      pod('gc-2-x', 'gc', ready, ofJob('gc-2')),
      pod('gc-2-y', 'gc', ready, ofJob('gc-2')),
      pod('gc-1-x', 'gc', ready, ofJob('gc-1')),
      pod('mlflow-a', 'tracking-server', waiting('CrashLoopBackOff')),
      pod('mlflow-postgres-0', 'postgres'),
    ],
  });
  const pods = (wanted: string[], previous = false) =>
    logSources(seen, wanted, previous).map(({ pod, container }) =>
      [pod, container].filter(Boolean).join('/'),
    );

  it('takes of Jobs the last run, and of others all pods', () => {
    expect(pods(['gc', 'server'])).to.deep.equal(['gc-2-x', 'gc-2-y', 'mlflow-a']);
    expect(pods(['database'])).to.deep.equal(['mlflow-postgres-0']);
    expect(pods([]))
      .to.deep.equal(pods(['all']))
      .and.to.have.lengthOf(4);
  });

  it('takes what was restarted for what was before', () => {
    expect(pods(['all'], true)).to.deep.equal(['mlflow-a/mlflow']);
  });

  it('says what there is, where nothing can be shown', () => {
    expect(() => pods(['postgers'])).to.throw(
      'The stack has no component postgers; did you mean database? There are: database, gc, migration, server, all',
    );
    expect(() => pods(['migration'])).to.throw('migration: there are no pods now');
    expect(() => pods(['database'], true)).to.throw('no container was restarted');
  });
});

describe('what commands print', () => {
  it('stands in columns, without colours where nobody sees them', () => {
    expect(
      table(
        ['A', 'LONG'],
        [
          ['longer', 'x'],
          ['y', ''],
        ],
      ),
    ).to.equal('A       LONG\nlonger  x\ny');
    expect(table(['A'], [])).to.equal('');
  });

  it('tells spans of time as short as can be', () => {
    expect([3, 61, 7200, 200_000].map((seconds) => duration(seconds * 1000))).to.deep.equal([
      '3s',
      '1m',
      '2h',
      '2d',
    ]);
  });
});
