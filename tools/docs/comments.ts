// The doc comments of the settings, read from their source: what the schema itself does not know.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { projectDir } from '../lib/paths.ts';

/** An expression and the file that it stands in. */
interface Place {
  readonly node: ts.Node;
  readonly file: ts.SourceFile;
}

/** Builders of a schema whose first argument says what it is made of. */
const WRAPPERS = ['section', 'optionalSection', 'optional', 'pipe', 'array'];

const files = new Map<string, ts.SourceFile>();

/** The comment of every key that has one, by path; items of a list are `name[]`. A section's own is that of its path. */
export function settingComments(): Map<string, string> {
  const root = declarationOf('settingsSchema', source(join(projectDir, 'settings/index.ts')));
  const comments = new Map<string, string>();
  if (root !== undefined) collect(root, '', comments);
  return comments;
}

function collect(place: Place, path: string, comments: Map<string, string>): void {
  for (const { key, comment, value } of entriesOf(place) ?? []) {
    const name = `${path && `${path}.`}${key}${isList(value) ? '[]' : ''}`;
    if (comment !== undefined) comments.set(name.replace(/\[\]$/, ''), comment);
    collect(value, name, comments);
  }
}

interface Property {
  readonly key: string;
  readonly comment: string | undefined;
  readonly value: Place;
}

/** The keys of the section that an expression makes; undefined where it makes no section. */
function entriesOf(place: Place): Property[] | undefined {
  const { node, file } = place;
  if (ts.isObjectLiteralExpression(node)) return node.properties.flatMap((each) => propertyOf(each, file));
  const next = meaningOf(place);
  return next && entriesOf(next);
}

function propertyOf(node: ts.ObjectLiteralElementLike, file: ts.SourceFile): Property[] {
  if (ts.isSpreadAssignment(node)) return entriesOf({ node: node.expression, file }) ?? [];
  if (ts.isPropertyAssignment(node))
    return [
      { key: node.name.getText(file), comment: commentOf(node), value: { node: node.initializer, file } },
    ];
  const key = node.name.getText(file);
  const value = declarationOf(key, file);
  return value === undefined ? [] : [{ key, comment: commentOf(node) ?? value.comment, value }];
}

/** One step from an expression to what it stands for: a name, a call of a builder or of a function that makes a schema. */
function meaningOf({ node, file }: Place): Place | undefined {
  if (ts.isIdentifier(node)) return declarationOf(node.text, file);
  if (ts.isAsExpression(node)) return { node: node.expression, file };
  if (!ts.isCallExpression(node)) return undefined;
  const name = node.expression.getText(file).replace(/^v\./, '');
  const [argument] = node.arguments;
  if (WRAPPERS.includes(name)) return argument && { node: argument, file };
  const made = declarationOf(name, file);
  return made && resultOf(made);
}

/** What a function returns. */
function resultOf({ node, file }: Place): Place | undefined {
  if (!ts.isArrowFunction(node) && !ts.isFunctionDeclaration(node)) return undefined;
  if (node.body === undefined || !ts.isBlock(node.body)) return node.body && { node: node.body, file };
  const statement = node.body.statements.find(ts.isReturnStatement);
  return statement?.expression && { node: statement.expression, file };
}

function isList(place: Place): boolean {
  const { node, file } = place;
  if (ts.isCallExpression(node) && node.expression.getText(file) === 'v.array') return true;
  const next = ts.isObjectLiteralExpression(node) ? undefined : meaningOf(place);
  return next !== undefined && isList(next);
}

/** Where a name of this file is declared, in it or in the file that it is imported from. */
function declarationOf(
  name: string,
  file: ts.SourceFile,
): (Place & { comment: string | undefined }) | undefined {
  for (const statement of file.statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name?.text === name)
      return { node: statement, file, comment: commentOf(statement) };
    if (ts.isVariableStatement(statement)) {
      const declared = statement.declarationList.declarations.find(
        (each) => each.name.getText(file) === name,
      );
      if (declared?.initializer) return { node: declared.initializer, file, comment: commentOf(statement) };
    }
    if (ts.isImportDeclaration(statement) && ts.isStringLiteral(statement.moduleSpecifier)) {
      const { text } = statement.moduleSpecifier;
      const bindings = statement.importClause?.namedBindings;
      const isNamed =
        bindings !== undefined &&
        ts.isNamedImports(bindings) &&
        bindings.elements.some((element) => element.name.text === name);
      if (isNamed && text.startsWith('.'))
        return declarationOf(name, source(join(dirname(file.fileName), text)));
    }
  }
  return undefined;
}

function commentOf(node: ts.Node): string | undefined {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).slice(-1);
  return comment && ts.getTextOfJSDocComment(comment.comment)?.replace(/\s+/g, ' ');
}

function source(fileName: string): ts.SourceFile {
  const known = files.get(fileName);
  if (known) return known;
  const file = ts.createSourceFile(fileName, readFileSync(fileName, 'utf8'), ts.ScriptTarget.Latest, true);
  files.set(fileName, file);
  return file;
}
