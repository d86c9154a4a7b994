// Every command of README and docs: whether what it names is there. What commands do is tested by those of tools and by the
// end-to-end tests.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import packageJson from '../package.json' with { type: 'json' };

const project = join(import.meta.dirname, '..');
const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/*.md', { cwd: project })].sort();

interface Command {
  readonly text: string;
  readonly words: readonly string[];
}

/** The fenced blocks of shell commands on a page. */
function blocksOf(page: string): string[] {
  const text = readFileSync(join(project, page), 'utf8');
  return [...text.matchAll(/^( *)```sh\n([^]*?)^\1```/gm)].map(([, , block = '']) => block);
}

/** Their lines, continued ones joined, comments and variables in front left out. */
function commandsOf(page: string): Command[] {
  return blocksOf(page).flatMap((block) =>
    block
      .replaceAll(/\\\n\s*/g, ' ')
      .split('\n')
      .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
      .filter((line) => line !== '')
      .map((line) => ({ text: line, words: line.replace(/^([A-Z0-9_]+=\S+ )+/, '').split(/\s+/) })),
  );
}

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
        () => execFileSync('bash', ['-n'], { input: blocksOf(page).join('\n'), stdio: 'pipe' }),
        page,
      ).not.to.throw();
  });

  it('are many', () => expect(pages.flatMap(commandsOf)).to.have.length.above(40));

  it('name every script that people are to use', () => {
    const texts = pages.map((page) => readFileSync(join(project, page), 'utf8')).join('\n');
    for (const name of Object.keys(packageJson.scripts))
      expect(texts).to.match(new RegExp(`npm (run (-s )?)?${name}\\b`));
  });

  for (const page of pages) {
    it(`${page} links to pages and headings that are there`, () => {
      const text = readFileSync(join(project, page), 'utf8');
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
