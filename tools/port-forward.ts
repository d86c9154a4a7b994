// Started in the background by lib/forward.ts with a ForwardPlan: keeps Services of the cluster reachable on local ports.
import { execa } from 'execa';
import { setTimeout as sleep } from 'node:timers/promises';
import { answers, type Forward, type ForwardPlan } from './lib/forward.ts';

const plan = JSON.parse(process.argv[2] ?? '') as ForwardPlan;
const ending = new AbortController();
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => ending.abort());

const env = plan.kubeconfig === undefined ? {} : { KUBECONFIG: plan.kubeconfig };
await Promise.all(plan.forwards.map(keep));

/** A forward is bound to one pod. kubectl ends when a connection finds that pod gone, and the next kubectl finds its successor. */
async function keep(forward: Forward): Promise<void> {
  while (!ending.signal.aborted) {
    const stop = new AbortController();
    const kubectl = execa(
      plan.kubectl,
      [
        ...[
          '--context',
          plan.context,
          '--namespace',
          forward.namespace,
          'port-forward',
          '--address',
          '127.0.0.1',
        ],
        ...[`service/${forward.service}`, `${forward.localPort}:${forward.servicePort}`],
      ],
      {
        env,
        stdio: 'inherit',
        reject: false,
        cancelSignal: AbortSignal.any([ending.signal, stop.signal]),
        forceKillAfterDelay: 1000,
      },
    );
    void probe(forward.localPort, stop);
    await kubectl;
    stop.abort();
    await sleep(1000, undefined, { signal: ending.signal }).catch(() => undefined);
  }
}

/** Opens a connection now and then: a kubectl that hangs on a pod long gone notices, or is ended after two failures. */
async function probe(port: number, stop: AbortController): Promise<void> {
  for (let failures = 0; failures < 2 && !stop.signal.aborted && !ending.signal.aborted;) {
    await sleep(5000, undefined, { ref: false });
    failures = (await answers(port)) ? 0 : failures + 1;
  }
  stop.abort();
}
