// Whose logs `npm run logs` shows.
import { closest } from 'fastest-levenshtein';
import { type Pod, containersOf } from '../../cluster/pods.ts';
import { serverComponent } from '../../lib/names.ts';
import { type Observation, componentOf } from './observation.ts';

/** Shorter names for components. Others go by their label. */
const aliases: Readonly<Record<string, string>> = {
  server: serverComponent,
  database: 'postgres',
  vacuum: 'postgres-vacuum',
};

/** How people call a component. */
export const shortName = (component: string): string =>
  Object.keys(aliases).find((alias) => aliases[alias] === component) ?? component;

export interface LogSource {
  readonly pod: string;
  /** Default: all of the pod. */
  readonly container?: string;
}

/**
 * Pods of the components that are named, or of all: of Jobs those of the last run.
 *
 * @param previous asks for containers of before their last restart.
 * @throws Error when there is no such component, or nothing to show.
 */
export function logSources(seen: Observation, wanted: readonly string[], previous: boolean): LogSource[] {
  const { pods, statefulSets, jobs, cronJobs, server } = seen;
  const known = new Set([server ?? [], statefulSets, pods, jobs, cronJobs].flat().map(componentOf));
  const components = wanted.includes('all') ? [] : wanted.map((name) => componentNamed(name, known));
  const chosen = pods.filter((pod) => components.length === 0 || components.includes(componentOf(pod)));
  const last = chosen.filter((pod) => {
    const job = jobOf(pod);
    return job === undefined || job === lastJob(seen, componentOf(pod));
  });
  const sources = last.flatMap((pod): LogSource[] =>
    previous
      ? containersOf(pod)
          .filter(({ restartCount = 0 }) => restartCount > 0)
          .map(({ name }) => ({ pod: pod.metadata.name, container: name }))
      : [{ pod: pod.metadata.name }],
  );
  if (sources.length > 0) return sources;
  const what = wanted.length === 0 || wanted.includes('all') ? 'The stack' : wanted.join(', ');
  throw new Error(
    previous && last.length > 0
      ? `${what}: no container was restarted, so there is nothing from before; leave --previous out`
      : `${what}: there are no pods now; npm run status shows what there is`,
  );
}

function componentNamed(name: string, known: ReadonlySet<string>): string {
  const component = aliases[name] ?? name;
  if (known.has(component)) return component;
  const names = [...known].map(shortName).sort();
  throw new Error(
    `The stack has no component ${name}; did you mean ${shortName(closest(name, [...names, ...known]))}? There are: ${names.join(', ')}, all`,
  );
}

const jobOf = ({ metadata }: Pod): string | undefined => metadata.labels?.['batch.kubernetes.io/job-name'];

const lastJob = ({ pods }: Observation, component: string): string | undefined =>
  pods.filter((pod) => componentOf(pod) === component).map(jobOf)[0];
