import { expect } from 'chai';
import { spans } from '../../tools/timeline.ts';

const urn = (name: string) => `urn:pulumi:dev::mlflow-stack::gcp:sql/user:User::${name}`;
const event = (timestamp: number, kind: string, op: string, name: string) =>
  JSON.stringify({ timestamp, [kind]: { metadata: { op, urn: urn(name), type: 'gcp:sql/user:User' } } });

describe('The timeline of an update', () => {
  it('has what was done, by its start, and leaves out what stayed the same', () => {
    const log = [
      JSON.stringify({ timestamp: 100, preludeEvent: {} }),
      event(101, 'resourcePreEvent', 'create', 'first'),
      event(101, 'resourcePreEvent', 'same', 'as-before'),
      event(102, 'resOutputsEvent', 'same', 'as-before'),
      event(103, 'resourcePreEvent', 'create', 'second'),
      event(104, 'resOutputsEvent', 'create', 'second'),
      event(109, 'resOutputsEvent', 'create', 'first'),
    ];
    expect(spans(log.join('\n')).map(({ name, start, end }) => [name, start, end])).to.deep.equal([
      ['first', 1, 9],
      ['second', 3, 4],
    ]);
  });
});
