import { expect } from 'chai';
import { type DatabaseAddress, databaseVariables } from '../../lib/database.ts';

const password = { secretName: 'db', key: 'password' };
const address: DatabaseAddress = {
  dialect: 'postgresql',
  host: 'db.example',
  port: 6432,
  database: 'tracking',
  user: 'tracker',
  password,
  sslMode: 'verify-full',
};

describe('the variables of a database', () => {
  it('are those of libpq for PostgreSQL, where no password needs escaping', () => {
    expect(databaseVariables(address)).to.deep.equal({
      settings: {
        MLFLOW_BACKEND_STORE_URI: 'postgresql+psycopg2://',
        PGCONNECT_TIMEOUT: '10',
        PGDATABASE: 'tracking',
        PGHOST: 'db.example',
        PGPORT: '6432',
        PGSSLMODE: 'verify-full',
        PGUSER: 'tracker',
      },
      secrets: { PGPASSWORD: password },
    });
  });

  for (const dialect of ['mysql', 'mssql'] as const) {
    it(`are parts that the pod makes an address of for ${dialect}`, () => {
      expect(databaseVariables({ ...address, dialect })).to.deep.equal({
        settings: {
          DATABASE_DIALECT: dialect,
          DATABASE_HOST: 'db.example',
          DATABASE_NAME: 'tracking',
          DATABASE_PORT: '6432',
          DATABASE_USER: 'tracker',
        },
        secrets: { DATABASE_PASSWORD: password },
      });
    });
  }

  it('take from a Secret whatever only that knows', () => {
    const key = (name: string) => ({ secretName: 'login', key: name });
    const { settings, secrets } = databaseVariables({
      ...address,
      host: key('host'),
      user: key('username'),
    });
    expect(secrets).to.deep.equal({ PGHOST: key('host'), PGUSER: key('username'), PGPASSWORD: password });
    expect(settings).not.to.have.any.keys('PGHOST', 'PGUSER', 'PGPASSWORD');
  });
});
