// Secrets and ConfigMaps that settings name and somebody else makes.
import type { Settings } from '../../config.ts';
import { tlsHosts } from '../../lib/entry.ts';
import { type SecretReference, secretReferences } from '../../lib/secret-references.ts';
import { type TlsFiles, tlsProblems } from '../../lib/tls-files.ts';
import { type KubernetesObject, objectPath } from '../client.ts';
import { complaint } from '../secret-formats.ts';
import { type ClusterView, unreadable } from '../view.ts';

/** What there is to say of one key, or of an object as a whole. */
export interface Finding {
  readonly reference: SecretReference;
  /** Undefined where it is about the whole object. */
  readonly key?: string;
  /** Everything that is wrong, as a sentence; undefined when nothing is. */
  readonly mistake?: string;
  /** Whether the user may not read it, so that nothing can be said. */
  readonly unread?: boolean;
  /** Whether it is not there yet, since the next update has it made. */
  readonly awaited?: boolean;
}

/** An object with its values in plain text. */
interface Content {
  readonly labels: Record<string, string> | undefined;
  readonly values: Readonly<Record<string, string>>;
}

/** One finding per key, for all that the settings name. */
export async function inspectReferences(view: ClusterView, settings: Settings): Promise<Finding[]> {
  const findings = secretReferences(settings).map(async (reference): Promise<Finding[]> => {
    const content = await readContent(view, settings.namespace.name, reference);
    return content === unreadable
      ? [{ reference, unread: true }]
      : inspectReference(reference, content, settings);
  });
  return (await Promise.all(findings)).flat();
}

/** The same as mistakes, each once. */
export async function referenceMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const findings = await inspectReferences(view, settings);
  return [...new Set(findings.flatMap(({ mistake }) => mistake ?? []))];
}

function inspectReference(
  reference: SecretReference,
  content: Content | undefined,
  { namespace, backendStore }: Settings,
): Finding[] {
  const { setting, kind, name, keys, format } = reference;
  const object = `${kind} "${name}"`;
  const naming = `which mlflow-stack:${setting} names`;
  // Which keys it gets, the rules know.
  const isMade = reference.isMade === true;
  if (content === undefined && isMade) return [{ reference, awaited: true }];
  if (content === undefined) {
    return [
      {
        reference,
        mistake: `${object}, ${naming}, does not exist in namespace "${namespace.name}"; create it`,
      },
    ];
  }
  if (keys.length === 0) return [{ reference }];
  const known = Object.keys(content.values).sort().join(', ') || 'none';
  const ofKeys = keys.map((key): Finding => {
    const value = content.values[key];
    if (value === undefined && isMade) return { reference, key, awaited: true };
    if (value === undefined)
      return {
        reference,
        key,
        mistake: `${object}, ${naming}, has no key "${key}" (it has ${known}); add it`,
      };
    const wanted = reference.values?.[key];
    const problem =
      wanted !== undefined && value !== wanted
        ? `is not ${wanted}, which the settings say; correct it`
        : complaint(format, value, backendStore.dialect);
    return problem === undefined
      ? { reference, key }
      : { reference, key, mistake: `key "${key}" of ${object}, ${naming}, ${problem}` };
  });
  const isComplete = ofKeys.every(({ awaited, mistake }) => awaited !== true && mistake === undefined);
  if (reference.hosts === undefined || !isComplete) return ofKeys;
  const { 'tls.crt': certificate = '', 'tls.key': privateKey = '', 'ca.crt': authorities } = content.values;
  const files: TlsFiles = { 'tls.crt': certificate, 'tls.key': privateKey };
  const problems = tlsProblems(
    // Where clients are not told of it, it does not count.
    keys.includes('ca.crt') ? { ...files, 'ca.crt': authorities } : files,
    reference.hosts,
  );
  return problems.length === 0
    ? ofKeys
    : problems.map(({ file, text }) => ({
        reference,
        key: file,
        mistake: `key "${file}" of ${object}, ${naming}, ${text}`,
      }));
}

/** Certificates in the settings themselves, of which parts may be encrypted for all but a preview or an update. */
export function certificateMistakes({ ingress }: Settings): string[] {
  return (ingress.enabled ? ingress.tls : []).flatMap((entry, index) => {
    const { certificate, key } = entry;
    if (certificate === undefined || key === undefined) return [];
    const settings = { 'tls.crt': 'certificate', 'tls.key': 'key', 'ca.crt': 'certificate' };
    return tlsProblems({ 'tls.crt': certificate, 'tls.key': key }, tlsHosts(entry, ingress)).map(
      ({ file, text }) => `mlflow-stack:ingress.tls[${index}].${settings[file]} ${text}`,
    );
  });
}

interface DataObject extends KubernetesObject {
  readonly data?: Record<string, string>;
  readonly binaryData?: Record<string, string>;
}

/** Values of a Secret or ConfigMap. */
export async function readContent(
  view: ClusterView,
  namespace: string,
  { kind, name }: Pick<SecretReference, 'kind' | 'name'>,
): Promise<Content | undefined | typeof unreadable> {
  const path = objectPath('api/v1', namespace, `${kind.toLowerCase()}s`, name);
  const found = await view.read<DataObject>(path, `${kind} ${name}`);
  if (found === undefined || found === unreadable) return found;
  const { data = {}, binaryData = {}, metadata } = found;
  return {
    labels: metadata.labels,
    values: kind === 'Secret' ? decoded(data) : { ...data, ...decoded(binaryData) },
  };
}

const decoded = (data: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
  );

/** What would have to be in a namespace that the stack is yet to make. */
export function referencesTooEarly(settings: Settings): string[] {
  const { namespace, artifactStore } = settings;
  const claim = artifactStore.existingClaim;
  const missing = [
    ...secretReferences(settings)
      .filter(({ isMade }) => isMade !== true)
      .map(({ kind, name }) => `${kind} "${name}"`),
    ...(claim === undefined ? [] : [`PersistentVolumeClaim "${claim}"`]),
  ];
  return missing.length === 0
    ? []
    : [
        `namespace "${namespace.name}" does not exist yet, so ${[...new Set(missing)].join(', ')} cannot be in it; ` +
          'create the namespace and these, and set mlflow-stack:namespace.create to false',
      ];
}
