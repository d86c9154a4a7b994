// What a pod like the server's sees of database and artifact store.
import type { Settings } from '../../config.ts';
import { serverComponent } from '../../lib/names.ts';
import { filesPath } from '../../lib/pod.ts';
import { withMaintenancePod } from '../lib/maintenance-pod.ts';
import type { RunningStack } from '../lib/stack.ts';
import { databaseFinding } from './database.ts';
import type { Commands, Finding, FindingId } from './finding.ts';

/** One line of lib/scripts/check_stores.py. */
export interface Check {
  /** `database NAME at HOST:PORT`, or `artifact store URI`. */
  readonly store: string;
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** @throws Error when the pod does not start. */
export async function checkStores(stack: RunningStack, signal: AbortSignal): Promise<Check[]> {
  return await withMaintenancePod(stack, { signal, deadlineSeconds: 600 }, async (pod) => {
    const { stdout, stderr, exitCode } = await pod.exec(
      'mlflow',
      ['python3', `${filesPath}/check_stores.py`],
      { reject: false, cancelSignal: signal },
    );
    const checks = readChecks(stdout);
    if (exitCode !== 0) throw new Error(stderr.trim().split('\n').at(-1) ?? '');
    return checks;
  });
}

/** MLflow's own messages may stand between the lines. */
export const readChecks = (output: string): Check[] =>
  output
    .split('\n')
    .filter((line) => line.startsWith('{"check"'))
    .map((line) => JSON.parse(line) as Check);

export function checkFindings(checks: readonly Check[], settings: Settings, commands: Commands): Finding[] {
  return checks
    .filter(({ ok }) => !ok)
    .map((check) => ({
      ...(check.store.startsWith('database')
        ? ofDatabase(check, settings, commands)
        : ofArtifacts(check, settings, commands)),
      component: serverComponent,
    }));
}

function ofDatabase({ store, check, detail }: Check, settings: Settings, commands: Commands): Finding {
  if (check === 'schema') {
    return {
      id: 'database-schema',
      what: `${store} does not have the schema of the server's MLflow`,
      cause: detail,
      next: `a new text in mlflow-stack:migrations.runId, then ${commands.up}`,
    };
  }
  const what = `${store} ${check === 'port' ? 'cannot be reached' : 'does not let the server in'}`;
  const known = databaseFinding(what, `database: ${detail}`, { settings, commands });
  const id = check === 'port' ? 'database-unreachable' : 'database-login';
  return known?.id === id
    ? known
    : { id, what, cause: detail, next: known?.next ?? 'correct mlflow-stack:backendStore' };
}

/** What stores say, in the words of S3, Google Cloud Storage, Azure and file systems. */
const answers: readonly (readonly [FindingId, RegExp])[] = [
  [
    'artifacts-bucket-missing',
    /NoSuchBucket|bucket does not exist|ContainerNotFound|FilesystemNotFound|HeadBucket.*404/i,
  ],
  ['storage-full', /No space left|Disk quota exceeded|XMinioStorageFull|QuotaExceeded|InsufficientStorage/i],
  [
    'artifacts-denied',
    /AccessDenied|Access Denied|Forbidden|\b40[13]\b|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|Permission ?denied|Unauthorized|credentials|no identity|AuthorizationPermissionMismatch|AuthenticationFailed/i,
  ],
  [
    'artifacts-unreachable',
    /no answer within|[Cc]ould not connect|Connection refused|timed out|Name or service not known/,
  ],
];

function ofArtifacts(
  { store, check, detail }: Check,
  { artifactStore }: Settings,
  commands: Commands,
): Finding {
  const found = answers.find(([, said]) => said.test(detail))?.[0];
  const id = check === 'port' ? 'artifacts-unreachable' : (found ?? 'artifacts-failed');
  const secret = artifactStore.credentialsFrom?.secretName;
  const next: Partial<Record<FindingId, string>> = {
    'artifacts-unreachable':
      artifactStore.kind === 's3Compatible' && artifactStore.endpointUrl === undefined
        ? commands.logs.replace('logs --', 'logs -- s3')
        : 'start the store, or correct its address in mlflow-stack:artifactStore; mlflow-stack:networkPolicy.objectStoreCidrs must hold it where it is no address of its own',
    'artifacts-denied':
      secret === undefined
        ? "give the server's identity the rights to read, write, list and delete there"
        : `correct Secret "${secret}" or the rights of its key on the bucket, then ${commands.up}`,
    'artifacts-bucket-missing': 'create the bucket, or correct mlflow-stack:artifactStore.bucket',
    'storage-full': 'raise mlflow-stack:artifactStore.size, or delete what nobody needs',
  };
  return {
    id,
    what: `${store}: ${check === 'port' ? 'it cannot be reached' : `${check} fails`}`,
    cause: detail,
    next: next[id] ?? commands.logs.replace('logs --', 'logs -- server'),
  };
}
