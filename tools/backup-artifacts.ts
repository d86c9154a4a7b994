// npm run backup:artifacts: copies the artifacts of a stack to a folder or another bucket, and back.
import { type Copied, copyArtifacts } from './lib/artifact-copies.ts';
import { withMaintenancePod } from './lib/maintenance-pod.ts';
import { command } from './lib/command.ts';
import { openStack } from './lib/stack.ts';

const COMMAND = {
  usage: 'npm run backup:artifacts -- --to PLACE [OPTIONS]',
  about: 'Copies the artifacts of a stack; a repeat copies only what changed.',
  options: {
    stack: { value: 'NAME', help: 'the stack (default: the selected one)' },
    to: {
      value: 'PLACE',
      help: 'a folder here, or s3://bucket/path or gs://bucket/path that the server may use',
    },
    back: { help: 'from there back into the store of the stack' },
    json: { help: 'print the result for programs' },
  },
  afterInterruption: 'Interrupted; the next run goes on from here.',
} as const;

const DAY = 24 * 3600;

await command(COMMAND, async (options, { signal, help }) => {
  const { to, back = false } = options;
  if (to === undefined) {
    console.log(help);
    return 1;
  }
  const stack = await openStack(options.stack);
  const store = String(stack.outputs.artifactUri);
  const copied = await withMaintenancePod(stack, { signal, deadlineSeconds: DAY }, (pod) =>
    copyArtifacts(pod, { store, copy: to, back, signal }),
  );
  console.log(options.json ? JSON.stringify(copied) : sentence(copied, back ? [to, store] : [store, to]));
});

function sentence({ files, bytes }: Copied, [from, to]: [string, string]): string {
  const amount = files === 1 ? '1 file' : `${files} files`;
  return files === 0
    ? `${to} has all of ${from} already.`
    : `${amount}, ${(bytes / 2 ** 20).toFixed(1)} MiB, copied from ${from} to ${to}.`;
}
