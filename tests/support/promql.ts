// What a query of Prometheus asks for, by Prometheus's own grammar for editors.
import { parser } from '@prometheus-io/lezer-promql';

export interface Selector {
  readonly metric: string;
  /** Labels that it names. */
  readonly labels: readonly string[];
}

/** The series that a query selects. Throws where it is no query. */
export function selectors(query: string): Selector[] {
  const found: { metric: string; labels: string[] }[] = [];
  parser.parse(query).iterate({
    enter: ({ name, from, to, type }) => {
      const text = query.slice(from, to);
      if (type.isError) throw new Error(`not PromQL at "${query.slice(from)}": ${query}`);
      if (name === 'VectorSelector') found.push({ metric: '', labels: [] });
      const last = found.at(-1);
      if (name === 'Identifier' && last?.metric === '') last.metric = text;
      if (name === 'LabelName' && last !== undefined && /[=!]/.test(query.slice(to, to + 2).trim()[0] ?? ''))
        last.labels.push(text);
    },
  });
  return found;
}
