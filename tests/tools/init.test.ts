import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { parse } from 'yaml';
import { stackFile } from '../../tools/lib/engine.ts';
import { type Answers, QUESTIONS, complete, stackFileText } from '../../tools/lib/new-stack.ts';
import { documented } from '../support/documentation.ts';

const configOf = (file: string) => (parse(file) as { config: Record<string, unknown> }).config;

/** The stack file that answers and defaults make. */
async function made(answers: Answers) {
  return configOf(stackFileText(await complete(answers, async (_, { fallback }) => fallback)));
}

const key = (name: string) => `mlflow-stack:${name}`;

describe('npm run init', () => {
  it('writes what differs from the defaults', async () => {
    expect(await made({ stack: 'dev', context: 'kind-kind' })).to.deep.equal({
      [key('cloud')]: 'local',
      [key('kubernetes')]: { context: 'kind-kind' },
      [key('auth')]: { kind: 'basic' },
      [key('dataProtection')]: 'retain',
    });
  });

  it('knows clouds, ways in and several pods', async () => {
    const cluster = { 'cluster-stack': 'organization/mlflow-cluster/dev' };
    const cloud = {
      stack: 'dev',
      cloud: 'gcp',
      project: 'my-team-dev',
      region: 'europe-west1',
      network: 'ml',
    };
    const entry = { host: 'mlflow.example.com', 'ingress-class': 'nginx', issuer: 'letsencrypt' };
    const config = await made({ ...cloud, ...cluster, ...entry, availability: 'high', data: 'protect' });
    expect(config).to.deep.include({
      [key('kubernetes')]: { clusterStack: 'organization/mlflow-cluster/dev' },
      [key('gcp')]: { project: 'my-team-dev', region: 'europe-west1', network: 'ml' },
      [key('availability')]: 'high',
      [key('dataProtection')]: 'protect',
      [key('ingress')]: {
        enabled: true,
        className: 'nginx',
        hosts: ['mlflow.example.com'],
        certificate: { clusterIssuer: 'letsencrypt' },
      },
    });
    expect(config).not.to.have.property(key('artifactStore'));
    const eks = { region: 'eu-west-1', 'cluster-name': 'ml', subnets: 'subnet-0a1b2c3d,subnet-1a1b2c3d' };
    expect(await made({ stack: 'prod', cloud: 'aws', ...eks, ...cluster })).to.have.deep.property(
      key('aws'),
      {
        region: 'eu-west-1',
        clusterName: 'ml',
        subnetIds: ['subnet-0a1b2c3d', 'subnet-1a1b2c3d'],
      },
    );
  });

  it('gives several pods on any cluster artifacts that they can share', async () =>
    expect(await made({ stack: 'dev', context: 'kind', availability: 'high' })).to.have.deep.property(
      key('artifactStore'),
      { kind: 's3Compatible' },
    ));

  for (const [what, answers, mistakes] of [
    ['what is missing', {}, ['--stack NAME is missing', '--context NAME is missing']],
    ['what a cloud needs', { stack: 'dev', cloud: 'gcp' }, ['--project ID is missing', '--region REGION is']],
    ['a wrong word', { stack: 'd', context: 'k', auth: 'all' }, ['--auth is "all"; allowed: basic, none']],
    [
      'an answer to no question',
      { stack: 'd', context: 'k', issuer: 'x' },
      ['--issuer has no effect with the other answers'],
    ],
    [
      'what a preview would refuse',
      { stack: 'd', context: 'k', host: 'mlflow.example.com', auth: 'none' },
      ['auth.kind is none, but ingress lets in whoever comes from anywhere'],
    ],
  ] as const) {
    it(`tells ${what}`, async () => {
      const message = await made(answers).catch((error: unknown) => String(error));
      for (const mistake of mistakes) expect(message).to.include(mistake);
    });
  }

  it('asks each question at most once, and only those that matter', async () => {
    const asked: string[] = [];
    await complete({ context: 'kind' }, async (question, { fallback }) => {
      asked.push(question);
      return fallback ?? 'dev';
    });
    expect(asked).to.deep.equal(['stack', 'cloud', 'host', 'auth', 'availability', 'data']);
    expect(Object.keys(QUESTIONS)).to.include.members(asked);
  });

  const init = (...args: string[]) =>
    execa(process.execPath, [join(import.meta.dirname, '../../tools/init.ts'), ...args], {
      stdin: 'ignore',
      reject: false,
    });

  it('leaves a stack file alone that is there', async () => {
    const before = readFileSync(stackFile('local'), 'utf8');
    const { exitCode, stderr } = await init('--stack', 'local', '--context', 'kind');
    expect([exitCode, stderr]).to.deep.equal([
      1,
      'Pulumi.local.yaml is there already; nothing was written. Choose another name, or change that file.',
    ]);
    expect(readFileSync(stackFile('local'), 'utf8')).to.equal(before);
  });

  it('writes the file, and says how to go on', async () => {
    const stack = `init-test-${process.pid}`;
    try {
      const answers = `--silent -- --stack ${stack} --context kind`;
      const { exitCode, stdout } = await execa('sh', ['-c', `${documented('npm run init')} ${answers}`], {
        stdin: 'ignore',
        reject: false,
      });
      expect(exitCode).to.equal(0);
      expect(stdout).to.include(`npm run pulumi -- preview --stack ${stack}`);
      expect(configOf(readFileSync(stackFile(stack), 'utf8'))).to.have.property(key('cloud'), 'local');
    } finally {
      rmSync(stackFile(stack), { force: true });
    }
  });
});
