// The one list of clouds. Each is imported only when a stack names it, so that a stack loads its own cloud's SDK alone.
import type { Cloud } from './cloud.ts';

const loaders = {
  local: async (): Promise<Cloud> => (await import('./local/index.ts')).local,
};

export type CloudName = keyof typeof loaders;

export const cloudNames = Object.keys(loaders) as CloudName[];

export function loadCloud(name: CloudName): Promise<Cloud> {
  return loaders[name]();
}
