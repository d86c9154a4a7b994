import { readFileSync } from 'node:fs';
import * as pulumi from '@pulumi/pulumi';
import { expect } from 'chai';
import { loadSettings, parseSettings } from '../config.ts';
import { runStack } from './support/mocks.ts';
import { stackFile } from './support/program.ts';

/** The least that a stack file must say. */
const least = { cloud: 'local', kubernetes: { context: 'kind' } };

/** The whole message that settings are refused with. */
function refusal(settings: Record<string, unknown>): string {
  try {
    parseSettings(settings);
  } catch (error) {
    expect(pulumi.RunError.isInstance(error), 'a message without a stack trace').to.equal(true);
    return (error as Error).message;
  }
  throw new Error('the settings were accepted');
}

/** The one mistake in settings that are fine but for these. */
function mistake(settings: Record<string, unknown>): string {
  const [title, text = '', ...more] = refusal({ ...least, ...settings }).split('\n');
  expect(title).to.equal('1 mistake in the configuration of this stack:');
  expect(more).to.deep.equal([]);
  return text.trim();
}

describe('settings', () => {
  it('have a default for all but the cloud and the context', () => {
    const probe = (periodSeconds: number, failureThreshold: number) => ({
      periodSeconds,
      timeoutSeconds: 10,
      failureThreshold,
    });
    expect(parseSettings(least)).to.deep.equal({
      ...least,
      namespace: { name: 'mlflow', create: true },
      dataProtection: 'delete',
      artifactStore: { kind: 'pvc', size: '10Gi', accessMode: 'ReadWriteOnce' },
      backendStore: {
        kind: 'postgres',
        size: '10Gi',
        image: 'docker.io/library/postgres:15.18',
        resources: { requests: { cpu: '250m', memory: '256Mi' }, limits: { memory: '512Mi' } },
        maxConnections: 100,
        timeoutSeconds: 300,
      },
      server: {
        image: { repository: 'ghcr.io/mlflow/mlflow', tag: 'v3.17.2-full', pullPolicy: 'IfNotPresent' },
        workers: 1,
        resources: { requests: { cpu: '500m', memory: '1.5Gi' }, limits: { memory: '3Gi' } },
        jobs: false,
        tmpSize: '2Gi',
        rbac: { rules: [], clusterRules: [] },
        runAsUser: 1000,
        service: { type: 'ClusterIP', port: 5000, annotations: {} },
        probes: {
          startup: probe(2, 150),
          readiness: probe(10, 3),
          liveness: probe(20, 6),
          readinessPath: 'health',
        },
        timeoutSeconds: 600,
      },
      migrations: { enabled: true, runId: '' },
      ingress: { enabled: false, hosts: [], port: 80, annotations: {} },
      gc: {
        enabled: true,
        schedule: '0 2 * * 0',
        timeZone: 'Etc/UTC',
        olderThan: '30d',
        suspend: false,
        jobs: false,
      },
    });
  });

  it('keep the defaults of a section of which only a part is given', () => {
    const { server } = parseSettings({ ...least, server: { probes: { startup: { periodSeconds: 5 } } } });
    expect(server.probes.startup).to.deep.equal({
      periodSeconds: 5,
      timeoutSeconds: 10,
      failureThreshold: 150,
    });
    expect(server.workers).to.equal(1);
  });

  it('cannot be changed once they are read', () => {
    const settings = parseSettings({ ...least, ingress: { hosts: ['a.example'] } });
    for (const part of [settings, settings.server.probes.startup, settings.ingress.hosts]) {
      expect(Object.isFrozen(part)).to.equal(true);
    }
  });

  it('are read from the configuration of this project and no other', async () => {
    const settings = { ...stackFile('Pulumi.local.yaml'), 'kubernetes:context': 'other', 'aws:region': 'x' };
    await runStack(
      () => {
        const { cloud, kubernetes, ingress } = loadSettings();
        expect({ cloud, ...kubernetes }).to.deep.equal({ cloud: 'local', context: 'mlflow-stack' });
        expect(ingress).to.deep.include({ enabled: true, hosts: ['mlflow.localhost'] });
      },
      { settings },
    );
  });

  it('are all in the configuration reference', () => {
    const reference = readFileSync('docs/configuration.md', 'utf8');
    const keys = (value: unknown): string[] =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value).flatMap(([key, item]) => [key, ...keys(item)])
        : [];
    for (const key of new Set(keys(parseSettings(least))))
      expect(reference, key).to.match(new RegExp(`\\b${key}\\b`));
  });

  for (const settings of [
    { server: { runAsUser: 'none' } },
    { server: { resources: { limits: { cpu: 2 } } } },
    { server: { image: { tag: '3.17.2' } } },
    { server: { image: { digest: `sha256:${'0'.repeat(64)}` } } },
    { ingress: { enabled: true, hosts: ['mlflow.localhost', '1.2.3.4', 'xn--bcher-kva.example'] } },
    { gc: { olderThan: 'all' } },
    { gc: { olderThan: '1d12h' } },
    { gc: { olderThan: '90m' } },
    { gc: { schedule: '@weekly' } },
    { gc: { schedule: '*/5 0-3 1,15 * MON' } },
    { gc: { timeZone: 'Europe/Berlin' } },
    { backendStore: { image: `postgres@sha256:${'0'.repeat(64)}` } },
    { backendStore: { password: 'correct horse battery staple' } },
    { migrations: { runId: '2026-11-24' } },
  ]) {
    it(`allow ${JSON.stringify(settings)}`, () => void parseSettings({ ...least, ...settings }));
  }
});

describe('a mistake in the settings', () => {
  it('is told together with all others, in one message', () => {
    expect(
      refusal({
        cloud: 'azure',
        kubernets: { context: 'kind' },
        server: { workers: 0, image: { tag: 'latest' } },
        ingress: { host: 'a.example', hosts: ['https://a.example'] },
        zzz: 1,
      }).split('\n'),
    ).to.have.members([
      '8 mistakes in the configuration of this stack:',
      '  mlflow-stack:cloud is "azure"; allowed: one of local',
      '  mlflow-stack:kubernetes is missing; allowed: a section with the keys context, kubeconfig',
      '  mlflow-stack:server.image.tag is "latest"; allowed: a tag that begins with the MLflow version, such as v3.17.2-full ("latest" is refused)',
      '  mlflow-stack:server.workers is 0; allowed: a whole number from 1 to 64',
      '  mlflow-stack:ingress.hosts[0] is "https://a.example"; allowed: a lower-case host name such as mlflow.example.com, without scheme, port or path',
      '  mlflow-stack:ingress.host is not known (did you mean hosts?); known keys: enabled, className, hosts, port, annotations',
      '  mlflow-stack:kubernets is not known (did you mean kubernetes?); known keys: cloud, kubernetes, namespace, dataProtection, artifactStore, backendStore, server, migrations, ingress, gc',
      '  mlflow-stack:zzz is not known; known keys: cloud, kubernetes, namespace, dataProtection, artifactStore, backendStore, server, migrations, ingress, gc',
    ]);
  });

  for (const [settings, text] of [
    [{ kubernetes: {} }, 'kubernetes.context is missing; allowed: the name of a context in your kubeconfig'],
    [
      { kubernetes: { context: '' } },
      'kubernetes.context is ""; allowed: the name of a context in your kubeconfig',
    ],
    [
      { kubernetes: 'kind' },
      'kubernetes is not acceptable; allowed: a section with the keys context, kubeconfig',
    ],
    [{ dataProtection: 'keep' }, 'dataProtection is "keep"; allowed: one of delete, retain, protect'],
    [
      { server: { probes: { startup: { periodSecond: 1 } } } },
      'server.probes.startup.periodSecond is not known (did you mean periodSeconds?); known keys: periodSeconds, timeoutSeconds, failureThreshold',
    ],
    [
      { artifactStore: { size: '10GB' } },
      'artifactStore.size is "10GB"; allowed: a Kubernetes quantity such as 512Mi or 10Gi',
    ],
    [
      { artifactStore: { size: 10 } },
      'artifactStore.size is 10; allowed: a Kubernetes quantity such as 512Mi or 10Gi',
    ],
    [
      { server: { resources: { requests: { cpu: '500Mi' } } } },
      'server.resources.requests.cpu is "500Mi"; allowed: a Kubernetes quantity such as 250m or "1"',
    ],
    [{ server: { runAsUser: 'root' } }, 'server.runAsUser is "root"; allowed: a user id above 0, or none'],
    [
      { server: { probes: { liveness: { timeoutSeconds: 1 } } } },
      'server.probes.liveness.timeoutSeconds is 1; allowed: a whole number from 5 to 60',
    ],
    [{ gc: { enabled: 'yes' } }, 'gc.enabled is "yes"; allowed: true or false'],
    [
      { gc: { timeZone: 'Berlin' } },
      'gc.timeZone is "Berlin"; allowed: an IANA time zone such as Etc/UTC or Europe/Berlin',
    ],
    [{ gc: { olderThan: '30' } }, 'gc.olderThan is "30"; allowed: an age such as 30d or 1d12h, or all'],
    [{ gc: { olderThan: '' } }, 'gc.olderThan is ""; allowed: an age such as 30d or 1d12h, or all'],
    [
      { gc: { schedule: '0 2 * *' } },
      'gc.schedule is "0 2 * *"; allowed: five cron fields such as "0 2 * * 0", or @weekly and the like',
    ],
    [
      { namespace: { name: 'Team_A' } },
      'namespace.name is "Team_A"; allowed: at most 63 lower-case letters, digits and hyphens, beginning with a letter',
    ],
    [{ ingress: { hosts: 'a.example' } }, 'ingress.hosts is "a.example"; allowed: a list of host names'],
    [
      { ingress: { enabled: true } },
      'ingress.hosts is empty; an Ingress needs at least one host, such as mlflow.example.com',
    ],
    [
      { ingress: { hosts: ['a.example', 'b.example', 'a.example'] } },
      'ingress.hosts names a.example more than once; name each host once',
    ],
    [
      { server: { resources: { requests: { memory: '4Gi' } } } },
      'server.resources.requests.memory is 4Gi, more than limits.memory, 3Gi; raise the limit or lower the request',
    ],
    [
      { backendStore: { resources: { requests: { cpu: '1.5' }, limits: { cpu: 1 } } } },
      'backendStore.resources.requests.cpu is 1.5, more than limits.cpu, 1; raise the limit or lower the request',
    ],
    [
      { backendStore: { password: 'mlflow1234567890' } },
      'backendStore.password is a well-known password; leave it out to have one generated',
    ],
  ] as const) {
    it(`is told with key, value and remedy: ${text.split(';')[0] ?? ''}`, () => {
      expect(mistake(settings)).to.equal(`mlflow-stack:${text}`);
    });
  }

  for (const password of [
    'hunter2',
    1234567890123456,
    ['a-long-secret-in-a-list'],
    { value: 'a-long-secret' },
  ]) {
    it(`never shows a password (${typeof password})`, () => {
      const text = mistake({ backendStore: { password } });
      expect(text).to.match(/^mlflow-stack:backendStore\.password is not acceptable; allowed: /);
      expect(text).not.to.match(/hunter2|1234|long-secret/);
    });
  }

  it('ends the program before anything is registered', async () => {
    const settings = { 'mlflow-stack:cloud': 'local' };
    const error = await runStack(() => loadSettings(), { settings }).catch((reason: unknown) => reason);
    expect((error as Error).message).to.include('mlflow-stack:kubernetes is missing');
  });
});
