// Names the causes of what is wrong with a stack, from what Kubernetes tells of it.
import { failedStep } from '../../cluster/pods.ts';
import { annotations, names, serverComponent } from '../../lib/names.ts';
import { type JobRun, type Observation, componentOf } from '../lib/observation.ts';
import { jobState, readyEndpoints } from '../lib/status.ts';
import { claimFindings } from './claims.ts';
import type { Finding, FindingId } from './finding.ts';
import { type Patient, logsOf, podFindings } from './pods.ts';

/**
 * Causes before what follows from them, which is left out where there are any. What several objects tell of one cause counts
 * once.
 *
 * @param known causes that were found otherwise.
 */
export function diagnose(patient: Patient, known: readonly Finding[] = []): Finding[] {
  const causes = distinct([
    ...nodeFindings(patient),
    ...claimFindings(patient),
    ...podFindings(patient),
    ...known,
    ...refusedPods(patient),
    ...jobFindings(patient),
    ...serverFindings(patient),
  ]);
  return [...causes, ...(causes.length === 0 ? consequences(patient) : []), ...wayInFindings(patient)];
}

/** What would keep a pod like the server's from starting, too. */
export function obstacleToPods(findings: readonly Finding[]): Finding | undefined {
  const ids: readonly FindingId[] = [
    'secret-missing',
    'image-pull',
    'container-config',
    'no-room',
    'unschedulable',
    'volume-mount',
    'pods-refused',
    'claim-pending',
    'claim-lost',
  ];
  const components = [serverComponent, 'artifact-store', 'sqlite'];
  return findings.find(({ id, component = '' }) => ids.includes(id) && components.includes(component));
}

function distinct(findings: readonly Finding[]): Finding[] {
  return [
    ...new Map(
      findings.map((each) => [`${each.id} ${each.about ?? each.cause}`, each] as const).reverse(),
    ).values(),
  ].reverse();
}

const pressures = ['MemoryPressure', 'DiskPressure', 'PIDPressure'];

function nodeFindings({ seen, commands }: Patient): Finding[] {
  return seen.nodes.flatMap(({ metadata, status }) => {
    const wrong = status?.conditions?.find(({ type, status }) =>
      type === 'Ready' ? status !== 'True' : pressures.includes(type) && status === 'True',
    );
    return wrong === undefined
      ? []
      : [
          {
            id: 'node-pressure' as const,
            what: `node ${metadata.name} ${wrong.type === 'Ready' ? 'is not ready' : `has ${wrong.type}`}`,
            cause: wrong.message ?? wrong.reason ?? 'it gives no reason',
            next: `${commands.kubectl} describe node ${metadata.name}`,
          },
        ];
  });
}

/** Pods that cannot even be made: a quota, a policy of the namespace. */
function refusedPods({ seen, commands }: Patient): Finding[] {
  const failure = seen.server?.status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  const refused = [
    ...(failure === undefined
      ? []
      : [{ owner: `Deployment ${names.server}`, component: serverComponent, cause: failure.message ?? '' }]),
    ...seen.statefulSets
      .filter(({ metadata }) => !seen.pods.some((pod) => pod.metadata.name === `${metadata.name}-0`))
      .flatMap((set) => {
        const { metadata } = set;
        const warning = seen.warnings.find(
          ({ involvedObject, reason }) => involvedObject.name === metadata.name && reason === 'FailedCreate',
        );
        return warning === undefined
          ? []
          : [
              {
                owner: `StatefulSet ${metadata.name}`,
                component: componentOf(set),
                cause: warning.message ?? '',
              },
            ];
      }),
  ];
  return refused.map(({ owner, component, cause }) => ({
    id: 'pods-refused',
    component,
    what: `${owner} may make no pods`,
    cause,
    next: /quota/.test(cause)
      ? `${commands.kubectl} describe resourcequota`
      : `${commands.kubectl} describe namespace`,
  }));
}

/** The last run of each kind of Job, where it failed. */
function jobFindings({ seen, commands }: Patient): Finding[] {
  const components = [...new Set(seen.jobs.map(componentOf))];
  return components.flatMap((component) => {
    const last = seen.jobs.find((job) => componentOf(job) === component);
    if (last === undefined || jobState(last) !== 'failed') return [];
    const isMigration = component === 'migration';
    return [
      {
        id: isMigration ? ('migration-failed' as const) : ('job-failed' as const),
        what: `the last ${isMigration ? 'migration' : `run of ${component}`} failed (Job ${last.metadata.name})`,
        cause: whyFailed(last, seen),
        next: isMigration ? `mend what it says, then ${commands.up}` : logsOf(component, commands),
      },
    ];
  });
}

function whyFailed(job: JobRun, { pods }: Observation): string {
  const own = pods.filter(
    ({ metadata }) => metadata.labels?.['batch.kubernetes.io/job-name'] === job.metadata.name,
  );
  const condition = job.status?.conditions?.find(({ type }) => type === 'Failed');
  return failedStep(own) ?? condition?.message ?? 'its pods are gone';
}

/** What somebody has made of it on purpose, or an update has left. */
function serverFindings({ seen, settings, commands }: Patient): Finding[] {
  const { server } = seen;
  const findings: Finding[] = [];
  if (server?.spec.replicas === 0) {
    const stopped = server.metadata.annotations?.[annotations.stoppedReplicas];
    findings.push({
      id: 'server-stopped',
      what: 'the server is stopped',
      cause:
        stopped === undefined
          ? `somebody has scaled Deployment ${names.server} to 0`
          : 'an update stopped it for a migration and has not ended well',
      next: commands.up,
    });
  }
  if (settings.server.diagnosticMode) {
    findings.push({
      id: 'diagnostic-mode',
      what: 'the server sleeps',
      cause: 'mlflow-stack:server.diagnosticMode is true',
      next: `set it to false when you are done, then ${commands.up}`,
    });
  }
  return findings;
}

/** Of pods that nothing seems to be wrong with. */
function consequences({ seen, commands }: Patient): Finding[] {
  if (seen.server === undefined) {
    return [
      {
        id: 'server-missing',
        what: 'there is no server',
        cause: `no update has come as far as Deployment ${names.server}, or somebody deleted it`,
        next: commands.up,
      },
    ];
  }
  return seen.services
    .filter((service) => readyEndpoints(service, seen) === 0)
    .map((service) => ({
      id: 'no-endpoints' as const,
      what: `nobody answers for Service ${service.metadata.name}`,
      cause: seen.pods.some((pod) => componentOf(pod) === componentOf(service))
        ? 'its pods are not ready yet'
        : 'it has no pods',
      next: `${commands.kubectl} get pods --selector app.kubernetes.io/component=${componentOf(service)}`,
    }));
}

function wayInFindings({ seen, commands }: Patient): Finding[] {
  const without = seen.ingresses.filter(({ status }) => (status?.loadBalancer?.ingress ?? []).length === 0);
  const refused = seen.routes.flatMap(({ metadata, status }) => {
    const conditions = (status?.parents ?? []).flatMap((parent) => parent.conditions ?? []);
    const accepted = conditions.filter(({ type }) => type === 'Accepted');
    const wrong = conditions.find(
      ({ type, status }) => ['Accepted', 'ResolvedRefs'].includes(type) && status !== 'True',
    );
    if (accepted.length > 0 && wrong === undefined) return [];
    return [{ name: metadata.name, cause: wrong?.message ?? 'no Gateway has looked at it' }];
  });
  return [
    ...without.map(({ metadata, spec }) => ({
      id: 'no-address' as const,
      what: `Ingress ${metadata.name} has no address`,
      cause: `the controller of class ${spec.ingressClassName ?? '(none)'} has not given it one: it does not run, or gives none`,
      next: `${commands.kubectl} describe ingress ${metadata.name}`,
    })),
    ...refused.map(({ name, cause }) => ({
      id: 'route-refused' as const,
      what: `HTTPRoute ${name} is not in use`,
      cause,
      next: `${commands.kubectl} describe httproute ${name}`,
    })),
  ];
}
