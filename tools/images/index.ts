import type { Step, StepContext } from '../lib/step.ts';
import { toolPath } from '../toolchain/index.ts';
import { assembleLayer } from './layer.ts';
import { mlflowPackagesStep } from './mlflow.ts';
import type { Image } from './oci.ts';
import { busybox, program } from './programs.ts';
import { assembleImage, type ImageRecipe } from './recipe.ts';

export { sha256 } from './layer.ts';
export { mlflowPackagesDir, mlflowPackagesStep, packagesBesideMlflow } from './mlflow.ts';
export { importImages } from './oci.ts';
export type { ImageRecipe } from './recipe.ts';
export { imagesFor, seaweedfs, stackImages } from './stack-images.ts';
export { mlflowWithOidc, testImages } from './test-images.ts';

/** What the cluster itself runs. */
export const pauseImage = 'localhost/mlflow-stack/pause:1';
export const addonsImage = 'localhost/mlflow-stack/addons:1';
export const traefikImage = 'localhost/mlflow-stack/traefik:1';

/** Assembles all that needs Debian or PyPI, so it can run beside the building of the cluster's programs. */
export function imageSteps(images: readonly ImageRecipe[]): Step[] {
  const layers = new Set(images.flatMap((image) => image.layers));
  const steps = [...layers].map((layer): Step => ({
    title: layer.title,
    ...(layer.estimate !== undefined && { estimate: layer.estimate }),
    run: async (context) => void (await assembleLayer(layer, context)),
  }));
  return [mlflowPackagesStep, ...steps];
}

/** The cluster's own images and the given ones; assembles what is missing. */
export async function clusterImages(images: readonly ImageRecipe[], context: StepContext): Promise<Image[]> {
  const assembled = [];
  for (const image of [...ownImages(), ...images]) assembled.push(await assembleImage(image, context));
  return assembled;
}

/** Known once the programs in them are there. */
function ownImages(): ImageRecipe[] {
  const shell = busybox('/usr/bin/busybox');
  const tool = (name: string) => program(toolPath(name));
  return [
    {
      name: pauseImage,
      layers: [shell],
      config: {
        Entrypoint: ['/bin/sh', '-c', 'trap "exit 0" TERM INT; while :; do sleep 86400 & wait; done'],
      },
    },
    // The provisioner's helper pods are root by this image's default, since they may not ask for it.
    {
      name: addonsImage,
      layers: [shell, tool('coredns'), tool('local-path-provisioner')],
      config: { Env: ['PATH=/bin'] },
    },
    {
      name: traefikImage,
      layers: [tool('traefik')],
      config: { Entrypoint: ['/bin/traefik'], User: '65532:65532' },
    },
  ];
}
