import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { execa } from 'execa';
import { compareVersions, defaultImages, imageReference, mlflowVersion } from '../../lib/image.ts';
import { imageSteps, seaweedfs, stackImages, testImages } from '../../tools/images/index.ts';
import { projectDir } from '../../tools/lib/paths.ts';

const folder = join(projectDir, 'tools/images');
const namesOf = (images: readonly { name: string }[]) => images.map(({ name }) => name);
const mlflowRepository = `${defaultImages.mlflow.repository}:`;
const current = stackImages.find(({ name }) => name.startsWith(mlflowRepository));
const older = testImages.filter(({ name }) => name.startsWith(mlflowRepository));

describe('images', () => {
  it('are those that a stack runs by default, and more only for whoever asks', () => {
    expect(namesOf(stackImages)).to.have.members([
      defaultImages.postgres,
      imageReference(defaultImages.mlflow),
    ]);
    expect(namesOf(testImages)).to.include.members([
      defaultImages.seaweedfs,
      'docker.io/library/mariadb:10.11',
      defaultImages.oauth2Proxy,
      defaultImages.cloudSqlProxy,
      'registry.example/mlflow:v3.17.2-full-oidc',
    ]);
    const all = namesOf([...stackImages, ...testImages]);
    expect(new Set(all).size).to.equal(all.length);
  });

  it('are assembled one layer after the other, each once, the client packages first', () => {
    const titles = (images: typeof stackImages) => imageSteps(images).map(({ title }) => title);
    const base = ['MLflow from PyPI', 'Debian layer', 'PostgreSQL layer', 'MLflow layer'];
    expect(titles(stackImages)).to.deep.equal(base);
    const all = titles([...stackImages, ...testImages]);
    expect(all.slice(0, base.length)).to.deep.equal(base);
    expect(new Set(all).size).to.equal(all.length);
  });

  it('have layers that are told apart in the cache', () => {
    const layers = new Set([...stackImages, ...testImages].flatMap((image) => image.layers));
    expect(new Set([...layers].map(({ name }) => name)).size).to.equal(layers.size);
  });

  it('are made anew when a script changes', () => {
    const inputs = [...stackImages, ...testImages].flatMap((image) =>
      image.layers.flatMap((layer) => layer.inputs),
    );
    for (const script of globSync('**/*.sh', { cwd: folder }))
      expect(inputs.includes(readFileSync(join(folder, script), 'utf8')), script).to.equal(true);
  });

  it('hold the SeaweedFS that their name promises', () => {
    const [, version] = defaultImages.seaweedfs.split(':');
    expect(seaweedfs.layers.at(-1)?.inputs.join()).to.match(new RegExp(`^seaweedfs-${version}-`));
  });

  it('hold the proxies that their names promise', () => {
    for (const proxy of [defaultImages.oauth2Proxy, defaultImages.cloudSqlProxy]) {
      const [, program, version] = /([^/:]+):v?(.+)$/.exec(proxy) ?? [];
      const image = testImages.find(({ name }) => name === proxy);
      expect(image?.layers.at(-1)?.inputs.join()).to.match(new RegExp(`^${program}-${version}-`));
    }
  });

  it('have scripts that the shell can read', async () => {
    for (const script of globSync('**/*.sh', { cwd: folder }))
      await execa('bash', ['-n', join(folder, script)]);
  });
});

describe('images of older MLflow versions', () => {
  it('come before the current one', () => {
    expect(older).to.have.length(2);
    for (const { name } of older)
      expect(
        compareVersions(mlflowVersion({ repository: '', tag: name }), mlflowVersion(defaultImages.mlflow)),
      ).to.be.below(0);
  });

  it('add MLflow alone to the current one, in a folder that Python looks into first', () => {
    for (const { name, layers, config } of older) {
      const version = mlflowVersion({ repository: '', tag: name });
      expect(layers.slice(0, -1)).to.deep.equal(current?.layers);
      expect(layers.at(-1)?.inputs).to.include.members([
        `mlflow==${version}`,
        `mlflow-skinny==${version}`,
        `mlflow-tracing==${version}`,
      ]);
      expect(config.Env).to.deep.equal([...(current?.config.Env ?? []), 'PYTHONPATH=/opt/mlflow']);
    }
  });
});

describe('packages of the MLflow image', () => {
  const lines = readFileSync(join(folder, 'requirements.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const versions = new Map(lines.map((line) => line.split('==') as [string, string]));

  it('are all pinned, once', () => {
    for (const line of lines) expect(line).to.match(/^[\w.-]+==[\w.]+$/);
    expect(versions.size).to.equal(lines.length);
  });

  it('are the MLflow of the image name, in all its parts', () => {
    const version = mlflowVersion(defaultImages.mlflow);
    for (const name of ['mlflow', 'mlflow-skinny', 'mlflow-tracing'])
      expect(versions.get(name)).to.equal(version);
  });

  it('include the drivers of the official full image', () => {
    expect([...versions.keys()]).to.include.members([
      ...['psycopg2-binary', 'PyMySQL', 'pymssql'],
      ...['boto3', 'google-cloud-storage'],
    ]);
  });
});
