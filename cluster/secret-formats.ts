// What is wrong with a secret value, in words that never show any part of it: messages end up in the logs of CI runs.
import type { SecretFormat } from '../lib/secret-references.ts';
import type { Settings } from '../config.ts';

type Dialect = Settings['backendStore']['dialect'];
type Check = (value: string, dialect: Dialect) => string | undefined;

/** What is wrong with a value and what to do; undefined when nothing is. */
export function complaint(
  format: SecretFormat | undefined,
  value: string,
  dialect: Dialect,
): string | undefined {
  if (value.trim() === '') return 'is empty; give it a value';
  return format === undefined ? undefined : checks[format](value, dialect);
}

const checks: Record<SecretFormat, Check> = {
  adminPassword: (value) =>
    value === 'password1234'
      ? "is MLflow's old default password, which everybody knows; choose another one"
      : password(value, 12),
  databasePassword: (value) => password(value, 16),
  databaseUri,
  otherDatabaseUri: (value) => databaseUri(value, undefined),
  // https://cryptography.io/en/latest/fernet/#cryptography.fernet.Fernet
  fernetKey: (value) =>
    /^[\w-]{43}=$/.test(value.trim())
      ? undefined
      : 'is no Fernet key; make one with `openssl rand -base64 32 | tr +/ -_`',
  certificates: (value) =>
    /-----BEGIN (TRUSTED )?CERTIFICATE-----/.test(value)
      ? undefined
      : 'holds no certificate in PEM; put those of the authorities there, one after the other',
  json: (value) => (isJsonObject(value) ? undefined : 'is not JSON; put the file there as it was downloaded'),
};

function password(value: string, shortest: number): string | undefined {
  if (value.trim() !== value)
    return 'begins or ends with white space, most likely the line break of a file; make it with `printf %s`';
  return value.length < shortest
    ? `has fewer than ${shortest} characters; choose a longer one, made by a generator`
    : undefined;
}

const schemes: Record<Dialect, readonly string[]> = {
  postgresql: ['postgresql', 'postgres'],
  mysql: ['mysql'],
  mssql: ['mssql'],
};
const allSchemes = Object.values(schemes).flat();

/** A character that stands for itself in the user or the password of a URI, or an encoded one. */
const encoded = String.raw`(?:[^\s:@/?#%[\]]|%[0-9a-fA-F]{2})*`;
const uri = new RegExp(
  String.raw`^(?<dialect>\w+)(?:\+\w+)?://` +
    String.raw`(?:${encoded}(?::${encoded})?@)?` +
    String.raw`(?:[\w.-]+|\[[0-9a-fA-F:.]+\])?(?::\d+)?` +
    String.raw`(?:/[^?#\s]*)?(?:\?[^\s]*)?$`,
);

function databaseUri(value: string, dialect: Dialect | undefined): string | undefined {
  const found = uri.exec(value.trim())?.groups?.dialect;
  if (found === undefined)
    return `is no URI like ${dialect ?? 'postgresql'}://user:password@host/database; percent-encode characters such as @ : / % in user and password`;
  const expected = dialect === undefined ? allSchemes : schemes[dialect];
  if (expected.includes(found)) return undefined;
  const remedy = dialect === undefined ? '' : ', or change mlflow-stack:backendStore.dialect';
  return `does not begin with ${expected.map((scheme) => `${scheme}://`).join(' or ')}; mend it${remedy}`;
}

function isJsonObject(value: string): boolean {
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null;
  } catch {
    return false;
  }
}
