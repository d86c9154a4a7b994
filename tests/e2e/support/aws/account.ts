// A pretended AWS account: S3, IAM, STS, RDS and the rest by moto, with a real PostgreSQL behind each RDS instance. Pods and
// this machine reach it at the host's address of the embedded cluster, over TLS.
import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { execa, type ResultPromise } from 'execa';
import { defaultImages } from '../../../../lib/image.ts';
import { contextName, hostAddress, kubeconfigPath } from '../../../../tools/cluster/index.ts';
import { packagesBesideMlflow } from '../../../../tools/images/index.ts';
import { stateDir } from '../../../../tools/lib/paths.ts';
import { logDir } from '../../../../tools/lib/plan.ts';
import { toolPath } from '../../../../tools/toolchain/index.ts';
import { authority, type Issued } from '../../../support/certificates.ts';
import { apply, ask, eventually, tryKubectl } from '../cluster.ts';
import { instance } from '../stack.ts';

const packages = packagesBesideMlflow('moto', [
  'moto==5.2.5',
  'py-partiql-parser==0.6.3',
  'responses==0.26.3',
  'xmltodict==1.0.4',
]);

/** Where databases of the account run, beside the stack and none of its business. */
export const databaseNamespace = 'rds';

/** Who signs the tokens of ServiceAccounts in the embedded cluster. */
export const clusterIssuer = 'https://kubernetes.default.svc';

/** That of AWS itself, so that NetworkPolicies are as they are there. */
const port = 443;

export const accountId = '123456789012';

/** How long a token lets into a database: 15 minutes in AWS. */
const tokenSeconds = 30;

/** Whoever deploys: may do everything. */
const operator = 'AKIAOPERATOROFTESTS0';

export class AwsAccount {
  /** Address of all services. */
  readonly url: string;
  /** Certificate of the authority that signed that of the services and databases. */
  readonly certificate: string;
  /** What the Pulumi CLI and SDKs need to work in the account as the operator. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #folder: string;
  readonly #process: ResultPromise;

  private constructor(url: string, certificate: string, folder: string, process: ResultPromise) {
    this.url = url;
    this.certificate = certificate;
    this.#folder = folder;
    this.#process = process;
    this.environment = {
      AWS_ENDPOINT_URL: url,
      AWS_ACCESS_KEY_ID: operator,
      AWS_SECRET_ACCESS_KEY: 'secret-of-the-operator',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CA_BUNDLE: join(folder, 'ca.crt'),
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.crt'),
    };
  }

  /** An empty account: no bucket, no role, no database. */
  static async start(signal = new AbortController().signal): Promise<AwsAccount> {
    mkdirSync(logDir(instance), { recursive: true });
    const log = createWriteStream(join(logDir(instance), 'aws.log'));
    await once(log, 'open');
    await packages.install({ log, signal, report: () => undefined });
    const host = hostAddress(instance);
    const { certificate, issue } = await authority();
    const server = await issue({
      hosts: [host, `*.${databaseNamespace}.svc.cluster.local`],
    });
    await databaseFiles(server);
    const folder = mkdtempSync(join(tmpdir(), 'mlflow-stack-aws-'));
    writeFileSync(join(folder, 'ca.crt'), certificate);
    writeFileSync(join(folder, 'tls.crt'), server.certificate);
    writeFileSync(join(folder, 'tls.key'), server.key, { mode: 0o600 });
    const process = execa('python3.11', [join(import.meta.dirname, 'account.py')], {
      env: { PYTHONPATH: packages.pythonPath, PYTHONDONTWRITEBYTECODE: '1', MOTO_PORT: `${port}` },
      input: JSON.stringify({
        host,
        port,
        operator,
        account: accountId,
        tokenSeconds,
        issuer: clusterIssuer,
        certificate: join(folder, 'tls.crt'),
        key: join(folder, 'tls.key'),
        webIdentityKey: readFileSync(join(stateDir(instance), 'cluster/pki/service-account.pub'), 'utf8'),
        databases: {
          namespace: databaseNamespace,
          image: defaultImages.postgres,
          kubectl: [
            toolPath('kubectl'),
            '--kubeconfig',
            kubeconfigPath(instance),
            '--context',
            contextName(instance),
          ],
        },
      }),
      stdout: log,
      stderr: log,
      reject: false,
    });
    // For SDKs in this process, too.
    setDefaultCACertificates([...getCACertificates(), certificate]);
    const account = new AwsAccount(`https://${host}`, certificate, folder, process);
    await account.#ready();
    return account;
  }

  async #ready(): Promise<void> {
    const ca = this.certificate;
    const { hostname } = new URL(this.url);
    await eventually('the AWS account answers', async () => {
      if (this.#process.exitCode !== null)
        throw new Error(`it ended; see ${join(logDir(instance), 'aws.log')}`);
      const answer = ask(hostname, { ca, host: hostname, servername: '', port, path: '/moto-api/data.json' });
      return await answer.then(
        ({ status }) => status === 200,
        () => false,
      );
    });
  }

  /** Nothing of the account is left, its databases included. */
  async stop(): Promise<void> {
    this.#process.kill();
    await this.#process;
    rmSync(this.#folder, { recursive: true });
    await tryKubectl('delete', 'namespace', databaseNamespace, '--ignore-not-found');
  }
}

async function databaseFiles({ certificate, key }: Issued): Promise<void> {
  const metadata = { name: databaseNamespace };
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata });
  const stringData = { 'tls.crt': certificate, 'tls.key': key };
  await apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'tls', namespace: databaseNamespace },
    stringData,
  });
}
