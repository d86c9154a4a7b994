// Pulumi's plug-in waits for servers, but says of a StatefulSet only that it is not ready. Whoever waits wants to know why.
import * as pulumi from '@pulumi/pulumi';
import type { ClusterAccess } from '../clouds/cloud.ts';
import type { Settings } from '../config.ts';
import { serverComponent } from '../lib/names.ts';
import { type ClusterClient, clusterClient } from './client.ts';
import { connectionOf } from './kubeconfig.ts';
import { type Pod, componentSelector, mountProblems, obstacle, podsOf, warningsIn } from './pods.ts';

/** Updates that go well are over by then, or have said all there is to say. */
const firstSeconds = 15;
const periodSeconds = 10;

/** Says, for as long as an update goes on, what keeps the pods of servers from starting: once per component and reason. */
export function followPods(access: ClusterAccess, settings: Settings): void {
  if (pulumi.runtime.isDryRun()) return;
  const said = new Set<string>();
  const look = async () => {
    try {
      const client = clusterClient(await connectionOf(access));
      try {
        for (const text of await news(client, settings.namespace.name, said)) await pulumi.log.warn(text);
      } finally {
        client.close();
      }
    } catch {
      // The update itself tells of a cluster that does not answer.
    } finally {
      later(periodSeconds);
    }
  };
  // Nobody waits for it: the program ends when all else is done.
  const later = (seconds: number) => setTimeout(() => void look(), seconds * 1000).unref();
  later(firstSeconds);
}

/** What was not said before. */
export async function news(client: ClusterClient, namespace: string, said: Set<string>): Promise<string[]> {
  const pods = await podsOf(client, namespace, componentSelector('postgres', 's3', serverComponent));
  const found: string[] = [];
  for (const pod of pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined)) {
    const { name, labels } = pod.metadata;
    const { reason, text } = obstacle(pod) ?? (await unmounted(client, namespace, pod)) ?? {};
    const key = `${labels?.['app.kubernetes.io/component']} ${reason}`;
    if (text === undefined || said.has(key)) continue;
    said.add(key);
    found.push(`Pod ${name} waits: ${text}`);
  }
  return found;
}

/** A volume that cannot be mounted, such as a Secret that is missing, is told by events alone. */
async function unmounted(client: ClusterClient, namespace: string, { metadata, status }: Pod) {
  if (status?.phase !== 'Pending') return undefined;
  const warning = (await warningsIn(client, namespace)).find(
    ({ involvedObject, reason = '' }) =>
      involvedObject.name === metadata.name && mountProblems.includes(reason),
  );
  return warning && { reason: warning.reason, text: warning.message };
}
