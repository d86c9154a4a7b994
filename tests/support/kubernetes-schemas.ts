// What an API server of each supported version of Kubernetes would say of an object, as far as its schema goes.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type AnySchemaObject, Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { install } from '../../tools/toolchain/install.ts';
import { toolDir } from '../../tools/toolchain/store.ts';
import { type Tool, kubernetesSchemas } from '../../tools/toolchain/tools.ts';

/** What is wrong with an object, a sentence each; undefined for a kind that Kubernetes itself does not have. */
export type Check = (object: { apiVersion: string; kind: string }) => string[] | undefined;

interface Definitions {
  readonly $defs: Record<string, AnySchemaObject>;
}

/** A check per version, the oldest first. Downloads the schemas where they are not in the cache yet. */
export async function schemaChecks(): Promise<[version: string, Check][]> {
  const dir = await downloaded(kubernetesSchemas);
  return readdirSync(dir)
    .sort()
    .map((file) => [file.replace('.json', ''), schemaCheck(readFileSync(join(dir, file), 'utf8'))]);
}

/** A check of the kinds that an add-on brings, by its own definitions. */
export async function customCheck(definitions: Tool): Promise<Check> {
  const dir = await downloaded(definitions);
  const validators = new Map<string, ValidateFunction>();
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  for (const file of readdirSync(dir)) {
    const { spec } = parse(readFileSync(join(dir, file), 'utf8')) as Definition;
    for (const { name, schema } of spec.versions)
      validators.set(
        `${spec.group}/${name} ${spec.names.kind}`,
        ajv.compile(closed(schema.openAPIV3Schema) as AnySchemaObject),
      );
  }
  return (object) => {
    const validate = validators.get(`${object.apiVersion} ${object.kind}`);
    return validate && complaints(validate, object);
  };
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly schema: { readonly openAPIV3Schema: object };
    }[];
  };
}

/** The same schema, which no unknown field passes. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const parts = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, closed(part)]));
  return 'properties' in schema &&
    !('additionalProperties' in schema) &&
    typeof schema.properties === 'object'
    ? { ...parts, additionalProperties: false }
    : parts;
}

async function downloaded(tool: Tool): Promise<string> {
  const log = new PassThrough().resume();
  await install(tool, { log, signal: new AbortController().signal, report: () => undefined });
  return toolDir(tool);
}

const complaints = (validate: ValidateFunction, object: unknown): string[] =>
  validate(object)
    ? []
    : (validate.errors ?? []).map(
        ({ instancePath, message = '', params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
      );

function schemaCheck(text: string): Check {
  const document = JSON.parse(text) as Definitions;
  // A quantity may be a number in a schema and is always a text with us; formats such as int32 are no matter of schemas.
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema(document, 'kubernetes');
  const known = new Map<string, ValidateFunction>();
  const validator = (apiVersion: string, kind: string): ValidateFunction | undefined => {
    const key = `${apiVersion} ${kind}`;
    const [version = '', group = 'core'] = apiVersion.split('/').reverse();
    const name = Object.keys(document.$defs).find(
      (each) =>
        each.toLowerCase() === `io.k8s.api.${group.replace(/\..*/, '')}.${version}.${kind}`.toLowerCase(),
    );
    const found =
      known.get(key) ?? (name === undefined ? undefined : ajv.compile({ $ref: `kubernetes#/$defs/${name}` }));
    if (found !== undefined) known.set(key, found);
    return found;
  };
  return (object) => {
    const validate = validator(object.apiVersion, object.kind);
    if (validate === undefined) return undefined;
    return complaints(validate, object);
  };
}
