import { debian, packages } from './debian.ts';
import { mlflowOf } from './mlflow.ts';
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

/** What the end-to-end tests run beside what every stack does. */
export const testImages: readonly ImageRecipe[] = [seaweedfs, mariadb, ...olderMlflow];
