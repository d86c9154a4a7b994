// The commands of README and docs. Tests take the commands that they run from here, so what a page says and what a test runs
// are one text, and commands.test.ts knows which commands no test runs.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const project = join(import.meta.dirname, '../..');

export const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/*.md', { cwd: project })].sort();

export const pageText = (page: string): string => readFileSync(join(project, page), 'utf8');

/** Fenced blocks of shell commands, without the indentation of lists. */
export function blocksIn(text: string): string[] {
  return [...text.matchAll(/^( *)```sh\n([^]*?)^\1```/gm)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

/** Commands as somebody would paste them: loops and continued lines are one each, comments are left out. */
export function commandsIn(text: string): string[] {
  return blocksIn(text).flatMap((block) => {
    const commands: string[] = [];
    let pending = '';
    for (const line of block.split('\n')) {
      pending += pending === '' ? withoutComment(line) : `\n${line}`;
      if (!isComplete(pending)) continue;
      commands.push(pending.trim());
      pending = '';
    }
    if (pending !== '') throw new Error(`a command without an end:\n${pending}`);
    return commands.filter((command) => command !== '');
  });
}

const withoutComment = (line: string) => line.replace(/(^|\s)# .*$/, '');

/** Whether the shell would begin to run it: no quote is open, no loop, and no line is to go on. */
function isComplete(text: string): boolean {
  const bare = text.replaceAll(/'[^']*'|"(\\.|[^"\\])*"/g, '');
  const count = (word: string) => (bare.match(new RegExp(`(^|[\\s;])${word}($|[\\s;])`, 'gm')) ?? []).length;
  return !/['"]/.test(bare) && !/[\\|]$/.test(bare) && count('do') === count('done');
}

/** Every command, once. */
export const allCommands = (): string[] => [...new Set(pages.flatMap((page) => commandsIn(pageText(page))))];

/**
 * A command of the documentation, to be run by a test, found by its text with continued lines joined. A text that ends with … stands
 * for the one command that begins so.
 *
 * @param values what a reader puts in the place of an example's names, by what stands there.
 * @throws Error when no page has it.
 */
export function documented(text: string, values: Readonly<Record<string, string>> = {}): string {
  const found = text.endsWith('…')
    ? allCommands().filter((command) => onOneLine(command).startsWith(text.slice(0, -1)))
    : allCommands().filter((command) => onOneLine(command) === text);
  if (found.length !== 1) throw new Error(`${found.length} commands of README and docs are: ${text}`);
  return substituted(found[0] ?? '', values);
}

const onOneLine = (command: string) => command.replaceAll(/ \\\n\s*/g, ' ');

/** The commands below a heading of a page, up to the next of its kind, in their order. */
export function documentedBelow(
  page: string,
  heading: string,
  values: Readonly<Record<string, string>> = {},
): string[] {
  const [, section] =
    pageText(page)
      .split(/^(?=##+ )/m)
      .map((part) => [part.split('\n')[0]?.replace(/^#+ /, ''), part] as const)
      .find(([title]) => title === heading) ?? [];
  if (section === undefined) throw new Error(`${page} has no heading ${heading}`);
  return commandsIn(section).map((command) => substituted(command, values));
}

function substituted(command: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((text, [example, value]) => {
    if (!text.includes(example)) throw new Error(`"${example}" is not in: ${command}`);
    return text.replaceAll(example, value);
  }, command);
}

/** The arguments in `npm run pulumi -- ARGS`. */
export function pulumiArgs(command: string): string[] {
  const [, args] = /^npm run pulumi -- (.+)$/.exec(command) ?? [];
  if (args === undefined) throw new Error(`no command of Pulumi: ${command}`);
  return [...args.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}
