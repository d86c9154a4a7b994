import { expect } from 'chai';
import { parseSettings } from '../../config.ts';
import {
  type ConnectionDemand,
  canRoll,
  connectionPlan,
  connectionSummary,
} from '../../lib/connection-budget.ts';

const least: ConnectionDemand = {
  backendStore: { kind: 'postgres', maxConnections: 100 },
  artifactStore: { kind: 's3Compatible', accessMode: 'ReadWriteOnce' },
  server: { replicas: 1, workers: 1, jobs: false },
  autoscaling: { enabled: false, kind: 'horizontal', max: 4 },
  auth: { kind: 'none' },
  workspaces: { enabled: false },
};

function demand({
  server,
  autoscaling,
  ...changes
}: {
  readonly server?: Partial<ConnectionDemand['server']>;
  readonly autoscaling?: Partial<ConnectionDemand['autoscaling']>;
} & Partial<Omit<ConnectionDemand, 'server' | 'autoscaling'>> = {}): ConnectionDemand {
  return {
    ...least,
    ...changes,
    server: { ...least.server, ...server },
    autoscaling: { ...least.autoscaling, ...autoscaling },
  };
}

describe('the connection plan', () => {
  // Worked out by hand: pods x (workers x stores x (pool + overflow) + those of the parent process) + 5 for jobs.
  for (const [title, changes, poolSize, maxOverflow, arithmetic] of [
    [
      'gives a small server the largest pools',
      {},
      5,
      10,
      '2 pods x (1 workers x 2 stores x (5 + 10) + 3) + 5 for jobs = 71',
    ],
    [
      'counts one pod where old and new never overlap',
      { artifactStore: { kind: 'pvc', accessMode: 'ReadWriteOnce' } },
      5,
      10,
      '1 pods x (1 workers x 2 stores x (5 + 10) + 3) + 5 for jobs = 38',
    ],
    [
      'makes pools smaller for several pods',
      { server: { replicas: 3 } },
      5,
      5,
      '4 pods x (1 workers x 2 stores x (5 + 5) + 3) + 5 for jobs = 97',
    ],
    [
      'counts the most pods that an autoscaler may make',
      { autoscaling: { enabled: true, max: 4 } },
      3,
      4,
      '5 pods x (1 workers x 2 stores x (3 + 4) + 3) + 5 for jobs = 90',
    ],
    [
      'does not count what a vertical autoscaler cannot make',
      { autoscaling: { enabled: true, kind: 'vertical', max: 4 } },
      5,
      10,
      '2 pods x (1 workers x 2 stores x (5 + 10) + 3) + 5 for jobs = 71',
    ],
    [
      'counts a store each for users, workspaces and jobs',
      { auth: { kind: 'basic' }, workspaces: { enabled: true }, server: { jobs: true } },
      4,
      4,
      '2 pods x (1 workers x 5 stores x (4 + 4) + 4) + 5 for jobs = 93',
    ],
    [
      'counts the users of a plug-in where the stack keeps them',
      { auth: { kind: 'plugin', plugin: { appName: 'oidc-auth' } }, server: { workers: 4 } },
      1,
      2,
      '2 pods x (4 workers x 3 stores x (1 + 2) + 4) + 5 for jobs = 85',
    ],
    [
      'counts no users where a proxy asks for them',
      { auth: { kind: 'oauth2Proxy' }, server: { workers: 4 } },
      2,
      3,
      '2 pods x (4 workers x 2 stores x (2 + 3) + 3) + 5 for jobs = 91',
    ],
    [
      'counts every worker',
      { server: { workers: 4 } },
      2,
      3,
      '2 pods x (4 workers x 2 stores x (2 + 3) + 3) + 5 for jobs = 91',
    ],
    [
      'keeps what was set by hand, though it may be too much',
      { server: { replicas: 3, poolSize: 20, maxOverflow: 1 } },
      20,
      1,
      '4 pods x (1 workers x 2 stores x (20 + 1) + 3) + 5 for jobs = 185',
    ],
    [
      'fits the overflow to a pool that was set by hand',
      { server: { replicas: 3, poolSize: 7 } },
      7,
      3,
      '4 pods x (1 workers x 2 stores x (7 + 3) + 3) + 5 for jobs = 97',
    ],
    [
      'fits the pool to an overflow that was set by hand',
      { server: { replicas: 3, maxOverflow: 8 } },
      2,
      8,
      '4 pods x (1 workers x 2 stores x (2 + 8) + 3) + 5 for jobs = 97',
    ],
    [
      'never makes a pool empty, which MLflow would take for its own default',
      { server: { replicas: 20 } },
      1,
      1,
      '21 pods x (1 workers x 2 stores x (1 + 1) + 3) + 5 for jobs = 152',
    ],
  ] as const) {
    it(title, () => {
      const plan = connectionPlan(demand(changes));
      expect(plan).to.include({ poolSize, maxOverflow, arithmetic, available: 97 });
      expect(arithmetic).to.match(new RegExp(` = ${plan.most}$`));
    });
  }

  it('never opens more than there are, unless the stack is refused', () => {
    let accepted = 0;
    for (const replicas of [1, 2, 3, 5, 8])
      for (const workers of [1, 2, 4])
        for (const maxConnections of [20, 50, 100, 200])
          for (const kind of ['none', 'basic'])
            for (const jobs of replicas > 1 ? [false] : [false, true]) {
              const settings = {
                cloud: 'local',
                kubernetes: { context: 'kind' },
                artifactStore: { kind: 's3Compatible' },
                backendStore: { maxConnections },
                server: { replicas, workers, jobs },
                auth: { kind },
              };
              const { most, available } = connectionPlan(
                demand({
                  server: { replicas, workers, jobs },
                  backendStore: { kind: 'postgres', maxConnections },
                  auth: { kind },
                }),
              );
              const parse = () => parseSettings(settings);
              if (most > available) expect(parse).to.throw(`the stack may open`);
              else {
                expect(connectionSummary(parse())).to.deep.equal({ most, available });
                accepted += 1;
              }
            }
    expect(accepted).to.be.above(50);
  });

  it('is of no concern to a file', () => {
    const backendStore = { kind: 'sqlite', maxConnections: 100 };
    expect(connectionSummary(demand({ backendStore }))).to.equal(undefined);
  });
});

describe('old and new pods', () => {
  for (const [backendKind, kind, accessMode, expected] of [
    ['postgres', 'pvc', 'ReadWriteOnce', false],
    ['postgres', 'pvc', 'ReadWriteMany', true],
    ['external', 's3Compatible', 'ReadWriteOnce', true],
    ['postgres', 'external', 'ReadWriteOnce', true],
    ['sqlite', 's3Compatible', 'ReadWriteOnce', false],
    ['sqlite', 'pvc', 'ReadWriteMany', false],
  ] as const) {
    it(`${expected ? 'can' : 'cannot'} overlap with ${backendKind} and ${kind} (${accessMode})`, () => {
      const backendStore = { kind: backendKind, maxConnections: 100 };
      expect(canRoll({ backendStore, artifactStore: { kind, accessMode } })).to.equal(expected);
    });
  }
});
