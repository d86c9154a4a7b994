import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { optionArgs, ownedOption, ownedVariable } from '../../lib/server-options.ts';
import { settingAt } from '../support/schema.ts';

const source = readFileSync(new URL('../../lib/server-options.ts', import.meta.url), 'utf8');
/** Names on the left-hand side of the two tables. */
const owned = (table: string): string[] => {
  const [, body = ''] = new RegExp(`const ${table}[^{]*\\{([^}]+)\\}`).exec(source) ?? [];
  return [...body.matchAll(/^ {2}'?([\w-]+)'?: '/gm)].map(([, name = '']) => name);
};

describe('an option of `mlflow server` that the program sets itself', () => {
  const options = owned('owned');
  const variables = owned('ownedVariables');

  it('is one of many', () => {
    expect(options).to.include.members(['host', 'dev', 'backend-store-uri', 'app-name']);
    expect(variables).to.include.members(['PGPASSWORD', 'MLFLOW_AUTH_CONFIG_PATH']);
  });

  for (const [name, instead] of [
    ...options.map((option) => [option, ownedOption(option)]),
    ...variables.map((variable) => [variable, ownedVariable(variable)]),
  ] as const) {
    it(`${name ?? ''} points to a setting that exists`, () => {
      if (instead?.includes(' ')) return;
      expect(instead).to.match(/^mlflow-stack:/);
      const path = instead?.slice('mlflow-stack:'.length).split('.') ?? [];
      expect(settingAt(path), instead).not.to.equal(undefined);
    });
  }

  for (const name of ['workers', '--workers', 'static_prefix', 'static-prefix', 'STATIC_PREFIX']) {
    it(`is known as ${name}`, () => expect(ownedOption(name)).to.match(/^mlflow-stack:server\./));
  }

  for (const name of [
    'MLFLOW_WORKERS',
    'MLFLOW_SERVER_ALLOWED_HOSTS',
    'MLFLOW_ALLOWED_HOSTS',
    'MLFLOW_FLASK_SERVER_SECRET_KEY',
    'PGPASSWORD',
  ]) {
    it(`is known as the variable ${name}`, () => expect(ownedVariable(name)).to.be.a('string'));
  }

  for (const name of ['x-frame-options', 'secrets-cache-ttl', 'uvicorn_opts', 'constructor']) {
    it(`is not ${name}`, () => expect(ownedOption(name)).to.equal(undefined));
  }

  // Variables of other programs may be called like options of MLflow.
  for (const name of [
    'HOST',
    'PORT',
    'DEV',
    'AWS_REGION',
    'MLFLOW_SERVER_X_FRAME_OPTIONS',
    'MLFLOW_',
    'MLFLOW_CONSTRUCTOR',
  ]) {
    it(`is not the variable ${name}`, () => expect(ownedVariable(name)).to.equal(undefined));
  }
});

describe('arguments of `mlflow server`', () => {
  it('are the options in alphabetical order, spelled as MLflow spells them', () => {
    expect(optionArgs({ b_c: '1', '--a': '2' }, ['z', 'x_y'])).to.deep.equal([
      ...['--a', '2', '--b-c', '1'],
      ...['--x-y', '--z'],
    ]);
    expect(optionArgs({}, [])).to.deep.equal([]);
  });
});
