import { type ClusterClient, ForbiddenError, type KubernetesObject } from './client.ts';

/** Stands for an object that the user has no right to read. */
export const unreadable = Symbol('not readable with the rights of the kubeconfig');

/** What checks see of a cluster. Each object is read once, however many checks ask for it. */
export interface ClusterView {
  /** An object; undefined when there is none. `what` is its name for people. */
  read<T = KubernetesObject>(path: string, what: string): Promise<T | undefined | typeof unreadable>;
  /** Names for people of all that the user had no right to read. */
  refused(): readonly string[];
}

/** A right to read that the user lacks skips a check: the update itself may still succeed. */
export function clusterView(client: Pick<ClusterClient, 'get'>): ClusterView {
  const seen = new Map<string, Promise<unknown>>();
  const refused: string[] = [];
  const look = async (path: string, what: string) => {
    try {
      return await client.get(path);
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error;
      refused.push(what);
      return unreadable;
    }
  };
  return {
    refused: () => refused.toSorted(),
    read: <T>(path: string, what: string) => {
      const reading = seen.get(path) ?? look(path, what);
      seen.set(path, reading);
      return reading as Promise<T | undefined | typeof unreadable>;
    },
  };
}

/** The same for callers to whom it makes no difference why there is nothing to see. */
export async function readOrNothing<T = KubernetesObject>(
  view: ClusterView,
  path: string,
  what: string,
): Promise<T | undefined> {
  const found = await view.read<T>(path, what);
  return found === unreadable ? undefined : found;
}
