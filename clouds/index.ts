// Each cloud is imported only when a stack names it, so that a stack loads its own cloud's SDK alone.
import type { Settings } from '../config.ts';
import type { Cloud } from './cloud.ts';
import type { CloudName } from './plans.ts';

const loaders: Readonly<Record<CloudName, () => Promise<(settings: Settings) => Cloud>>> = {
  local: async () => (await import('./local/index.ts')).local,
  gcp: async () => (await import('./gcp/index.ts')).gcp,
  aws: async () => (await import('./aws/index.ts')).aws,
};

/** The cloud that the settings name, made for them. */
export async function loadCloud(settings: Settings): Promise<Cloud> {
  return (await loaders[settings.cloud]())(settings);
}
