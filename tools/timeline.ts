// node tools/timeline.ts FILE: how long each resource of an update took and what it waited for, by the events that
// `pulumi up --event-log FILE` writes. Times are in seconds since the update began.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Metadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
}

interface Event {
  readonly timestamp: number;
  readonly resourcePreEvent?: { readonly metadata: Metadata };
  readonly resOutputsEvent?: { readonly metadata: Metadata };
}

export interface Span {
  readonly name: string;
  readonly type: string;
  readonly op: string;
  readonly start: number;
  readonly end: number;
}

/** Resources that something was done to, by their start. */
export function spans(eventLog: string): Span[] {
  const events = eventLog
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
  const first = events[0]?.timestamp ?? 0;
  const begun = new Map<string, number>();
  const all: Span[] = [];
  for (const { timestamp, resourcePreEvent, resOutputsEvent } of events) {
    if (resourcePreEvent) begun.set(keyOf(resourcePreEvent.metadata), timestamp);
    if (resOutputsEvent === undefined) continue;
    const { metadata } = resOutputsEvent;
    const start = begun.get(keyOf(metadata));
    if (start === undefined || metadata.op === 'same') continue;
    const { urn, type, op } = metadata;
    all.push({ name: urn.split('::').at(-1) ?? '', type, op, start: start - first, end: timestamp - first });
  }
  return all.sort((a, b) => a.start - b.start || a.end - b.end);
}

const keyOf = ({ op, urn }: Metadata) => `${op} ${urn}`;

if (import.meta.filename === process.argv[1]) {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error('usage: node tools/timeline.ts FILE');
  for (const { name, type, op, start, end } of spans(readFileSync(join(process.cwd(), file), 'utf8')))
    console.log(
      `${String(start).padStart(5)} ${String(end).padStart(5)}  ${op.padEnd(14)} ${type.split(':').at(-1) ?? ''} ${name}`,
    );
}
