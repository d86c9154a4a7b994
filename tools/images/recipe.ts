import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StepContext } from '../lib/step.ts';
import { assembleLayer, type LayerRecipe } from './layer.ts';
import type { Image, ImageConfig } from './oci.ts';

/** What an image is called, what it is made of and how it starts. */
export interface ImageRecipe {
  readonly name: string;
  readonly layers: readonly LayerRecipe[];
  readonly config: ImageConfig;
}

/** The image; assembles those of its layers that are missing. */
export async function assembleImage(
  { name, layers, config }: ImageRecipe,
  context: StepContext,
): Promise<Image> {
  const assembled = [];
  for (const layer of layers) assembled.push(await assembleLayer(layer, context));
  return { name, config, layers: assembled };
}

export const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A file of this folder, such as a script that fills a layer. */
export const here = (name: string): string => join(import.meta.dirname, name);
export const textOf = (name: string): string => readFileSync(here(name), 'utf8');
