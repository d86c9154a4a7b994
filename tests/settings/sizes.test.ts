import { expect } from 'chai';
import { warnings } from '../../lib/warnings.ts';
import { settingsWith } from '../support/settings.ts';

describe('the size of a server', () => {
  for (const [size, workers, requests, memory, tmpSize] of [
    ['small', 1, { cpu: '250m', memory: '512Mi' }, '1Gi', '1Gi'],
    ['medium', 1, { cpu: '500m', memory: '1.5Gi' }, '3Gi', '2Gi'],
    ['large', 2, { cpu: '1', memory: '3Gi' }, '6Gi', '10Gi'],
  ] as const) {
    it(`${size} stands for workers, resources and space for transfers`, () => {
      const settings = settingsWith({ server: { size } });
      expect(settings.server).to.deep.include({ workers, tmpSize });
      expect(settings.server.resources).to.deep.equal({ requests, limits: { cpu: undefined, memory } });
      expect(warnings(settings)).to.deep.equal([]);
    });
  }

  it('gives way to each value that is set', () => {
    const { server } = settingsWith({
      server: {
        size: 'large',
        workers: 1,
        tmpSize: '5Gi',
        resources: { requests: { cpu: 2 }, limits: { cpu: 4, memory: '8Gi' } },
      },
    });
    expect(server).to.deep.include({ workers: 1, tmpSize: '5Gi' });
    expect(server.resources).to.deep.equal({
      requests: { cpu: '2', memory: '3Gi' },
      limits: { cpu: '4', memory: '8Gi' },
    });
  });

  it('decides how many connections the pools may hold', () => {
    const pools = (settings: object) => {
      const { poolSize, maxOverflow } = settingsWith(settings).server;
      return [poolSize, maxOverflow];
    };
    expect(pools({})).to.deep.equal([5, 10]);
    expect(pools({ backendStore: { maxConnections: 30 } })).to.deep.equal([4, 5]);
    expect(pools({ server: { poolSize: 2, maxOverflow: 3 } })).to.deep.equal([2, 3]);
  });
});

describe('availability high', () => {
  const bucket = { artifactStore: { kind: 's3Compatible' } };

  it('makes two pods or more', () => {
    const { server, autoscaling } = settingsWith({ ...bucket, availability: 'high' });
    expect(server).to.include({ replicas: 2, maxUnavailable: 1, spread: true });
    expect(autoscaling).to.include({ enabled: true, kind: 'horizontal', min: 2, max: 4 });
  });

  it('gives way to each value that is set', () => {
    const changes = { server: { replicas: 3 }, autoscaling: { enabled: false } };
    const { server, autoscaling } = settingsWith({ ...bucket, availability: 'high', ...changes });
    expect(server.replicas).to.equal(3);
    expect(autoscaling.enabled).to.equal(false);
  });
});

describe('an autoscaler', () => {
  const autoscaling = (changes: object, server: object = {}) =>
    settingsWith({
      artifactStore: { kind: 's3Compatible' },
      server,
      autoscaling: { enabled: true, ...changes },
    }).autoscaling;

  it('goes from the replicas to twice as many', () => {
    expect(autoscaling({}, { replicas: 2 })).to.include({ min: 2, max: 4 });
    expect(autoscaling({ min: 2 })).to.include({ min: 2, max: 4 });
    expect(autoscaling({ max: 7 })).to.include({ min: 1, max: 7 });
  });
});
