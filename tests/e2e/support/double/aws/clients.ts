// Clients of the pretended account. Address and keys are in the environment, as the real plug-in takes them.
import { isObject } from '../inputs.ts';
import type { Context } from '../provider.ts';
import type { Props } from '../store.ts';

interface ClientSettings {
  readonly region: string;
}

/** One client of a service per region. */
export function clientOf<C>(make: (settings: ClientSettings) => C): (context: Context) => C {
  const clients = new Map<string, C>();
  return ({ config }) => {
    const region = regionOf(config);
    const client = clients.get(region) ?? make({ region });
    clients.set(region, client);
    return client;
  };
}

export function regionOf(config: Props): string {
  if (typeof config.region !== 'string')
    throw new Error('Missing region configuration for Amazon Web Services provider');
  return config.region;
}

/** What the service does not have, as each says it in its own words. */
const absences =
  /^(NoSuch\w*|NotFound|\w*NotFound(Fault|Exception|Error)?|Invalid(Group|Allocation|SecurityGroupRule\w*)\S*NotFound|ServerSideEncryptionConfigurationNotFoundError)$/i;

export const isAbsence = (error: unknown): boolean =>
  absences.test((error as Error).name) || /\.NotFound$/.test((error as Error).name);

/** Nothing, where the service says that it has no such thing. */
export async function unlessAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** An error of the service as the real plug-in words it. */
export async function saying<T>(what: string, operation: string, asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    throw new Error(
      `${what}: operation error ${operation}, https response error StatusCode: ${$metadata?.httpStatusCode ?? 0}, api error ${name}: ${message}`,
      { cause: error },
    );
  }
}

/** Names that AWS writes with more capital letters than `camelCase` says. */
const special: Readonly<Record<string, string>> = {
  id: 'ID',
  kmsMasterKeyId: 'KMSMasterKeyID',
  mfaDelete: 'MFADelete',
  sseAlgorithm: 'SSEAlgorithm',
};

/** Properties as the SDK of AWS writes them. Dates and times are in texts. */
export function asApi(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asApi);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      special[name] ?? name.charAt(0).toUpperCase() + name.slice(1),
      asApi(each),
    ]),
  );
}

/** Structured settings of the provider come as JSON. */
export const parsed = (value: unknown): unknown => (typeof value === 'string' ? JSON.parse(value) : value);

/** Tags of the resource and those that the provider gives to everything. */
export function allTags({ tags }: Props, { config }: Context): Record<string, string> {
  const given = parsed(config.defaultTags);
  const common = isObject(given) && isObject(given.tags) ? given.tags : {};
  return { ...common, ...(isObject(tags) ? tags : {}) } as Record<string, string>;
}

export const asTagList = (tags: Record<string, string>) =>
  Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));

/** A list from AWS, in an order that does not change. */
export const sorted = (list: readonly (string | undefined)[] | undefined): string[] =>
  (list ?? []).filter((each) => each !== undefined).sort();
