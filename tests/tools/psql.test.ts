// psql in a pod that others play.
import { expect } from 'chai';
import { execa } from 'execa';
import type { MaintenancePod } from '../../tools/lib/maintenance-pod.ts';
import { runPsql, withoutPsql } from '../../tools/lib/psql.ts';
import { settingsWith } from '../support/settings.ts';

const { signal } = new AbortController();

/** A pod with scripts for the one that tells libpq where the database is, and for psql. */
function podWith(service: string, psql: string): MaintenancePod & { readonly asked: string[] } {
  const asked: string[] = [];
  const exec = (container: string, command: readonly string[], options: object) => {
    asked.push(command.join(' '));
    return execa('sh', ['-c', container === 'mlflow' ? service : psql], options);
  };
  return { name: 'pod', exec: exec as unknown as MaintenancePod['exec'], asked };
}

const failure = (pod: MaintenancePod) =>
  runPsql({ name: 'team' }, pod, { signal, command: 'SELECT 1', output: 'pipe' }).then(
    () => 'no error',
    (error: unknown) => (error as Error).message,
  );

describe('psql in a pod', () => {
  it('runs a statement, in another database where one is named, and ends as that does', async () => {
    const options = { signal, command: 'SELECT 1', output: 'pipe' } as const;
    const pod = podWith('true', 'echo 1');
    const run = await runPsql({ name: 'team' }, pod, { ...options, database: 'mlflow_auth' });
    expect(run).to.deep.equal({ exitCode: 0, stdout: '1' });
    expect(pod.asked[1]).to.match(/--dbname mlflow_auth --command SELECT 1$/);
    expect(await runPsql({ name: 'team' }, podWith('true', 'exit 1'), options)).to.have.property(
      'exitCode',
      1,
    );
  });

  it('says who knows more when the database does not let it in', async () => {
    const refused = 'echo \'FATAL:  password authentication failed for user "mlflow"\' >&2; exit 2';
    expect(await failure(podWith('true', refused))).to.equal(
      'psql could not log in to the database, or lost it, and has said why; what to do about it: npm run doctor -- --stack team',
    );
  });

  it('says what is wrong with the address of the database', async () => {
    const pod = podWith('echo "MLFLOW_BACKEND_STORE_URI is no URI" >&2; exit 1', 'true');
    expect(await failure(pod)).to.equal('The database cannot be opened: MLFLOW_BACKEND_STORE_URI is no URI');
    expect(pod.asked).to.have.lengthOf(1);
  });

  const uriFrom = { secretName: 'db', key: 'uri' };
  for (const [backendStore, reason] of [
    [{ kind: 'postgres' }, undefined],
    [{ kind: 'external', uriFrom }, undefined],
    [{ kind: 'external', dialect: 'mysql', uriFrom }, 'use mysql'],
    [{ kind: 'external', dialect: 'mssql', uriFrom }, 'use sqlcmd'],
    [{ kind: 'sqlite' }, 'sqlite3'],
  ] as const)
    it(`${reason === undefined ? 'is' : 'is not'} for ${JSON.stringify(backendStore)}`, () => {
      const said = withoutPsql(settingsWith({ backendStore }));
      if (reason === undefined) expect(said).to.equal(undefined);
      else expect(said).to.include('mlflow-stack:backendStore.').and.include(reason);
    });
});
