import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
  readonly lastHeartbeatTime?: string;
}

/** Those parts of nodes and pods that tell whether the cluster is ready. */
export interface KubernetesObject {
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly status: {
    readonly phase?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly {
      readonly state: {
        readonly running?: { readonly startedAt: string };
        readonly waiting?: { readonly reason?: string };
      };
    }[];
  };
}

/**
 * Reads a path of the API as the cluster's administrator. A plain request is answered within milliseconds, whereas loading a client library
 * takes longer than everything else that a start of a running cluster does.
 */
export async function readApi(
  server: string,
  pki: string,
  path: string,
  signal: AbortSignal,
  accept = 'application/json',
): Promise<string> {
  const credentials = {
    ca: readFileSync(join(pki, 'ca.crt')),
    cert: readFileSync(join(pki, 'admin.crt')),
    key: readFileSync(join(pki, 'admin.key')),
  };
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const call = request(
    new URL(path, server),
    { ...credentials, signal, timeout: 5000, agent: false, headers: { accept } },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${path}: ${response.statusCode} ${text.trim().slice(0, 300)}`));
      });
    },
  );
  call.on('timeout', () => call.destroy(new Error(`${path}: no answer`)));
  call.on('error', reject);
  call.end();
  return promise;
}

/**
 * What is still missing, in words; empty when everything has become ready since `booted`. Older news are the last boot's.
 * `rules` are the node's packet filter: kube-router is ready when the pods that serve have their place in it.
 */
export function missing(
  node: KubernetesObject,
  pods: readonly KubernetesObject[],
  addons: readonly string[],
  rules: string,
  booted: Date,
): string[] {
  const condition = node.status.conditions?.find(({ type }) => type === 'Ready');
  const fresh = new Date(condition?.lastHeartbeatTime ?? 0) >= booted;
  const nodeProblem =
    condition?.status === 'True' && fresh
      ? []
      : [`the node (${fresh ? condition?.message : 'no word from the kubelet'})`];
  const serving = addons.map((addon) => pods.find((pod) => isServing(pod, addon, booted)));
  const enforced = serving.every((pod) => !pod || rules.includes(`POD name:${pod.metadata.name} `));
  return [
    ...nodeProblem,
    ...addons.filter((_, index) => !serving[index]),
    ...(enforced ? [] : ['kube-router']),
  ];
}

function isServing({ metadata, status }: KubernetesObject, addon: string, booted: Date): boolean {
  return (
    metadata.labels?.[ADDON_LABEL] === addon &&
    status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true &&
    status.containerStatuses?.every(({ state }) => new Date(state.running?.startedAt ?? 0) >= booted) === true
  );
}

/** Carried by the pods in addons.yaml. */
export const ADDON_LABEL = 'mlflow-stack/addon';
