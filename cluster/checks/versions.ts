// Versions that cannot follow one another.
import type { Settings } from '../../config.ts';
import { compareVersions, mlflowVersion } from '../../lib/image.ts';
import { isOwn } from '../../lib/labels.ts';
import { names } from '../../lib/names.ts';
import { type KubernetesObject, objectPath } from '../client.ts';
import type { DeployedServer } from '../facts.ts';
import { type ClusterView, readOrNothing } from '../view.ts';

/** An older MLflow does not know the schema that a newer one has made. */
export function downgrade(deployed: DeployedServer | undefined, { server }: Settings): string[] {
  const isOlder =
    deployed !== undefined && compareVersions(mlflowVersion(server.image), deployed.version) < 0;
  if (!isOlder) return [];
  const copy =
    deployed.snapshot === undefined ? '' : `, such as the copy ${deployed.snapshot} that the stack made`;
  return [
    `mlflow-stack:server.image.tag is ${server.image.tag}, but MLflow ${deployed.version} is deployed, and going back ` +
      `needs a database from before the upgrade${copy}: docs/upgrade.md#going-back`,
  ];
}

interface StatefulSet extends KubernetesObject {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
    };
  };
  readonly status?: { readonly readyReplicas?: number };
}

/** A new major version of PostgreSQL does not read the files of the old one. */
export async function databaseMajorMistakes(view: ClusterView, settings: Settings): Promise<string[]> {
  const { backendStore, namespace } = settings;
  if (backendStore.kind !== 'postgres') return [];
  const name = names.backendStore;
  const path = objectPath('apis/apps/v1', namespace.name, 'statefulsets', name);
  const found = await readOrNothing<StatefulSet>(view, path, `StatefulSet ${name}`);
  // An image that never came up says nothing of the files, and must be replaceable.
  if (!found?.status?.readyReplicas || !isOwn(found.metadata.labels)) return [];
  const image = found.spec.template.spec.containers.find((container) => container.name === 'postgres')?.image;
  const [before, next] = [image ?? '', backendStore.image].map(major);
  return before === undefined || next === undefined || before === next
    ? []
    : [
        `StatefulSet "${name}" runs PostgreSQL ${before}, but mlflow-stack:backendStore.image is ${backendStore.image}, ` +
          `which cannot read its files; choose an image of version ${before}, or move the data: docs/upgrade.md#moving-data`,
      ];
}

/** The first number in an image's tag; undefined where there is none to tell. */
function major(image: string): string | undefined {
  return /:\D*(\d+)[^/]*$/.exec(image.split('@')[0] ?? '')?.[1];
}
