// Workflows of CI: what they may do, and that every stack is looked at.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { rules } from '../policy/rules/index.ts';

const project = join(import.meta.dirname, '..');
const text = (file: string) => readFileSync(join(project, file), 'utf8');

interface Job {
  readonly if?: string;
  readonly environment?: string;
  readonly permissions?: Record<string, string>;
  readonly strategy?: {
    readonly matrix: { readonly include: { readonly stack: string; readonly cloud: string }[] };
  };
  readonly steps: { readonly uses?: string }[];
}
const workflow = (file: string) =>
  parse(text(file)) as { readonly permissions: object; readonly jobs: Record<string, Job> };

describe('workflows', () => {
  const files = globSync('.github/workflows/*.yml', { cwd: project });

  for (const file of files) {
    it(`${file} starts without rights, and runs actions of exact commits, each with its version`, () => {
      const { permissions, jobs } = workflow(file);
      expect(permissions).to.deep.equal({ contents: 'read' });
      for (const { steps } of Object.values(jobs))
        for (const { uses } of steps)
          if (uses)
            expect(text(file)).to.match(
              new RegExp(`uses: ${uses.replace(/@.*/, '')}@[0-9a-f]{40} # v\\d+\\.\\d+\\.\\d+\n`),
            );
      expect(text(file)).not.to.include('pull_request_target');
    });
  }

  it('test.yml has no secrets, so that forks can run it', () => {
    expect(text('.github/workflows/test.yml')).not.to.include('secrets.');
  });

  it('preview.yml logs in to clouds for a short time, and never for forks', () => {
    const { preview } = workflow('.github/workflows/preview.yml').jobs;
    expect(preview?.if).to.include('head.repo.full_name == github.repository');
    expect(preview?.permissions).to.include({ 'id-token': 'write' });
    expect(preview?.environment).to.equal('preview-${{ matrix.stack }}');
    const secrets = text('.github/workflows/preview.yml').match(/secrets\.\w+/g);
    expect(secrets).to.deep.equal(['secrets.PULUMI_CONFIG_PASSPHRASE']);
  });

  it('preview.yml looks at every stack in a cloud', () => {
    const { include = [] } = workflow('.github/workflows/preview.yml').jobs.preview?.strategy?.matrix ?? {};
    const inClouds = globSync('Pulumi.*.yaml', { cwd: project })
      .filter((file) => !/mlflow-stack:cloud: local/.test(text(file)))
      .map((file) => file.split('.')[1] ?? '');
    expect(include.map(({ stack }) => stack)).to.include.members(inClouds);
  });

  it('docs/ci.md tells every rule of the policy pack', () => {
    for (const { name } of rules) expect(text('docs/ci.md')).to.include(`\`${name}\``);
  });
});
