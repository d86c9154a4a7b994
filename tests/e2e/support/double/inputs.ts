// What a cloud's plug-in accepts and returns, by the declarations of its own SDK. For test doubles of plug-ins: they refuse
// what the real one would refuse as not in its schema.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type ts from 'typescript';
import { projectDir } from '../../../../tools/lib/paths.ts';

export type Shape =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'any' }
  | { readonly kind: 'list' | 'map'; readonly of: Shape }
  | { readonly kind: 'either'; readonly of: readonly Shape[] }
  | { readonly kind: 'type'; readonly name: string };

interface Property {
  readonly shape: Shape;
  readonly required: boolean;
}

type Properties = Readonly<Record<string, Property>>;

export interface Declaration {
  readonly inputs: Properties;
  /** Output names; `computed` ones are always there once the object is, whether they were asked for or not. */
  readonly outputs: Readonly<Record<string, { readonly computed: boolean }>>;
}

/** A mistake as the engine shows it. */
export interface Failure {
  readonly property: string;
  readonly reason: string;
}

/** How the engine writes a value that is not known before an update. */
export const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

interface Table {
  readonly resources: Record<string, Declaration>;
  /** Interfaces of types/input.d.ts by their full name. */
  readonly types: Record<string, Properties>;
}

/** Declarations of one SDK. They are parsed when a resource is first met, and kept in a file, since parsing takes a second. */
export class Declarations {
  readonly #sdk: string;
  readonly #cacheFile: string;
  readonly #table: Table;

  /** @param cacheFile Where they are kept; it belongs to one version of the SDK. */
  constructor(sdk: string, cacheFile: string) {
    this.#sdk = join(projectDir, 'node_modules/@pulumi', sdk);
    this.#cacheFile = cacheFile;
    this.#table = existsSync(cacheFile)
      ? (JSON.parse(readFileSync(cacheFile, 'utf8')) as Table)
      : { resources: {}, types: {} };
  }

  /** @throws Error when the SDK has no such resource. */
  async resource(token: string): Promise<Declaration> {
    const known = this.#table.resources[token];
    if (known !== undefined) return known;
    const parser = new Parser(this.#sdk, this.#table.types, (await import('typescript')).default);
    const declaration = parser.resource(token);
    this.#table.resources[token] = declaration;
    mkdirSync(dirname(this.#cacheFile), { recursive: true });
    const staging = `${this.#cacheFile}.${process.pid}`;
    writeFileSync(staging, JSON.stringify(this.#table));
    renameSync(staging, this.#cacheFile);
    return declaration;
  }

  /** What is wrong with inputs, in the words of the real plug-in. Values that are not known yet fit everywhere. */
  async check(token: string, name: string, inputs: Record<string, unknown>): Promise<Failure[]> {
    const failures: Failure[] = [];
    const fail = (path: string, problem: string) =>
      failures.push({ property: path, reason: `${problem}. Examine values at '${name}.${path}'.` });
    this.#checkObject((await this.resource(token)).inputs, inputs, '', fail);
    return failures;
  }

  #checkObject(
    properties: Properties,
    value: Record<string, unknown>,
    path: string,
    fail: (path: string, problem: string) => void,
  ): void {
    const at = (name: string) => (path === '' ? name : `${path}.${name}`);
    for (const [name, given] of Object.entries(value)) {
      const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
      if (property === undefined) fail(at(name), 'Invalid or unknown key');
      else if (given !== null) this.#checkValue(property.shape, given, at(name), fail);
    }
    for (const [name, { required }] of Object.entries(properties)) {
      if (required && (value[name] ?? null) === null)
        fail(
          at(name),
          `Missing required argument: The argument "${name}" is required, but no definition was found`,
        );
    }
  }

  #checkValue(
    shape: Shape,
    value: unknown,
    path: string,
    fail: (path: string, problem: string) => void,
  ): void {
    if (value === UNKNOWN || shape.kind === 'any') return;
    switch (shape.kind) {
      case 'list':
        if (!Array.isArray(value)) fail(path, `expected a list, got ${nameOf(value)}`);
        else value.forEach((each, index) => this.#checkValue(shape.of, each, `${path}[${index}]`, fail));
        return;
      case 'map':
        if (!isObject(value)) fail(path, `expected a map, got ${nameOf(value)}`);
        else
          for (const [key, each] of Object.entries(value))
            this.#checkValue(shape.of, each, `${path}.${key}`, fail);
        return;
      case 'type':
        if (!isObject(value)) fail(path, `expected an object, got ${nameOf(value)}`);
        else this.#checkObject(this.#table.types[shape.name] ?? {}, value, path, fail);
        return;
      case 'either': {
        const attempts = shape.of.map((each) => {
          const problems: [string, string][] = [];
          this.#checkValue(each, value, path, (...problem) => problems.push(problem));
          return problems;
        });
        if (attempts.every((problems) => problems.length > 0))
          attempts[0]?.forEach((problem) => fail(...problem));
        return;
      }
      default:
        if (typeof value !== shape.kind) fail(path, `expected type '${shape.kind}', got ${nameOf(value)}`);
    }
  }
}

const nameOf = (value: unknown) => (Array.isArray(value) ? 'a list' : `type '${typeof value}'`);

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

class Parser {
  readonly #sdk: string;
  readonly #types: Record<string, Properties>;
  readonly #ts: typeof ts;
  #inputFile: string | undefined;
  readonly #namespaces = new Map<string, Map<string, ts.InterfaceDeclaration>>();

  constructor(sdk: string, types: Record<string, Properties>, typescript: typeof ts) {
    this.#sdk = sdk;
    this.#types = types;
    this.#ts = typescript;
  }

  resource(token: string): Declaration {
    const [, modulePath = '', className = ''] = token.split(':');
    const [module = '', file = ''] = modulePath.split('/');
    const dir = join(this.#sdk, module);
    // File names are lower-case where the token's begin with several capital letters.
    const wanted = `${file}.d.ts`.toLowerCase();
    const found = existsSync(dir) && readdirSync(dir).find((name) => name.toLowerCase() === wanted);
    if (!found) throw new Error(`unrecognized resource type (Check): ${token}`);
    const source = this.#parse(readFileSync(join(dir, found), 'utf8'));
    let inputs: Properties = {};
    const outputs: Record<string, { computed: boolean }> = {};
    for (const statement of source.statements) {
      if (this.#ts.isInterfaceDeclaration(statement) && statement.name.text === `${className}Args`)
        inputs = this.#properties(statement);
      if (this.#ts.isClassDeclaration(statement) && statement.name?.text === className) {
        for (const member of statement.members) {
          if (!this.#ts.isPropertyDeclaration(member) || member.type === undefined) continue;
          if (!this.#ts.isIdentifier(member.name)) continue;
          outputs[member.name.text] = { computed: !/\| undefined>$/.test(member.type.getText(source)) };
        }
      }
    }
    return { inputs, outputs };
  }

  #parse(text: string): ts.SourceFile {
    return this.#ts.createSourceFile('declarations.d.ts', text, this.#ts.ScriptTarget.Latest, true);
  }

  #properties({ members }: ts.InterfaceDeclaration): Properties {
    return Object.fromEntries(
      members
        .filter((member) => this.#ts.isPropertySignature(member))
        .map((member) => [
          member.name.getText().replace(/^['"]|['"]$/g, ''),
          {
            shape: member.type === undefined ? { kind: 'any' } : this.#shape(member.type),
            required: member.questionToken === undefined,
          },
        ]),
    );
  }

  #shape(node: ts.TypeNode): Shape {
    const { SyntaxKind } = this.#ts;
    if (node.kind === SyntaxKind.StringKeyword) return { kind: 'string' };
    if (node.kind === SyntaxKind.NumberKeyword) return { kind: 'number' };
    if (node.kind === SyntaxKind.BooleanKeyword) return { kind: 'boolean' };
    if (this.#ts.isArrayTypeNode(node)) return { kind: 'list', of: this.#shape(node.elementType) };
    if (this.#ts.isUnionTypeNode(node)) {
      const parts = node.types.filter(({ kind }) => kind !== SyntaxKind.UndefinedKeyword);
      const [only] = parts;
      if (only !== undefined && parts.length === 1) return this.#shape(only);
      return { kind: 'either', of: parts.map((part) => this.#shape(part)) };
    }
    if (this.#ts.isTypeLiteralNode(node)) {
      const [index] = node.members;
      if (index !== undefined && this.#ts.isIndexSignatureDeclaration(index))
        return { kind: 'map', of: this.#shape(index.type) };
      return { kind: 'any' };
    }
    if (this.#ts.isTypeReferenceNode(node)) {
      const name = node.typeName.getText();
      const [argument] = node.typeArguments ?? [];
      if (name === 'pulumi.Input' && argument !== undefined) return this.#shape(argument);
      if (name.startsWith('inputs.')) return this.#type(name.slice('inputs.'.length));
      // Enumerations and names for texts, such as ARN.
      if (name.startsWith('enums.') || name === 'ARN') return { kind: 'string' };
    }
    return { kind: 'any' };
  }

  #type(name: string): Shape {
    if (!Object.hasOwn(this.#types, name)) {
      const dot = name.lastIndexOf('.');
      const declaration = this.#namespace(name.slice(0, Math.max(dot, 0))).get(name.slice(dot + 1));
      // Before its properties, since a type may contain itself.
      this.#types[name] = {};
      if (declaration !== undefined) this.#types[name] = this.#properties(declaration);
    }
    return { kind: 'type', name };
  }

  /** Interfaces of one namespace of types/input.d.ts. The file has six megabytes, so no more than the namespace is parsed. */
  #namespace(name: string): Map<string, ts.InterfaceDeclaration> {
    const known = this.#namespaces.get(name);
    if (known !== undefined) return known;
    this.#inputFile ??= readFileSync(join(this.#sdk, 'types/input.d.ts'), 'utf8');
    const next = /^export declare namespace /m;
    let text: string;
    if (name === '') text = this.#inputFile.slice(0, this.#inputFile.search(next));
    else {
      const head = `export declare namespace ${name} {`;
      const start = this.#inputFile.indexOf(head);
      const rest = start < 0 ? '' : this.#inputFile.slice(start + head.length);
      const end = rest.search(next);
      text = head + (end < 0 ? rest : rest.slice(0, end));
    }
    const interfaces = new Map<string, ts.InterfaceDeclaration>();
    const collect = (node: ts.Node): void => {
      if (this.#ts.isInterfaceDeclaration(node)) interfaces.set(node.name.text, node);
      else this.#ts.forEachChild(node, collect);
    };
    collect(this.#parse(text));
    this.#namespaces.set(name, interfaces);
    return interfaces;
  }
}
