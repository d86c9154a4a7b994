// Why storage is not there.
import { type Claim, type Observation, componentOf } from '../lib/observation.ts';
import type { Finding } from './finding.ts';
import type { Patient } from './pods.ts';

const selectedNode = 'volume.kubernetes.io/selected-node';
const defaultClass = 'storageclass.kubernetes.io/is-default-class';

export function claimFindings(patient: Patient): Finding[] {
  return patient.seen.claims.flatMap((claim) => {
    const finding = claimFinding(claim, patient);
    return finding === undefined ? [] : [{ ...finding, component: componentOf(claim) }];
  });
}

function claimFinding(claim: Claim, patient: Patient): Finding | undefined {
  const { seen, commands } = patient;
  const { metadata, status, spec } = claim;
  const describe = `${commands.kubectl} describe persistentvolumeclaim ${metadata.name}`;
  const setting = `mlflow-stack:${sectionOf(claim)}`;
  if (status?.phase === 'Lost') {
    return {
      id: 'claim-lost',
      what: `claim ${metadata.name} has lost its volume`,
      cause: 'the PersistentVolume that held its data is gone',
      next: describe,
    };
  }
  if (status?.phase === 'Bound') return undefined;
  const what = `claim ${metadata.name} has no volume`;
  const cause = pendingCause(claim, patient);
  // Waits for a pod, which has a reason of its own when it does not come.
  if (cause === undefined) return undefined;
  const isClass = /no (default one|StorageClass ")|storageclass/.test(cause);
  return {
    id: 'claim-pending',
    what,
    cause,
    next: isClass
      ? `name one of ${classNames(seen)} in ${setting}.storageClassName`
      : /space|capacity|size|quota/i.test(cause)
        ? `lower ${setting}.size (${spec.resources?.requests?.storage ?? ''}), or make room`
        : describe,
  };
}

/** Seconds that a provisioner may take. */
const patienceSeconds = 30;

function pendingCause({ metadata, spec }: Claim, { seen, now }: Patient): string | undefined {
  const { storageClasses, unreadable, warnings } = seen;
  const wanted = spec.storageClassName;
  const found = storageClasses.find(({ metadata: { name } }) => name === wanted);
  if (wanted === '') return 'it names no StorageClass, and no PersistentVolume that fits it is free';
  if (!unreadable.includes('storageclasses')) {
    if (wanted === undefined) {
      const hasDefault = storageClasses.some((each) => each.metadata.annotations?.[defaultClass] === 'true');
      if (!hasDefault) return 'it names no StorageClass, and the cluster has no default one';
    } else if (found === undefined) return `the cluster has no StorageClass "${wanted}"`;
  }
  const warned = warnings.find(({ involvedObject }) => involvedObject.name === metadata.name)?.message;
  if (warned !== undefined) return warned.replaceAll(/\s+/g, ' ');
  const isDue =
    found?.volumeBindingMode === 'Immediate' || metadata.annotations?.[selectedNode] !== undefined;
  const isLate = now - Date.parse(metadata.creationTimestamp ?? '') > patienceSeconds * 1000;
  return isDue && isLate
    ? `its provisioner ${found?.provisioner ?? ''} has made none: does it run, and is there a volume?`
    : undefined;
}

const classNames = ({ storageClasses }: Observation): string =>
  storageClasses.map(({ metadata }) => metadata.name).join(', ') || 'the StorageClasses that you make';

const sectionOf = (claim: Claim): string =>
  componentOf(claim) === 'backup'
    ? 'backup'
    : /postgres|sqlite/.test(claim.metadata.name)
      ? 'backendStore'
      : 'artifactStore';
