// The pages that are made from the settings: the tables of docs/configuration.md, and a stack file with every key.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { projectDir } from '../lib/paths.ts';
import { type Setting, settingsReference } from './reference.ts';

/** Every page as it has to be, by path. */
export function settingsPages(): Record<string, string> {
  const settings = settingsReference();
  const reference = join(projectDir, 'docs/configuration.md');
  return {
    [reference]: withTables(readFileSync(reference, 'utf8'), settings),
    [join(projectDir, 'docs/Pulumi.template.yaml')]: templateFile(settings),
  };
}

/** A table of the reference stands between such comments; all else on the page is written by hand. */
const TABLE = /(<!-- settings: ([\w. ]+) -->\n\n)[^]*?(<!-- end -->)/g;

/**
 * Fills the tables of a page. A comment names what its table holds: the keys that begin so, unless the comment of another
 * table names more of them.
 *
 * @throws Error that names the keys which no table of the page holds
 */
export function withTables(page: string, settings: readonly Setting[]): string {
  const places = [...page.matchAll(TABLE)].flatMap(([, , names = '']) => names.split(' '));
  const placed = Map.groupBy(settings, ({ path }) => placeOf(path, places));
  const homeless = placed.get(undefined)?.map(({ path }) => path) ?? [];
  if (homeless.length > 0)
    throw new Error(
      `No table of docs/configuration.md has ${homeless.join(', ')}: add a heading with <!-- settings: NAME --> and <!-- end -->.`,
    );
  return page.replace(TABLE, (_, start: string, names: string, end: string) => {
    const rows = names.split(' ').flatMap((name) => placed.get(name) ?? []);
    return `${start}${table(rows)}\n${end}`;
  });
}

/** The longest of the beginnings that a key has. */
function placeOf(path: string, places: readonly string[]): string | undefined {
  return places
    .filter((place) => path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`))
    .sort((a, b) => b.length - a.length)[0];
}

/** Not aligned: a longer cell would change every line. */
function table(settings: readonly Setting[]): string {
  const rows = settings.map(({ path, allowed, otherwise, effect }) =>
    [`\`${path}\``, allowed, otherwise, effect].map((cell) => cell.replaceAll('|', '\\|')),
  );
  return [
    '<!-- prettier-ignore -->',
    '| key | value | default | effect |',
    '| --- | --- | --- | --- |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    '',
  ].join('\n');
}

const TEMPLATE_START = `# Every key that a stack file knows, with its default and what it may be. Copy what is to differ into
# Pulumi.<stack>.yaml, with the lines that it is indented under. Made from settings/ by \`npm run docs\`;
# docs/configuration.md says what each key does.
config:
`;

/** A stack file that says nothing: every key is in a comment. */
function templateFile(settings: readonly Setting[]): string {
  const lines: string[] = [];
  let before: string[] = [];
  for (const [index, setting] of settings.entries()) {
    const keys = setting.path.split('.');
    const fresh = keys.findIndex((key, depth) => before[depth]?.replace('[]', '') !== key.replace('[]', ''));
    const sections = keys
      .slice(fresh, -1)
      .map((key, depth) => `${indent(keys, fresh + depth, false)}${key}:`);
    // The first key of an item has the dash.
    const isFirst = keys.length > 1 && before.length < keys.length && (keys.at(-2) ?? '').endsWith('[]');
    const isList = settings[index + 1]?.path.startsWith(`${setting.path}[]`) ?? false;
    lines.push(...sections, `${indent(keys, keys.length - 1, isFirst)}${entry(setting, isList)}`);
    before = keys;
  }
  return `${TEMPLATE_START}${lines.map((line) => `  # ${line}`).join('\n')}\n`;
}

function indent(keys: readonly string[], depth: number, dash: boolean): string {
  const above = keys.slice(0, depth).map((key) => (key.endsWith('[]') ? '    ' : '  '));
  const spaces = above.join('');
  const prefix = depth === 0 ? `${packageJson.name}:` : '';
  return dash ? `${spaces.slice(2)}- ` : `${spaces}${prefix}`;
}

function entry({ path, fallback, allowed, otherwise }: Setting, isList: boolean): string {
  const key = path.split('.').at(-1) ?? '';
  const inFlow = { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0 } as const;
  const value = fallback === undefined || isList ? '' : ` ${stringify(fallback, inFlow).trim()}`;
  const missing = otherwise.startsWith('required') ? otherwise : `default: ${otherwise}`;
  const note = value === '' ? `${allowed}; ${missing}` : allowed;
  return `${key}:${value} # ${note.replaceAll('`', '')}`;
}
