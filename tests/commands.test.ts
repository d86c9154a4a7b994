// Every command of README and docs: which test runs it, and whether what it names is there.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import packageJson from '../package.json' with { type: 'json' };
import {
  allCommands,
  blocksIn,
  commandsIn,
  documented,
  documentedBelow,
  pageText,
  pages,
} from './support/documentation.ts';

const project = join(import.meta.dirname, '..');

/** What no test runs, and why. */
const notRun: Readonly<Record<string, readonly string[]>> = {
  'runs these very tests': ['npm test', 'npm run test:unit', 'npm run test:e2e', 'npm run lint'],
  'changes files of the project; lint and docs.test.ts tell when it would': [
    'npm run format',
    'npm run docs',
  ],
  'measures for a quarter of an hour': ['npm run bench', 'npm run bench -- server'],
  'needs an account of Google': [
    'gcloud auth application-default login',
    'gcloud sql backups list --instance NAME',
    'gcloud sql backups restore ID --restore-instance NAME',
  ],
  'needs an account of AWS': [
    'aws sso login',
    'aws rds restore-db-instance-to-point-in-time…',
    'aws s3api put-bucket-versioning…',
  ],
  'needs a backend of its user; `stack init dev` is run on one of the tests': [
    'npm run pulumi -- stack init prod-aws',
    'npm run pulumi -- stack init dev-gcp',
  ],
  'makes a cluster in an account of Google or AWS; clusters/ has tests with mocks': [
    'cd clusters/gke',
    'cd clusters/eks',
    'pulumi stack init dev…',
    'pulumi stack init prod…',
    'pulumi up',
  ],
  'belongs to a program of its user; library.test.ts imports the package by its name': [
    'npm install ../mlflow-stack',
  ],
  "needs Pulumi's released CLI; library.test.ts runs the plug-in by the SDK's entry point": [
    'pulumi package add ../mlflow-stack/package',
  ],
  "needs Pulumi's released CLI; policy.e2e.ts runs the pack by the SDK's entry point": [
    'pulumi preview --policy-pack policy --stack prod-aws',
    'pulumi preview --policy-pack policy --policy-pack-config policy-config.json --stack local',
    `echo '{ "protected-data": "advisory" }' > policy-config.json`,
  ],
  'needs the AWS CLI': [
    'aws s3 sync artifacts s3://BUCKET/mlflow-artifacts',
    'aws --endpoint-url http://127.0.0.1:8333 s3 sync s3://mlflow/mlflow-artifacts artifacts',
  ],
  'needs Docker and a registry': [
    'docker build --tag registry.example.com/ml/mlflow:v3.17.2-company.1 .',
    'docker push registry.example.com/ml/mlflow:v3.17.2-company.1',
  ],
  'needs an image that the cluster of the tests cannot pull; network.e2e.ts tries the same port': [
    'kubectl run probe…',
  ],
};

/** What tests take from the documentation to run it. */
function run(): Set<string> {
  const sources = globSync('tests/**/*.ts', { cwd: project })
    .filter((file) => !/tests\/(commands\.test|support\/documentation)\.ts$/.test(file))
    .map((file) => readFileSync(join(project, file), 'utf8'));
  const text = /(["'`])((?:\\.|(?!\1)[^\\])*)\1/.source;
  const literals = (call: string) =>
    sources.flatMap((source) => [...source.matchAll(new RegExp(call.replaceAll('TEXT', text), 'g'))]);
  const unescaped = (literal = '') => literal.replaceAll(/\\(.)/g, '$1');
  const calls = sources.flatMap((source) => [...source.matchAll(/\bdocumented(Below)?\(/g)]);
  const single = literals('\\bdocumented\\(\\s*TEXT');
  const whole = sources.flatMap((source) => [
    ...source.matchAll(/\bdocumentedBelow\(\s*'([^']+)',\s*'([^']+)'/g),
  ]);
  // Only what is written as text can be found here.
  expect(single.length + whole.length).to.equal(calls.length);
  return new Set([
    ...single.map(([, , literal]) => documented(unescaped(literal))),
    ...whole.flatMap(([, page = '', heading = '']) => documentedBelow(page, heading)),
  ]);
}

interface Command {
  readonly text: string;
  readonly words: readonly string[];
}

/** Commands with what they consist of, variables in front left out. */
const commandsOf = (page: string): Command[] =>
  commandsIn(pageText(page)).map((text) => ({
    text,
    words: text.replace(/^([A-Z0-9_]+=\S+ )+/, '').split(/\s+/),
  }));

/** Options in the source of an npm script's tool, as `--help` lists them. */
function knowsOption(script: string, option: string): boolean {
  const [, tool = ''] = /bootstrap\.mjs ([a-z-]+)/.exec(script) ?? [];
  const source = ['tools', 'tools/lib'].map((folder) =>
    join(project, folder, `${tool === 'init' && folder === 'tools/lib' ? 'new-stack' : tool}.ts`),
  );
  return source.some((file) => {
    if (!existsSync(file)) return false;
    return new RegExp(`^ +(['"]?)${option}\\1: \\{`, 'm').test(readFileSync(file, 'utf8'));
  });
}

/** What is wrong with a command; undefined where nothing is. */
function mistakeOf({ words }: Command): string | undefined {
  const [program = '', ...rest] = words;
  for (const word of words)
    if (/^(examples|docs|tools|policy)\/[\w./-]+$/.test(word) && !existsSync(join(project, word)))
      return `there is no ${word}`;
  if (program !== 'npm') return undefined;
  const [verb, ...args] = rest.filter((word) => word !== '-s');
  if (verb !== 'run')
    return ['test', 'ci', 'install'].includes(verb ?? '') ? undefined : `npm ${verb} is no command`;
  const [name = '', ...options] = args;
  const script = (packageJson.scripts as Record<string, string>)[name];
  if (script === undefined) return `there is no npm run ${name}`;
  // Those hand what they are given to another program.
  if (['pulumi', 'kubectl'].includes(name)) return undefined;
  const unknown = options
    .filter((option) => option.startsWith('--') && option !== '--')
    .find((option) => !knowsOption(script, option.slice(2).split('=')[0] ?? ''));
  return unknown === undefined ? undefined : `npm run ${name} knows no ${unknown}`;
}

describe('the commands of the documentation', () => {
  for (const page of pages) {
    it(`${page} names programs, scripts, options and files that are there`, () => {
      const mistakes = commandsOf(page).flatMap((command) => {
        const mistake = mistakeOf(command);
        return mistake === undefined ? [] : [`${command.text}: ${mistake}`];
      });
      expect(mistakes).to.deep.equal([]);
    });
  }

  it('are well-formed', () => {
    for (const page of pages)
      expect(
        () => execFileSync('bash', ['-n'], { input: blocksIn(pageText(page)).join('\n'), stdio: 'pipe' }),
        page,
      ).not.to.throw();
  });

  it('are run by tests, but for those that need what no test has', () => {
    const tested = run();
    const left = Object.values(notRun)
      .flat()
      .map((text) => documented(text));
    expect(allCommands().filter((command) => !tested.has(command) && !left.includes(command))).to.deep.equal(
      [],
    );
    expect(
      left.filter((command) => tested.has(command)),
      'are run',
    ).to.deep.equal([]);
  });

  it('name every script that people are to use', () => {
    const texts = pages.map(pageText).join('\n');
    for (const name of Object.keys(packageJson.scripts))
      expect(texts).to.match(new RegExp(`npm (run (-s )?)?${name}\\b`));
  });

  for (const page of pages) {
    it(`${page} links to pages and headings that are there`, () => {
      const text = pageText(page);
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
        const [file = '', heading] = target.split('#');
        const path = file === '' ? join(project, page) : join(project, page, '..', file);
        expect(existsSync(path), target).to.equal(true);
        if (heading === undefined) continue;
        const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
          title
            .toLowerCase()
            .replaceAll(/[^\w\s-]/g, '')
            .trim()
            .replaceAll(' ', '-'),
        );
        expect(headings, target).to.include(heading);
      }
    });
  }
});
