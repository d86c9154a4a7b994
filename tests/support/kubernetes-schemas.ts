// What an API server of each supported version of Kubernetes would say of an object, as far as its schema goes.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type AnySchemaObject, Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { install } from '../../tools/toolchain/install.ts';
import { toolDir } from '../../tools/toolchain/store.ts';
import { kubernetesSchemas } from '../../tools/toolchain/tools.ts';

/** What is wrong with an object, a sentence each; undefined for a kind that Kubernetes itself does not have. */
export type Check = (object: { apiVersion: string; kind: string }) => string[] | undefined;

interface Definitions {
  readonly $defs: Record<string, AnySchemaObject>;
}

/** A check per version, the oldest first. Downloads the schemas where they are not in the cache yet. */
export async function schemaChecks(): Promise<[version: string, Check][]> {
  const log = new PassThrough().resume();
  await install(kubernetesSchemas, { log, signal: new AbortController().signal, report: () => undefined });
  const dir = toolDir(kubernetesSchemas);
  return readdirSync(dir)
    .sort()
    .map((file) => [file.replace('.json', ''), schemaCheck(readFileSync(join(dir, file), 'utf8'))]);
}

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
    return validate(object)
      ? []
      : (validate.errors ?? []).map(
          ({ instancePath, message = '', params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
        );
  };
}
