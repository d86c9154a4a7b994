import { defaultImages } from '../../lib/image.ts';
import type { Tool } from '../toolchain/tools.ts';
import { debian, packages } from './debian.ts';
import { mlflowOf, mlflowWith } from './mlflow.ts';
import { fetchedProgram } from './programs.ts';
import { type ImageRecipe, PATH } from './recipe.ts';
import { oauth2Proxy, seaweedfs } from './stack-images.ts';

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

const CLOUD_SQL_PROXY = '2.28.0';
const cloudSqlProxyTool: Tool = {
  name: 'cloud-sql-proxy',
  version: CLOUD_SQL_PROXY,
  programs: [{ name: 'cloud-sql-proxy', args: ['--version'] }],
  ways: [
    {
      kind: 'go',
      builds: [
        {
          module: 'cloud-sql-proxy',
          package: 'github.com/GoogleCloudPlatform/cloud-sql-proxy/v2',
          output: 'cloud-sql-proxy',
        },
      ],
    },
  ],
  estimate: 60,
};

/** The way to Cloud SQL, as stacks of Google Cloud run it. */
const cloudSqlProxy: ImageRecipe = {
  name: defaultImages.cloudSqlProxy,
  layers: [debian, fetchedProgram(cloudSqlProxyTool, 'Cloud SQL Auth Proxy', 60)],
  config: { Env: [`PATH=${PATH}`], Entrypoint: ['cloud-sql-proxy'], User: '65532' },
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

/** What the end-to-end tests run beside what every stack does. */
export const testImages: readonly ImageRecipe[] = [
  seaweedfs,
  mariadb,
  ...olderMlflow,
  mlflowWithOidc,
  oauth2Proxy,
  cloudSqlProxy,
];
