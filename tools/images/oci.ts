import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { StepContext } from '../lib/step.ts';
import { type Layer, sha256 } from './layer.ts';

/** The part of an image's configuration that the local images use. */
export interface ImageConfig {
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly User?: string;
  readonly StopSignal?: string;
}

/** An image as its name, its configuration and its layers. */
export interface Image {
  readonly name: string;
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Manifest {
  readonly descriptor: Descriptor;
  /** The two small documents of an image, by digest. */
  readonly documents: Readonly<Record<string, string>>;
}

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/** Manifest and configuration of an image: decided by its layers and configuration alone. */
export function manifestOf(image: Image): Manifest {
  const config = document('application/vnd.oci.image.config.v1+json', {
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: 'linux',
    config: {
      ...image.config,
      Labels: {
        'org.opencontainers.image.description': `Stands in for ${image.name}: the same software, assembled from packages`,
      },
    },
    rootfs: { type: 'layers', diff_ids: image.layers.map((layer) => layer.digest) },
    history: image.layers.map(() => ({})),
  });
  const manifest = document('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: config.descriptor,
    layers: image.layers.map(({ digest, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest,
      size,
    })),
  });
  return { descriptor: manifest.descriptor, documents: { ...config.documents, ...manifest.documents } };
}

function document(mediaType: string, content: object): Manifest {
  const text = JSON.stringify(content);
  const digest = `sha256:${sha256(text)}`;
  return { descriptor: { mediaType, digest, size: Buffer.byteLength(text) }, documents: { [digest]: text } };
}

/** Runs `ctr` against one containerd: command and leading arguments, such as those that enter its namespaces. */
export type Ctr = readonly [command: string, ...args: string[]];

/** Imports those images that containerd does not have yet; layers that they share travel once. */
export async function importImages(images: readonly Image[], ctr: Ctr, context: StepContext): Promise<void> {
  const [command, ...args] = ctr;
  const { stdout } = await execa(command, [...args, 'images', 'list'], { cancelSignal: context.signal });
  const present = new Set(stdout.split('\n').map((line) => line.split(/\s+/).slice(0, 3).join(' ')));
  const missing = images.filter((image) => {
    const { mediaType, digest } = manifestOf(image).descriptor;
    return !present.has(`${image.name} ${mediaType} ${digest}`);
  });
  if (missing.length === 0) return;
  context.report(missing.map((image) => image.name).join(', '));

  // The archive exists only as a stream: links to the layers, followed by tar.
  const folder = mkdtempSync(join(tmpdir(), 'mlflow-stack-import-'));
  try {
    layOut(missing, folder);
    const tar = execa('tar', ['-C', folder, '-chf', '-', '.'], {
      stderr: context.log,
      buffer: false,
      encoding: 'buffer',
    });
    await tar.pipe(command, [...args, 'images', 'import', '-'], {
      cancelSignal: context.signal,
      stdout: context.log,
      stderr: context.log,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the images as an OCI image layout whose layers are symbolic links. */
function layOut(images: readonly Image[], folder: string): void {
  const blobs = join(folder, 'blobs/sha256');
  const pathOf = (digest: string) => join(blobs, digest.replace('sha256:', ''));
  mkdirSync(blobs, { recursive: true });
  const manifests = images.map((image) => {
    const { descriptor, documents } = manifestOf(image);
    for (const [digest, text] of Object.entries(documents)) writeFileSync(pathOf(digest), text);
    return { ...descriptor, annotations: { 'io.containerd.image.name': image.name } };
  });
  for (const layer of new Map(
    images.flatMap((image) => image.layers).map((each) => [each.digest, each]),
  ).values()) {
    symlinkSync(layer.file, pathOf(layer.digest));
  }
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}
