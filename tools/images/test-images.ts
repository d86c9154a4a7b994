import { defaultImages } from '../../lib/image.ts';
import type { Tool } from '../toolchain/tools.ts';
import { debian, packages } from './debian.ts';
import { mlflowOf, mlflowWith } from './mlflow.ts';
import { fetchedProgram } from './programs.ts';
import { type ImageRecipe, PATH } from './recipe.ts';
import { seaweedfs } from './stack-images.ts';

/** Stands in for MySQL, as a database outside the stack. */
const mariadb: ImageRecipe = {
  name: 'docker.io/library/mariadb:10.11',
  layers: [debian, packages('mariadb', 'MariaDB', 30)],
  config: {
    Env: [`PATH=${PATH}`, 'LANG=C.UTF-8'],
    Entrypoint: ['docker-entrypoint.sh'],
    Cmd: ['mariadbd'],
  },
};

/** The releases that upgrades start from: the one before, and one a few database migrations ago. */
const olderMlflow = ['3.16.1', '3.13.0'].map(mlflowOf);

/** The newest mlflow-oidc-auth that runs on Python 3.11, which is what the official image of MLflow has, and what it needs. */
export const mlflowWithOidc = mlflowWith('oidc', [
  'mlflow-oidc-auth==10.1.3',
  'asgiref==3.13.0',
  'Authlib==1.9.10',
  'httpcore2==2.16.2',
  'httpx2==2.16.2',
  'joserfc==1.8.0',
  'PyJWT==2.15.1',
  'redis==5.3.1',
  'truststore==0.10.5',
]);

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

const oauth2Proxy: ImageRecipe = {
  name: defaultImages.oauth2Proxy,
  layers: [debian, fetchedProgram(oauth2ProxyTool, 'oauth2-proxy', 180)],
  config: { Env: [`PATH=${PATH}`], Entrypoint: ['oauth2-proxy'] },
};

/** What the end-to-end tests run beside what every stack does. */
export const testImages: readonly ImageRecipe[] = [
  seaweedfs,
  mariadb,
  ...olderMlflow,
  mlflowWithOidc,
  oauth2Proxy,
];
