// What exists in a pretended cloud, for test doubles of plug-ins: a file per object, in a folder that outlives the engine's
// runs and that several plug-in processes share.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Props = Record<string, unknown>;

/** An object of the cloud: what was asked for, and what the plug-in returns of it. */
export interface CloudObject {
  readonly id: string;
  readonly inputs: Props;
  readonly outputs: Props;
}

export class Store {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  get(type: string, id: string): CloudObject | undefined {
    const file = this.#file(type, id);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as CloudObject) : undefined;
  }

  put(type: string, object: CloudObject): void {
    const file = this.#file(type, object.id);
    mkdirSync(this.#folder(type), { recursive: true });
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(object, undefined, 2));
    renameSync(`${file}.${process.pid}`, file);
  }

  remove(type: string, id: string): void {
    rmSync(this.#file(type, id), { force: true });
  }

  list(type: string): CloudObject[] {
    const folder = this.#folder(type);
    if (!existsSync(folder)) return [];
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as CloudObject);
  }

  /** Types and ids of all there is. */
  contents(): { type: string; id: string }[] {
    if (!existsSync(join(this.dir, 'objects'))) return [];
    return readdirSync(join(this.dir, 'objects'))
      .map(decodeURIComponent)
      .flatMap((type) => this.list(type).map(({ id }) => ({ type, id })));
  }

  #folder(type: string): string {
    return join(this.dir, 'objects', encodeURIComponent(type));
  }

  #file(type: string, id: string): string {
    return join(this.#folder(type), `${encodeURIComponent(id)}.json`);
  }
}
