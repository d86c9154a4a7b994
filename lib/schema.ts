// Building blocks of the settings schema. The message of every check is the "allowed values" part of what a user
// reads, so that one sentence per mistake can be put together without knowing which check failed.
import * as v from 'valibot';
import { prefixLength } from './cidr.ts';
import { parseQuantity } from './quantity.ts';

/** An object with exactly these keys; every other key is a mistake of its own. */
export function section<E extends v.ObjectEntries>(entries: E) {
  return v.objectWithRest(
    entries,
    v.never(unknownKey),
    `a section with the keys ${Object.keys(entries).join(', ')}`,
  );
}

/** Message of the check that an unknown key fails. */
export const unknownKey = 'unknown key';

/** A section that may be left out: its own defaults then apply. */
export function optionalSection<E extends v.ObjectEntries>(entries: E) {
  return v.optional(section(entries), {} as never);
}

export const flag = () => v.boolean('true or false');

export function wholeNumber(min: number, max: number) {
  const allowed = `a whole number from ${min} to ${max}`;
  return v.pipe(v.number(allowed), v.integer(allowed), v.minValue(min, allowed), v.maxValue(max, allowed));
}

export function text(allowed: string, pattern: RegExp, maxLength = 253) {
  return v.pipe(v.string(allowed), v.regex(pattern, allowed), v.maxLength(maxLength, allowed));
}

export function oneOf<const T extends readonly string[]>(values: T) {
  return v.picklist(values, `one of ${values.join(', ')}`);
}

/** Name of a Kubernetes object that must also be a DNS label. */
export const objectName = () =>
  text(
    'at most 63 lower-case letters, digits and hyphens, beginning with a letter',
    /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
    63,
  );

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
export const namespaceName = () =>
  text(
    'the name of a namespace: at most 63 lower-case letters, digits and hyphens',
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    63,
  );

/** Name of a Kubernetes object that may have dots, such as a class. */
export const className = () =>
  text('at most 253 lower-case letters, digits, hyphens and dots', /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/);

/** Labels, annotations, variables: names that the user chooses, with a text each. */
export function texts() {
  const allowed = 'a section of texts';
  return v.optional(
    // A record alone takes the items of a list for its values.
    v.pipe(v.custom<object>(isObject, allowed), v.record(v.string(), v.string('a text'), allowed)),
    {},
  );
}

/** Parts of a pod that are handed to Kubernetes as they are, which checks them itself. */
export function manifests<T extends object>(what: string) {
  return v.optional(v.array(v.custom<T>(isObject, what), `a list, each item ${what}`), []);
}

/** One part of a pod that is handed to Kubernetes as it is. */
export const manifest = <T extends object>(what: string) => v.optional(v.custom<T>(isObject, what));

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A key of a Secret that is there already, in the namespace of the stack. */
export const secretKey = () =>
  section({
    secretName: secretName(),
    /** Key in it. */
    key: dataKey('Secret'),
  });

/** https://kubernetes.io/docs/concepts/configuration/secret/#restriction-names-data */
export const dataKey = (of: string) => text(`a key of that ${of}`, /^[-._a-zA-Z0-9]+$/);

export const secretName = () =>
  text('the name of a Secret in the namespace of the stack', /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/);

/** In the message of each check of a value that must not appear in any. */
export const notShown = 'the value is not shown';

/** A secret given in the stack file. */
export const secretText = (minLength: number) =>
  v.pipe(
    v.string(`a secret text (${notShown})`),
    v.minLength(
      minLength,
      `at least ${minLength} characters (${notShown}); leave it out to have one generated`,
    ),
  );

/** A certificate or key as it is in a file. */
export const pem = (kind: string) => v.string(`${kind} in PEM, as it is in its file (${notShown})`);

/** Host name without scheme, port or path. */
export const hostName = () =>
  text(
    'a lower-case host name such as mlflow.example.com, without scheme, port or path',
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$/,
  );

export const imageWithTag = () =>
  text('an image with a tag or digest', /^([\w.-]+(:\d+)?\/)?[\w./-]+(:[\w.-]+|@sha256:[0-9a-f]{64})$/);

/** Where a server is, as seen from the pods: also a Service of the same namespace, or an IPv4 address. */
export const serverHost = () =>
  text(
    'a host name such as db.example.com, or an address, without scheme, port or path',
    /^[a-zA-Z0-9]([-.a-zA-Z0-9]*[a-zA-Z0-9])?$/,
  );

/** A range of IPv4 or IPv6 addresses. */
export function cidr() {
  const allowed = 'a range of addresses such as 10.0.0.0/8, or 192.0.2.7/32 for a single one';
  return v.pipe(
    v.string(allowed),
    v.check((value) => prefixLength(value) !== undefined, allowed),
  );
}

/** Kubernetes quantity of memory or storage, in bytes with a suffix. */
export function size() {
  const allowed = 'a Kubernetes quantity such as 512Mi or 10Gi';
  return v.pipe(
    v.string(allowed),
    v.check((value) => /[KMGTP]i?$/.test(value) && isPositiveQuantity(value), allowed),
  );
}

/** Kubernetes quantity of processor time, in cores or thousandths of a core. */
export function cpu() {
  const allowed = 'a Kubernetes quantity such as 250m or "1"';
  return v.pipe(
    v.union([v.string(), v.number()], allowed),
    v.transform(String),
    v.check((value) => /^\d+(\.\d+)?m?$/.test(value) && isPositiveQuantity(value), allowed),
  );
}

function isPositiveQuantity(value: string): boolean {
  const amount = parseQuantity(value);
  return amount !== undefined && amount > 0;
}

/** Requests and limits of one container. A limit that is not set is no limit. */
export function resources(defaults: {
  requests: { cpu: string; memory: string };
  limits: { cpu?: string; memory: string };
}) {
  return optionalSection({
    requests: optionalSection({
      /** Processor time that is kept for it. */
      cpu: v.optional(cpu(), defaults.requests.cpu),
      /** Memory that is kept for it. */
      memory: v.optional(size(), defaults.requests.memory),
    }),
    limits: optionalSection({
      /** Most processor time. */
      cpu: defaults.limits.cpu === undefined ? v.optional(cpu()) : v.optional(cpu(), defaults.limits.cpu),
      /** Most memory; beyond it the container is ended. */
      memory: v.optional(size(), defaults.limits.memory),
    }),
  });
}
